"""qlog: both directions apart, times in every form, events of draft 1."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from tunbp.traces import opening
from tunbp.traces.checks import judged
from tunbp.traces.findings import findings
from tunbp.traces.limit import UNKNOWN, limit_of
from tunbp.traces.source import source_of

SENT, GOT = ({"header": {}, "raw": {"length": length}} for length in (100, 1200))
EVENTS = [
    (0.0, "transport:packet_sent", SENT),
    (20.0, "transport:packet_received", GOT),
    (21.0, "recovery:metrics_updated", {"latest_rtt": 20.0, "min_rtt": 20.0, "congestion_window": 14000}),
    (30.0, "recovery:packet_lost", {"header": {}}),
    (40.0, "transport:packet_received", GOT),
]


def read(trace, version="0.3"):
    document = {"qlog_version": version, "traces": [{"vantage_point": {"type": "client"}, **trace}]}
    return opening.read(source_of(Path("input"), json.dumps(document).encode()))


def objects(times):
    return [{"time": time, "name": name, "data": data} for time, (_, name, data) in zip(times, EVENTS, strict=True)]


def test_what_an_end_sends_and_what_it_receives_are_two_directions():
    run = judged(read({"events": objects([time for time, *_ in EVENTS])}))
    assert float(run["sent_rate"]) == pytest.approx(100 * 8 / 0.04)
    assert float(run["reverse_received_rate"]) == pytest.approx(2400 * 8 / 0.04)
    assert limit_of(run).name == UNKNOWN
    assert not {"totals", "limit"} & {finding.check for finding in findings(run)}


@pytest.mark.parametrize("name", ["delta", "relative_to_previous_event"])
def test_times_that_count_from_the_event_before_are_added_up(name):
    times = [time for time, *_ in EVENTS]
    steps = [0.0, *(b - a for a, b in itertools.pairwise(times))]
    run = read({"common_fields": {"time_format": name}, "events": objects(steps)})
    assert run.equals(read({"events": objects(times)}).assign_attrs(run.attrs))


def test_events_that_are_lists_are_read_by_the_names_of_their_places():
    lists = [[time * 1000, *name.split(":"), data] for time, name, data in EVENTS]
    for event in lists:
        for key in ("latest_rtt", "min_rtt"):
            if key in event[3]:
                event[3] = {**event[3], key: event[3][key] * 1000, "cwnd": 14000}
    fields = ["relative_time", "category", "event", "data"]
    run = read({"event_fields": fields, "configuration": {"time_units": "us"}, "events": lists}, "draft-01")
    whole = read({"events": objects([time for time, *_ in EVENTS])})
    for name in ("sent_rate", "reverse_received_rate", "min_rtt", "duration"):
        assert float(run[name]) == pytest.approx(float(whole[name])), name
    assert run["cwnd"].values.tolist() == [14000]
