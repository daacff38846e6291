"""What notebook 07 says of many senders, from the runs that are shown."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tunbp.evidence.many_senders import KSOFTIRQD, PER_PACKET, THRESHOLDS, tcp
from tunbp.notebooks.words import named
from tunbp.quantities import percent, show, show_range, significant

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


def senders_table(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of `evidence.many_senders.per_packet` as they are read; what no measurement counted is left out.

    Parameters
    ----------
    table
        What `tunbp.evidence.many_senders.per_packet` returned.

    Returns
    -------
    pandas.DataFrame
        Counts per packet, times with their units.
    """
    shown = table[["measurement", "runs"]].assign(cell=table["cell"].map(named), driver=table["variant"])
    units = dict.fromkeys(PER_PACKET, "1") | {"reader_cpu": "s", "ksoftirqd_cpu": "%"}
    for name, words in {**PER_PACKET, "ksoftirqd_cpu": KSOFTIRQD}.items():
        if table[name].notna().any():
            shown[words] = ["" if np.isnan(value) else show(value, units[name], 2) for value in table[name]]
    return shown[["measurement", "cell", "driver", "runs", *shown.columns[4:]]]


def senders_words(runs: Mapping[str, xr.Dataset], decided: pd.DataFrame) -> str:
    """Why eight TCP senders carry less than one, as far as the measurements tell, in Markdown.

    Parameters
    ----------
    runs
        `tunbp.evidence.live.measurements`.
    decided
        `tunbp.lab.statistics.machine_verdicts` of those of senders: what the flag changes in the rate carried.

    Returns
    -------
    str
        A paragraph for each measurement that compares one sender with eight; empty without any.
    """
    parts = [_dearer(name, data) for name, data in runs.items() if data.attrs["experiment"] == "senders"]
    return "\n\n".join(part for part in (*parts, _flag(decided), _thresholds(runs)) if part)


def _dearer(name: str, data: xr.Dataset) -> str:
    """What eight senders carry less than one through stock, and what each packet costs the reader."""
    table = tcp(data, "stock")
    alone = table[table["queues"] == 1]
    by_count = {int(row["senders"]): row for row in alone.to_dict("records")}
    if not {1, 8} <= set(by_count):
        return ""
    one, eight = by_count[1], by_count[8]
    change = eight["rate"] / one["rate"] - 1
    said = (
        f"**Stock ({name}).** Eight TCP senders through one queue carry {percent(abs(change), 2)} "
        f"{'less' if change < 0 else 'more'} than one: {_median(eight)} for {_median(one)} (medians and ranges of "
        f"{alone['runs'].min()} runs or more). A packet costs the reader {show(eight['reader_cpu'], 's', 2)} of "
        f"processor time instead of {show(one['reader_cpu'], 's', 2)}, and it loses its processor "
        f"{significant(eight['reader_preemptions'], 2)} times for each instead of "
        f"{significant(one['reader_preemptions'], 2)}."
    )
    spread = table[(table["senders"] == 8) & (table["queues"] > 1)]
    for row in spread.to_dict("records"):
        said += (
            f" Through {row['queues']} queues eight carry {_median(row)}, at "
            f"{show(row['reader_cpu'], 's', 2)} and {significant(row['reader_preemptions'], 2)} times."
        )
    if json.loads(str(data.attrs["facts"]))["cpus"] > 1:
        apart = float((alone["rate"] * alone["reader_cpu"] - 1).abs().max())
        said += (
            f" That dearer packet is the loss: what a reader with a processor for itself would carry at these costs is "
            f"what {min(by_count)} to {max(by_count)} senders carried, within {percent(apart, 2)}."
        )
    return said


def _median(row: Mapping[Hashable, Any]) -> str:
    return f"{show(row['rate'], 'packet/s', 3)} ({show_range(row['low'], row['high'], 'packet/s', 3)})"


def _flag(decided: pd.DataFrame) -> str:
    """What the flag changes for one sender and for many, in pairs."""
    lines = [
        f"{named(row['cell'])}: {row['with backpressure']}, {percent(row['difference'] / row['stock'], 2)} "
        f"({percent(row['low'] / row['stock'], 2)} to {percent(row['high'] / row['stock'], 2)}; {row['pairs']} pairs)"
        for row in decided.to_dict("records")
        if not np.isnan(row["low"])  # two pairs have no interval
    ]
    return f"**With the flag,** change of what is carried, with 95 % intervals: {'; '.join(lines)}." if lines else ""


def _thresholds(runs: Mapping[str, xr.Dataset]) -> str:
    """How wakes and rates change with the fill at which a stopped queue is woken."""
    known = {words: tcp(runs[name], "backpressure") for words, name in THRESHOLDS.items() if name in runs}
    if len(known) < 2:
        return ""
    lines = []
    for count in (1, 8):
        rows = [(words, table[table["senders"] == count]) for words, table in known.items()]
        told = ", ".join(
            f"{words} {row['tx_softirqs'].item():.0f} and {show(row['rate'].item(), 'packet/s', 3)}"
            for words, row in rows
            if len(row)
        )
        lines.append(f"{count} sender{'s' * (count > 1)}: {told}")
    return f"**Woken earlier or later,** NET_TX softirqs in a run and packets carried: {'; '.join(lines)}."
