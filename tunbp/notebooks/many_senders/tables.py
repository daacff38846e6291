"""The finding of notebook 05: where backpressure loses."""

from __future__ import annotations

import pandas as pd

from tunbp.evidence.repetition import same_code_difference
from tunbp.quantities import percent, show
from tunbp.results.output import Output
from tunbp.sources import link


def add_finding(out: Output, rows: pd.DataFrame, streams: int = 8) -> None:
    """Note how much slower the merged rule is than stock with several streams.

    Parameters
    ----------
    out
        Results of the notebook.
    rows
        The published rows of `evidence.senders.librecast`.
    streams
        Number of streams.
    """
    rates = rows[rows["streams"] == streams].groupby("variant")["published"].mean()
    if not {"stock", "wake_half"} <= set(rates.index):
        return
    stock, merged = float(rates["stock"]), float(rates["wake_half"])
    sentence = (
        f"less throughput for {streams} parallel iperf3 streams into a virtual machine, where backpressure loses: "
        f"{show(merged, 'bit/s', 3)} instead of {show(stock, 'bit/s', 3)} (published, runs of 10 s; equal code differs "
        f"by {percent(same_code_difference(), 1)} between two days). With one stream it is faster."
    )
    out.finding(3, percent(1 - merged / stock, 2), sentence, "senders_streams", "senders_errors", link("S21"))
