"""Spans of time in which threads were away, against a count of single nanoseconds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lab.probe.windows import READER, spans
from tunbp.lab.probe.activity import RUNNABLE, absences, softirqs
from tunbp.lab.probe.instance import Window

SWITCH = np.dtype([("time", "i8"), ("prev_pid", "i4"), ("prev_state", "i8"), ("next_pid", "i4")])
SOFTIRQ = np.dtype([("time", "i8"), ("common_pid", "i4"), ("vec", "i4")])


def window(**records):
    """A window of 0 to 100 ns."""
    (begin, end) = (0, 100)
    fields = dict.fromkeys(Window.__annotations__) | {"begin": begin, "end": end, "records": records}
    return Window(**fields)


@st.composite
def apart(draw):
    """Spans of one thread, none over another, in order of time."""
    edges = sorted(draw(st.sets(st.integers(0, 60), max_size=12)))
    return [(begin, end, 0) for begin, end in zip(edges[::2], edges[1::2], strict=False)]


@given(apart(), st.integers(0, 60), st.integers(0, 60))
def test_what_spans_cover_of_an_interval_is_the_count_of_its_nanoseconds_inside_them(rows, one, other):
    begin, end = sorted((one, other))
    inside = [any(a <= t < b for a, b, _ in rows) for t in range(begin, end)]
    assert spans(rows).covered(np.array([begin]), np.array([end])).tolist() == [sum(inside)]


@given(apart(), st.integers(0, 60))
def test_a_span_contains_its_beginning_and_not_its_end(rows, moment):
    assert spans(rows).contain(np.array([moment])).tolist() == [any(a <= moment < b for a, b, _ in rows)]


@pytest.mark.parametrize(
    ("state", "preempted"), [(0, 1), (RUNNABLE, 1), (1, 0)], ids=["on its way out", "inside", "asleep"]
)
def test_a_thread_is_away_from_its_switch_out_to_its_switch_in(state, preempted):
    records = np.array([(10, READER, state, 1), (30, 1, 0, READER)], SWITCH)
    found = absences(window(sched_switch=records), [READER])
    assert (found.begin.tolist(), found.end.tolist(), found.kind.tolist()) == ([10], [30], [preempted])


def test_a_thread_that_first_comes_in_was_away_before_and_one_that_does_not_return_stays_away():
    records = np.array([(20, 1, 0, READER), (70, READER, 1, 1)], SWITCH)
    found = absences(window(sched_switch=records), [READER])
    assert list(zip(found.begin.tolist(), found.end.tolist(), strict=True)) == [(0, 20), (70, 100)]


def test_softirqs_count_while_one_of_the_threads_ran_and_an_open_one_is_left_out():
    entries = np.array([(10, READER, 3), (40, 1, 3), (60, READER, 2), (90, READER, 3)], SOFTIRQ)
    exits = np.array([(15, READER, 3), (45, 1, 3), (61, READER, 2)], SOFTIRQ)
    found = softirqs(window(softirq_entry=entries, softirq_exit=exits), [READER])
    assert list(zip(found.begin.tolist(), found.end.tolist(), found.kind.tolist(), strict=True)) == [
        (10, 15, 3),
        (60, 61, 2),
    ]


def test_without_the_tracepoints_nothing_is_known():
    assert absences(window(), [READER]).begin.size == softirqs(window(), [READER]).begin.size == 0
