"""Windows of the probe made from what a ring does, step by step: an independent account to compare with."""

import numpy as np

from tunbp.lab.probe import activity, events
from tunbp.lab.probe.match import match
from tunbp.lab.probe.record import Observed, Usage

READER, SENDER = 7, 8
FULL_RING = 80


class Story:
    """Events in order of time, told one by one."""

    def __init__(self):
        self.rows = []

    def tell(self, time, kind, address, thread, length=1000, reason=0):
        self.rows.append((time, kind, address, thread, length, reason))

    def events(self):
        columns = zip(*sorted(self.rows, key=lambda row: row[0]), strict=True) if self.rows else [[]] * 6
        types = (np.int64, np.int8, np.uint64, np.int32, np.int32, np.int32)
        return events.Events(*(np.array(column, kind) for column, kind in zip(columns, types, strict=True)))

    def observed(self, end, away=(), wakes=0, softirq=()):
        """A window; `away` and `softirq` are (begin, end, kind) of the reader."""
        usage = Usage(1.0, 1, 0, 0, 1.0)
        return Observed(match(self.events(), end), spans(away), spans(softirq), wakes, 0, usage)


def spans(rows):
    begin, end, kind = np.array(rows, np.int64).reshape(-1, 3).T
    return activity.spans([(begin, end, READER, kind)])
