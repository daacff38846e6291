"""Work on threads: kernels run without the interpreter's lock."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def each(work: Callable[[Any], None], items: list[Any], workers: int) -> None:
    """Call `work` on every item, on this thread alone where that is enough."""
    if workers == 1 or len(items) == 1:
        for item in items:
            work(item)
        return
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(work, items):
            pass
