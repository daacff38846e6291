from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sweep_processes import PLAN, Process


@pytest.fixture
def plan_file(tmp_path: Path) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN)
    return path


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    """Start `python ARGUMENTS`."""
    started: list[Process] = []

    def begin(*command: str | Path) -> Process:
        started.append(Process(*command))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
