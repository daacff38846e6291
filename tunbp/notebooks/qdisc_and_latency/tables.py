"""The table of notebook 04 for print, and sentences of captions that its numbers decide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from tunbp.evidence import latency
from tunbp.plots.style import variant_style
from tunbp.quantities import percent, show, significant

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


def needed_by_stock(bulk: pd.DataFrame) -> str:
    """Sentence for a caption: the ring that suffices with backpressure, and the one that stock needs for as much.

    Parameters
    ----------
    bulk
        What `evidence.latency.over_rings` returned.

    Returns
    -------
    str
        One sentence.
    """
    best, table = latency.sweet_spot(bulk), latency.medians(bulk)
    stock = table[(table["variant"] == "stock") & (table["qdisc"] == best["qdisc"])]
    enough = stock[stock["received_rate"] >= 0.99 * best["received_rate"]]  # as much, but for its noise
    needed = f"with {enough['ring'].min():.0f}" if len(enough) else "at none of these rings"
    carried = show(best["received_rate"], "bit/s", 2)
    return f"Backpressure carries {carried} with {best['ring']:.0f} packets, stock {needed}."


def simulated(values: Mapping[str, Any], bulk: pd.DataFrame) -> tuple[str, ...]:
    """Facts of the simulation of `evidence.latency.over_rings`, for the line of a figure's set-up.

    Parameters
    ----------
    values
        Parameters of the notebook.
    bulk
        What `over_rings` returned for them.

    Returns
    -------
    tuple of str
        Path, reader, flows, and what the ring of the sweet spot drops of stock's packets.
    """
    best, table = latency.sweet_spot(bulk), latency.medians(bulk)
    there = table[(table["variant"] == "stock") & (table["ring"] == best["ring"]) & (table["qdisc"] == best["qdisc"])]
    share = percent(float(there["drop_fraction"].iloc[0]), 2)
    lost = f"stock drops {share} of its packets at txqueuelen {best['ring']:.0f}"
    flows = "1 bulk TCP stream" if values["streams"] == 1 else f"{values['streams']} bulk TCP streams"
    reader = f"reader of {show(values['drain_rate'], 'packet/s', 2)}"
    return ("simulated", f"RTT {show(values['rtt'], 's', 2)}", reader, flows, lost)


def in_band(shaped: pd.DataFrame) -> str:
    """Sentence for a caption: the simulated ping of each driver at the reported ring, and on which side of the report.

    Parameters
    ----------
    shaped
        What `evidence.latency.shaped_tun` returned.

    Returns
    -------
    str
        One sentence, and why a ping lies below the band.
    """
    low, high = latency.shaped_published()
    ring = int(shaped["ring"].max())
    told = []
    for row in shaped[shaped["ring"] == ring].to_dict("records"):
        place = "below" if row["rtt"] < low else "above" if row["rtt"] > high else "inside"
        told.append(f"{variant_style(row['variant']).label} {show(row['rtt'], 's', 3)} ({place} what was reported)")
    why = " A ping below it: TCP backs off, and the ring is not always full." if "below" in "".join(told) else ""
    return f"At {ring} packets: {', '.join(told)}.{why}"
