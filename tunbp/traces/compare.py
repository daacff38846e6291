"""Two measurements of one path, before and after a change: the difference, its interval, and a verdict in words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import stats

from tunbp.errors import TraceError
from tunbp.quantities import percent, show, show_range
from tunbp.statistics import FEWEST_RUNS, FEWEST_STEPS, LEVEL, Interval, change_interval

Array = npt.NDArray[np.float64]

BESIDE = {
    "total_retransmits": ("retransmits", "1"),
    "mean_rtt": ("mean RTT", "s"),
    "ping_mean_rtt": ("mean ping", "s"),
    "dropped_ring": ("drops in the ring", "packet"),
    "drop_fraction": ("dropped", "%"),
}
"""What is shown beside the rate where both files have it, with its unit."""

BETWEEN_RUNS = 0.087
"""Median difference of two runs of one user-space VPN, nothing changed (``data/priors.yaml``, replicate)."""


@dataclass(frozen=True)
class Change:
    """What became of the rate between two measurements.

    Attributes
    ----------
    before, after
        Rates, bit/s: the mean of the run, or of the runs.
    interval
        Relative change with its interval; NaN ends where the files allow none.
    beside
        Name -> (before, after, unit) of what else both measured.
    """

    before: float
    after: float
    interval: Interval
    beside: dict[str, tuple[float, float, str]]

    @property
    def verdict(self) -> str:
        """Whether the change helped, in a sentence."""
        found = self.interval
        if np.isnan(found.low):
            return (
                f"Cannot tell: one number each has no interval, and two runs of the same differ by "
                f"{percent(BETWEEN_RUNS, 2)} in the middle. Take three runs of each, or {FEWEST_STEPS} s with a value "
                "each second."
            )
        if found.low <= 0.0 <= found.high:
            return "No change shown: the interval holds zero."
        return "Faster." if found.estimate > 0.0 else "Slower."

    def __str__(self) -> str:
        """Rates, change with interval, verdict, and what else changed."""
        found = self.interval
        lines = [f"{show(self.before, 'bit/s', 3)} before, {show(self.after, 'bit/s', 3)} after: "]
        lines[0] += f"{100 * found.estimate:+.3g} %"
        if not np.isnan(found.low):
            ends = show_range(100 * found.low, 100 * found.high, "1")
            lines[0] += f" ({100 * found.level:.0f} %: {ends} %; {found.kind})"
        lines[0] += "."
        lines += [
            f"{name}: {show(b, unit, 3)} before, {show(a, unit, 3)} after."
            for name, (b, a, unit) in self.beside.items()
        ]
        return "\n".join([self.verdict, *lines])


def compare(before: xr.Dataset, after: xr.Dataset) -> Change:
    """What became of the rate.

    Parameters
    ----------
    before, after
        Two traces, or two folders of runs, as `tunbp.traces.open_trace` gives them.

    Returns
    -------
    Change
        Of three and more runs on each side the interval is Welch's of the logarithms and knows what differs from run to
        run; of one run each it is `tunbp.statistics.change_interval` of the series, which knows what varies within it.

    Raises
    ------
    TraceError
        If one of them has no rate.
    """
    rates = [_rates(run, words) for run, words in ((before, "BEFORE"), (after, "AFTER"))]
    first, second = (float(np.mean(each)) for each in rates)
    series = [_series(run) for run in (before, after)]
    if min(len(each) for each in rates) >= FEWEST_RUNS:
        found = _welch(*rates)
    elif series[0].size and series[1].size:
        found = change_interval(series[0], series[1])
    else:
        found = Interval(second / first - 1.0, np.nan, np.nan, np.nan, 1, "two single values")
    return Change(first, second, found, _beside(before, after))


def _rates(run: xr.Dataset, words: str) -> Array:
    """Rate of each run, summed over streams."""
    for name in ("received_rate", "sent_rate"):
        if name in run:
            values = run[name].sum([dim for dim in run[name].dims if dim != "run"]).to_numpy()
            known = np.atleast_1d(np.asarray(values, float))
            known = known[np.isfinite(known) & (known > 0.0)]
            if known.size:
                return np.asarray(known)
    raise TraceError(f"{words}: no rate in this file; give one of iperf3, iperf, netperf or flent")


def _series(run: xr.Dataset) -> Array:
    """Throughput step by step of a single run, summed over streams; empty if there is none."""
    if "throughput" not in run or "run" in run["throughput"].dims:
        return np.empty(0)
    values = run["throughput"].sum([dim for dim in run["throughput"].dims if dim != "time"], min_count=1)
    steps = np.asarray(values.to_numpy(), float)
    return np.asarray(steps[np.isfinite(steps)])


def _welch(first: Array, second: Array) -> Interval:
    logs = np.log(second), np.log(first)
    found = stats.ttest_ind(*logs, equal_var=False).confidence_interval(LEVEL)
    ratio = float(np.exp(logs[0].mean() - logs[1].mean()))
    count = min(first.size, second.size)
    low, high = float(np.exp(found.low) - 1.0), float(np.exp(found.high) - 1.0)
    return Interval(ratio - 1.0, low, high, LEVEL, count, f"{first.size} and {second.size} runs")


def _beside(before: xr.Dataset, after: xr.Dataset) -> dict[str, tuple[float, float, str]]:
    found = {}
    for name, (words, unit) in BESIDE.items():
        if all(name in run and "time" not in run[name].dims for run in (before, after)):
            first, second = (float(np.nanmean(np.asarray(run[name].to_numpy(), float))) for run in (before, after))
            if np.isfinite([first, second]).all():
                found[words] = (first, second, unit)
    return found
