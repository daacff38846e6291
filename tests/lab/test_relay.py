"""The delay line in user space, on the loopback device: what goes in comes out as told, and the report says so."""

import contextlib
import itertools
import socket
import struct
import time
from dataclasses import dataclass

import pytest

from tests.lab.need import compiler
from tunbp.errors import LabError
from tunbp.lab.relay import Ends, Line, relay, remarks, summary, try_out

pytestmark = compiler

STAMP = struct.Struct("qI")
HEADERS = 28
"""Bytes of the IPv4 and UDP headers, which a link carries too."""


@dataclass
class Arrival:
    """One packet at the far end: its number, when it was sent and received [s]."""

    number: int
    sent: float
    received: float

    @property
    def delay(self):
        return self.received - self.sent


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def through(line, times, size=1000, wait=0.5, **more):
    """Send a packet at each of `times` [s] through a relay with that line: arrivals in order, and the report."""
    with contextlib.ExitStack() as stack:
        one, two = (stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2))
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
        two.bind(("127.0.0.4", port))
        two.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        two.setblocking(False)
        ends = Ends("127.0.0.2", "127.0.0.1", "127.0.0.3", "127.0.0.4", port)
        running = stack.enter_context(relay(None, ends, line, **more))
        arrivals: list[Arrival] = []

        def take():
            read, sent = STAMP.unpack_from(two.recv(2048))[::-1]
            arrivals.append(Arrival(read, sent / 1e9, time.monotonic()))

        begin = time.monotonic()
        for number, due in enumerate(itertools.chain(times, [None])):
            until = begin + due if due is not None else time.monotonic() + line.delay + wait
            while (now := time.monotonic()) < until or (due is not None and now < begin + due):
                with contextlib.suppress(BlockingIOError):
                    take()
            if due is not None:
                one.sendto(STAMP.pack(time.monotonic_ns(), number).ljust(size, b"\0"), ("127.0.0.2", port))
        report = running.stop()
        with contextlib.suppress(BlockingIOError):  # what came while this process had no processor
            while True:
                take()
        return arrivals, report


def every(period, count):
    return [period * number for number in range(count)]


def test_a_packet_is_delayed_by_what_was_asked_for_and_never_less():
    arrivals, report = through(Line(delay=0.03), every(0.001, 200))
    assert [arrival.number for arrival in arrivals] == list(range(200))
    # the quickest of 200 came in time, however long others waited for a processor
    assert 0.03 <= min(arrival.delay for arrival in arrivals) < 0.035
    assert report["rightward"]["forwarded"] == 200
    # the relay's own account of a packet's lateness agrees with what the receiver sees
    late = sum(arrival.delay > 0.031 for arrival in arrivals)
    assert report["rightward"]["late"] <= late


def test_without_a_delay_packets_pass_at_once_in_both_directions():
    arrivals, report = through(Line(), every(0.002, 50), wait=0.1)
    assert len(arrivals) == 50
    assert min(arrival.delay for arrival in arrivals) < 0.005
    assert report["leftward"]["received"] == 0
    assert try_out()


def test_a_link_spaces_packets_by_its_rate():
    size, rate, count = 1000, 8e6, 50
    arrivals, report = through(Line(rate=rate, buffer=1000), [0.0] * count, size)
    assert len(arrivals) == count
    assert report["rightward"]["dropped_buffer"] == 0
    spacing = (size + HEADERS) * 8 / rate
    # a packet leaves when it and all before it have been on the link
    for number, arrival in enumerate(arrivals):
        assert arrival.received - arrivals[0].sent >= (number + 1) * spacing


def test_a_full_buffer_drops_the_last_packets():
    arrivals, report = through(Line(rate=1e6, buffer=20), [0.0] * 100, 1000, wait=0.6)
    way = report["rightward"]
    assert way["received"] == 100
    assert way["dropped_buffer"] == 100 - len(arrivals)
    # a packet takes 8.2 ms on the link: the first 20 find room, and then as many as leave while the burst comes
    assert [arrival.number for arrival in arrivals[:20]] == list(range(20))
    burst = arrivals[-1].sent - arrivals[0].sent
    assert len(arrivals) <= 21 + burst / ((1000 + HEADERS) * 8 / 1e6)


@pytest.mark.parametrize("burst", [1, 5])
def test_losses_have_the_share_and_the_run_length_that_were_asked_for(burst):
    count, share = 4000, 0.1
    arrivals, report = through(Line(loss=share, loss_burst=burst), every(0.0001, count), 100)
    assert report["rightward"]["lost"] == count - len(arrivals)
    gaps = [b.number - a.number - 1 for a, b in itertools.pairwise(arrivals) if b.number - a.number > 1]
    # binomial: 6 standard deviations, wider by the run length
    assert report["rightward"]["lost"] / count == pytest.approx(share, abs=6 * (share / count * 2 * burst) ** 0.5)
    assert sum(gaps) / len(gaps) == pytest.approx(burst / (1 - (share if burst == 1 else 0)), rel=0.25)


def test_jitter_keeps_the_order_and_stays_within_its_bounds():
    arrivals, _ = through(Line(delay=0.02, jitter=0.01), every(0.002, 200))
    assert [arrival.number for arrival in arrivals] == list(range(200))
    delays = [arrival.delay for arrival in arrivals]
    assert min(delays) >= 0.01
    assert min(delays) < 0.018 < max(delays)


def test_what_the_relay_cannot_hold_is_counted():
    arrivals, report = through(Line(delay=0.2), every(0.0001, 200), capacity=100)
    assert report["rightward"]["dropped_capacity"] == 200 - len(arrivals) > 0
    found = summary(report)
    assert found["relay_overflow"] == report["rightward"]["dropped_capacity"]
    assert remarks(found)[-1] == f"relay: {200 - len(arrivals)} packets lost in its own buffers"


def test_every_packet_is_in_the_histogram_of_lateness():
    arrivals, report = through(Line(delay=0.005), every(0.001, 100))
    way = report["rightward"]
    assert sum(way["lateness_histogram"]) == way["forwarded"] == len(arrivals) == 100
    assert len(report["lateness_edges"]) + 1 == len(way["lateness_histogram"])
    over = report["lateness_edges"].index(0.001) + 1
    assert way["late"] == sum(way["lateness_histogram"][over:])
    assert way["latest"] < 1


def way(**more):
    none = dict.fromkeys(("receive_overflow", "dropped_capacity", "send_errors", "dropped_buffer", "lost", "late"), 0)
    return {**none, "forwarded": 1000, "latest": 0.0001, "worst_second_late_fraction": 0.0, **more}


def test_a_run_is_marked_when_the_relay_was_late():
    punctual = summary({"rightward": way(late=9), "leftward": way(late=11, lost=5)})
    assert punctual["relay_late_fraction"] == pytest.approx(0.01)
    assert punctual["dropped_path"] == 5
    assert remarks(punctual) == []
    late = summary({"rightward": way(late=40, worst_second_late_fraction=0.3), "leftward": way()})
    assert late["relay_worst_late_fraction"] == 0.3
    assert remarks(late) == ["relay: 2.0% of the packets over 1 ms late"]


@pytest.mark.parametrize(("line", "told"), [(Line(loss=1.5), "loss below 1"), (Line(delay=-1.0), "no number")])
def test_a_wrong_setting_is_told(line, told):
    ends = Ends("127.0.0.2", "127.0.0.1", "127.0.0.3", "127.0.0.4", 40999)
    with pytest.raises(LabError, match=told), relay(None, ends, line):
        pass
