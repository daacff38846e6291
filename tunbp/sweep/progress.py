"""Progress of a sweep with the time left: a bar on a terminal or in JupyterLab, else a line now and then."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tunbp.quantities import clock

LINE_EVERY = 0.01
"""Share of the work between two lines, where there is no bar."""


class Meter:
    """Counts chunks and work done; use it in a `with` statement.

    Parameters
    ----------
    chunks, work
        Chunks of the sweep, and their weight in all.
    done, done_work
        What earlier runs have done of it.
    console
        Where to show it.
    """

    def __init__(self, chunks: int, work: float, done: int, done_work: float, console: Console) -> None:
        self.chunks, self.work = chunks, work
        self.done, self.done_work = done, done_work
        self._console, self._start_work, self._shown = console, done_work, -1.0
        self._start = time.monotonic()
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[chunks]} chunks"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=True),
        )
        self._lines = not (console.is_terminal or console.is_jupyter)
        self._bar = Progress(*columns, console=console, disable=self._lines, speed_estimate_period=600)
        self._task: TaskID = self._bar.add_task("sweep", total=work, chunks=self._count())
        self._bar.update(self._task, completed=done_work)

    def __enter__(self) -> Meter:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def advance(self, work: float) -> None:
        """One more chunk is written.

        Parameters
        ----------
        work
            Scenario-steps of the chunk.
        """
        self.done += 1
        self.done_work += work
        self._bar.update(self._task, completed=self.done_work, chunks=self._count())
        share = self.done_work / self.work
        if self._lines and (share >= self._shown + LINE_EVERY or self.done == self.chunks):
            self._shown = share
            self._console.print(f"{self._count()} chunks, {share:.0%}, {self._left()} left", highlight=False)

    def say(self, text: str) -> None:
        """Show a line above the bar.

        Parameters
        ----------
        text
            One line.
        """
        self._console.print(text, highlight=False)

    def _count(self) -> str:
        return f"{self.done}/{self.chunks}"

    def _left(self) -> str:
        since = self.done_work - self._start_work
        seconds = (time.monotonic() - self._start) * (self.work - self.done_work) / since if since else 0.0
        return clock(seconds)
