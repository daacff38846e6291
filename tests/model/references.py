"""Event simulations of one ring, written from the rules alone: they share no code with the engines."""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass


@dataclass
class Counts:
    """What came out."""

    sent: int = 0
    delivered: int = 0
    dropped: int = 0
    waited: float = 0.0
    """Seconds from arrival until the service ended, summed over the packets served."""


class Ring:
    """A queue that drops at its tail in front of a reader; Linux's ptr_ring gives slots back in batches.

    A slot is taken until the reader has taken the packet out of it, and 16 slots are given back at once where the ring
    has at least twice as many (include/linux/ptr_ring.h, `__ptr_ring_set_size`, `__ptr_ring_discard_one`).
    """

    def __init__(self, slots: int, service: float) -> None:
        self.slots, self.service = slots, service
        self.batch = 16 if slots >= 32 else 1
        self.taken_out = deque[float]()
        """Times at which the packets that hold a slot are taken out, that is their service begins."""
        self.idle_at = 0.0

    def put(self, now: float) -> float | None:
        """When the service of a packet that arrives now ends; None if it is dropped."""
        while len(self.taken_out) >= self.batch and self.taken_out[self.batch - 1] <= now:
            for _ in range(self.batch):
                self.taken_out.popleft()
        if len(self.taken_out) >= self.slots:
            return None
        begin = max(now, self.idle_at)
        self.taken_out.append(begin)
        self.idle_at = begin + self.service
        return self.idle_at


def open_loop(rate: float, service: float, slots: int, duration: float) -> Counts:
    """Packets at equal distances into a ring."""
    counts, ring = Counts(), Ring(slots, service)
    while (now := counts.sent / rate) <= duration:
        counts.sent += 1
        done = ring.put(now)
        if done is None:
            counts.dropped += 1
        else:
            counts.waited += done - now
            counts.delivered += done <= duration
    return counts


class Reno:
    """One Reno flow with selective acknowledgements through a ring, whose packets come back after `rtt`.

    Every packet is acknowledged; three later ones tell of a lost one; a window is halved once and its holes are filled
    while less than the new one is on its way (RFC 6675). Packets enter the ring one gap of a burst after another.
    """

    def __init__(self, slots: int, service: float, gap: float, rtt: float) -> None:
        self.ring, self.gap, self.rtt = Ring(slots, service), gap, rtt
        self.cwnd, self.ssthresh = 10.0, float("inf")
        self.events: list[tuple[float, int, str]] = []
        self.counts = Counts()
        self.order, self.free_at, self.holes, self.recover = 0, 0.0, 0, 0
        self.on_way: dict[int, None] = {}
        """Packets on their way by the order in which they were sent, oldest first; holes are sent as any other."""

    def run(self, duration: float) -> Counts:
        """Run until the end."""
        self._send(0.0)
        while self.events and self.events[0][0] <= duration:
            now, order, kind = heapq.heappop(self.events)
            if kind == "enter":
                done = self.ring.put(now)
                self.counts.sent += 1
                if done is None:
                    self.counts.dropped += 1
                else:
                    heapq.heappush(self.events, (done, order, "served"))
            elif kind == "served":
                self.counts.delivered += 1
                heapq.heappush(self.events, (now + self.rtt, order, "acked"))
            else:
                self._acknowledge(order)
                self._send(now)
        return self.counts

    def _acknowledge(self, order: int) -> None:
        """Grow by what arrived, or find what is lost by what was sent before it."""
        self.on_way.pop(order)
        while self.on_way and order - (oldest := next(iter(self.on_way))) >= 3:
            del self.on_way[oldest]
            self.holes += 1
            if oldest > self.recover:
                self.recover = self.order
                self.cwnd = self.ssthresh = max(self.cwnd / 2.0, 2.0)
        if order > self.recover:
            self.cwnd += 1.0 if self.cwnd < self.ssthresh else 1.0 / self.cwnd

    def _send(self, now: float) -> None:
        while len(self.on_way) < int(self.cwnd):
            self.order += 1
            self.holes -= self.holes > 0
            self.on_way[self.order] = None
            self.free_at = max(now, self.free_at + self.gap)
            heapq.heappush(self.events, (self.free_at, self.order, "enter"))
