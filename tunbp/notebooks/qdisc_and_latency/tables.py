"""The table of notebook 04 for print: throughput, wait and drops at a few rings."""

from __future__ import annotations

import pandas as pd

from tunbp.quantities import significant

RINGS = (10, 50, 100, 500, 1000)
"""Rings of the printed table."""


def printed(table: pd.DataFrame) -> pd.DataFrame:
    """Medians of `evidence.latency.medians` as they are read, one row per ring.

    Stock has one column of each: its sparse flow waits alike behind either qdisc, which its ring never fills.

    Parameters
    ----------
    table
        What `medians` returned.

    Returns
    -------
    pandas.DataFrame
        For print.
    """
    rows = []
    for ring in (size for size in RINGS if size in set(table["ring"])):
        part = table[table["ring"] == ring].set_index(["variant", "qdisc"])
        first, last = part.loc["stock"].iloc[-1], part.loc["backpressure"]
        row = {
            "ring": str(ring),
            "stock (Mbit/s)": significant(first["received_rate"] / 1e6, 3),
            "backpressure (Mbit/s)": significant(last["received_rate"].iloc[-1] / 1e6, 3),
            "stock, drops (%)": significant(100 * first["drop_fraction"], 2),
            "stock, wait (ms)": significant(1e3 * first["wait"], 2),
        }
        waits = {
            f"backpressure, {qdisc}, wait (ms)": significant(1e3 * wait, 2) for qdisc, wait in last["wait"].items()
        }
        rows.append(row | waits)
    return pd.DataFrame(rows)
