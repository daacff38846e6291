"""Commands that a test starts, reads and kills, and what they write."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import threading
from pathlib import Path

TUNBP = ("-c", "from tunbp.cli import main; main()")
"""Arguments of Python that are the command `tunbp`."""

PLAN = """\
design: {kind: latin, samples: 512, seed: 3}
chunk: 64
parameters:
  ring: {from: 10, to: 1000, scale: log}
  rtt: 0.1
  dt: 0.0005
  duration: 60
"""
"""Eight full chunks of one kind of scenario, each long enough to be killed in."""


def files(store: Path) -> dict[str, bytes]:
    """Every file of a store and its bytes."""
    return {p.relative_to(store).as_posix(): p.read_bytes() for p in sorted(store.rglob("*")) if p.is_file()}


class Process:
    """A command whose output is read line by line; killed by its own process id when the test ends."""

    def __init__(self, *command: str | Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *map(str, command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "200"},
        )
        self.lines: list[str] = []
        self._queue: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._queue.put(line)
        self._queue.put(None)

    def wait_for(self, pattern: str, seconds: float = 100) -> re.Match[str]:
        """The first line from here on that matches."""
        while (line := self._queue.get(timeout=seconds)) is not None:
            self.lines.append(line)
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"ended without {pattern!r}:\n{''.join(self.lines)}")

    def end(self) -> int:
        """Exit status, after all output."""
        while (line := self._queue.get(timeout=100)) is not None:
            self.lines.append(line)
        return self.process.wait(timeout=30)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=30)
