"""The finding of notebook 05: where backpressure loses."""

from __future__ import annotations

import pandas as pd

from tunbp.evidence.repetition import same_code_difference
from tunbp.quantities import percent, show, show_range
from tunbp.results.output import Output, Shown

MERGED = "half_or_empty"
"""Wake rule of the merged version."""


def add_finding(out: Output, changes: pd.DataFrame, streams: int = 8) -> None:
    """Note how much slower the merged rule is than stock with several streams, and the table of all published changes.

    Parameters
    ----------
    out
        Results of the notebook.
    changes
        `evidence.senders.published_changes`.
    streams
        Number of streams.
    """
    words = dict.fromkeys(("streams", "wake_policy", "stock_source", "source_id"), "")
    rates = dict.fromkeys(("stock", "patched"), ("bit/s", "Gbit/s"))
    printed: dict[str, Shown] = {**words, **rates, "change": ("1", "%")}
    title = "iperf3 with several streams: every published run with the series against the one with it reverted"
    out.table(changes, "senders_changes", title, printed)
    many, one = (changes[changes["streams"] == n] for n in (streams, 1))
    merged = many[many["wake_policy"] == MERGED].sort_values("source_id")
    single = one[one["wake_policy"] == MERGED].iloc[0]
    told = " and ".join(f"{show(row['patched'], 'bit/s', 3)} ({row['source_id']})" for row in merged.to_dict("records"))
    stock = f"{show(float(merged['stock'].iloc[0]), 'bit/s', 3)} ({merged['stock_source'].iloc[0]})"
    sentence = (
        f"less throughput for {streams} parallel iperf3 streams into a virtual machine with the merged version, where "
        f"backpressure loses: {told}, on two days, instead of {stock}."
    )
    others = -many["change"]
    detail = (
        "The merged version was reverted on 2026-07-29, after this report; since 7.3 a program has to ask for it "
        "(IFF_BACKPRESSURE, S20). "
        f"One run of 10 s each; the same code differs by {percent(same_code_difference(), 1)} between the two days. "
        f"Over all wake rules it is {show_range(others.min(), others.max(), '%')} less. The report S19 itself was "
        "not read: its values are those that S20 and S22 quote. With one stream the merged version is "
        f"{percent(float(single['change']), 2)} faster ({show(float(single['patched']), 'bit/s', 3)} instead of "
        f"{show(float(single['stock']), 'bit/s', 3)}, {single['source_id']} and {single['stock_source']}). Our own "
        "runs with 8 senders are in the table live_senders."
    )
    for name, row in zip(("first", "second"), merged.to_dict("records"), strict=False):
        text = f"change of iperf3 with {streams} streams, merged version, {name} day"
        out.number(f"senders_{name}_day", 100 * float(row["change"]), "%", text=text)
    number = show_range(-merged["change"].max(), -merged["change"].min(), "%")
    places = {"figure": "senders_streams", "table": "senders_changes"}
    out.finding(3, number, sentence, detail, **places, sources=("S19", "S20", "S21", "S22"))
