"""How far the probe is from what our own tunnel program logged: tests bound it, and `__main__` records it."""

import numpy as np

from tests.lab.probe import live
from tests.lab.probe.live import Truth
from tunbp.lab.probe.analysis import Analysis
from tunbp.lab.probe.match import DROPPED, occupancy

SERVICE = live.OVERLOAD[0]
"""Pace of the reader [ns per packet]: 50,000 packets/s."""


def within(analysis: Analysis, times):
    """Which of the times [ns] lie in the spans that the probe knows."""
    return analysis.blocks.inside(times)


def known_waits(analysis: Analysis, truth: Truth):
    """Lengths [s] of the program's own times between reads while packets waited, as far as the probe saw them."""
    begin, end = truth.waits()
    return (end - begin)[within(analysis, begin) & within(analysis, end)] / 1e9


def service_time(analysis: Analysis, truth: Truth) -> float:
    """Relative error of the service time, against the program's log: others may keep it from its pace [1]."""
    times = known_waits(analysis, truth)
    served = times[times <= SERVICE / 1e9 + analysis.service.pause_threshold]
    return analysis.service.service_time().value / served.mean() - 1


def pace(analysis: Analysis) -> float:
    """Relative error of the median service time, against the pace that the program was set to [1]."""
    return np.median(analysis.service.reads.length[analysis.service.served]) / (SERVICE / 1e9) - 1


def pauses(analysis: Analysis, truth: Truth) -> tuple[float, float]:
    """Relative errors of the rate of all pauses and of their mean, against the program's log [1]."""
    times = known_waits(analysis, truth)
    excess = times - SERVICE / 1e9
    long = excess > analysis.service.pause_threshold
    return (
        analysis.service.pause_rate().value / (long.sum() / times.sum()) - 1,
        analysis.service.pause_mean().value / excess[long].mean() - 1,
    )


def burst_rate(analysis: Analysis, truth: Truth) -> tuple[float, int]:
    """Relative error of the bursts' rate [1], and how many of the program's gaps it was compared with."""
    begin = truth.sent[:, 0]
    gap = np.diff(begin)
    together = (gap <= analysis.arrivals.service * 1e9) & within(analysis, begin[:-1]) & within(analysis, begin[1:])
    return analysis.arrivals.burst_rate.value / (1e9 / gap[together].mean()) - 1, int(together.sum())


def bursts_found(analysis: Analysis, truth: Truth, size: int) -> tuple[float, int]:
    """Share of the program's bursts that the probe shows with their size [1], and how many were looked for.

    Looked for are those that the log shows to be whole and apart. A packet enters the ring between the two times that
    the log has of it; a machine that keeps the program from its next packet for longer than a service time (behind a
    packet that woke the reader, than that and the wake) splits a burst for the probe, too.
    """
    bursts, service, waking = analysis.arrivals.bursts, analysis.arrivals.service * 1e9, analysis.arrivals.waking * 1e9
    begin, end = (truth.sent[: len(truth.sent) // size * size, i].reshape(-1, size) for i in (0, 1))
    woke = truth.occupancy(begin[:, 0])[0] == 0
    second = end[:, 1] - begin[:, 0] <= service + woke * waking
    together = second & (end[:, 2:] - begin[:, 1:-1] <= service).all(axis=1)
    short = truth.occupancy(end[:, -1])[0] <= 1
    apart = begin[1:, 0] - end[:-1, -1] > service + short[:-1] * waking
    inside = within(analysis, begin[:, 0]) & within(analysis, end[:, -1])
    whole = begin[1:-1, 0][(together & inside)[1:-1] & apart[:-1] & apart[1:]]
    place = np.searchsorted(bursts.begin, whole)
    found = bursts.size[place[place < bursts.size.size]]
    return float((found == size).sum() / max(whole.size, 1)), whole.size


def exact_occupancy(analysis: Analysis, truth: Truth) -> tuple[float, int]:
    """Share of samples at which the occupancy is the program's, of those outside of its system calls; their number."""
    equal = []
    for window in analysis.ring.windows:
        times = np.arange(window.packets.begin, window.packets.end, 50_000)
        expected, certain = truth.occupancy(times)
        equal.append((occupancy(window.packets, times) == expected)[certain])
    joined = np.concatenate(equal)
    return joined.mean(), joined.size


def drops(analysis: Analysis, truth: Truth):
    """Packets dropped by window: the probe's, and those that the program never read."""
    dropped = np.ones(len(truth.sent), bool)
    dropped[truth.read[:, 0]] = False
    counted = []
    for window in analysis.ring.windows:
        packets = window.packets
        inside = (truth.sent[:, 0] >= packets.begin) & (truth.sent[:, 1] <= packets.end)
        entered = (packets.entered >= packets.begin) & (packets.fate == DROPPED)
        counted.append((int(entered.sum()), int(dropped[inside].sum())))
    return counted
