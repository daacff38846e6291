"""What a sweep says of its progress where there is no terminal, and what it estimates."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from tunbp.sweep import progress
from tunbp.sweep.estimate import Estimate
from tunbp.sweep.progress import Meter


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


def said(chunks: int, weights: list[float], monkeypatch: pytest.MonkeyPatch, done: int = 0) -> list[str]:
    """Lines of a sweep that goes on after `done` chunks and writes one more each second."""
    clock, out = Clock(), io.StringIO()
    monkeypatch.setattr(progress, "time", clock)
    with Meter(chunks, sum(weights), done, sum(weights[:done]), Console(file=out, width=80)) as meter:
        for weight in weights[done:]:
            clock.now += 1.0
            meter.advance(weight)
    return out.getvalue().splitlines()


def test_each_line_counts_chunks_and_the_work_that_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = said(4, [1.0, 1.0, 1.0, 7.0], monkeypatch)
    assert [re.match(r"(\d)/4 chunks, (\d+)%", line).groups() for line in lines] == [
        ("1", "10"), ("2", "20"), ("3", "30"), ("4", "100"),
    ]  # fmt: skip


def test_the_time_left_is_that_of_the_work_left_at_the_speed_of_this_run(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = said(5, [10.0, 1.0, 1.0, 1.0, 1.0], monkeypatch, done=1)
    assert [line.split(", ")[-1] for line in lines] == [f"0:00:0{left} left" for left in (3, 2, 1, 0)]


def test_a_thousand_chunks_give_a_line_for_each_hundredth(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(said(1000, [1.0] * 1000, monkeypatch)) <= 102


def test_no_more_threads_help_than_there_are_chunks() -> None:
    found = Estimate(scenarios=1000, chunks=4, scenario_seconds=0.1, memory=0.0, disk=0.0)
    assert [found.seconds(workers) for workers in (1, 2, 4, 64)] == pytest.approx([100.0, 50.0, 25.0, 25.0])
    assert found.seconds(3) == pytest.approx(50.0)  # two rounds
