"""Blocks of recorded time: equal lengths inside windows, none between them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from tunbp.lab.probe.blocks import BLOCKS, Blocks

SECOND = 1_000_000_000


def windows(*spans: tuple[float, float]) -> list[Any]:
    return [SimpleNamespace(packets=SimpleNamespace(begin=int(a * SECOND), end=int(b * SECOND))) for a, b in spans]


def test_two_windows_make_at_least_forty_blocks_of_equal_length() -> None:
    blocks = Blocks(windows((0.0, 0.5), (1.0, 1.5)))
    assert blocks.count == BLOCKS == 40
    np.testing.assert_allclose(blocks.seconds, 0.5 / 20)


def test_more_windows_than_blocks_are_one_block_each() -> None:
    assert Blocks(windows(*[(k, k + 0.5) for k in range(50)])).count == 50


def test_times_are_counted_where_they_lie_and_not_between_windows() -> None:
    blocks = Blocks(windows((0.0, 0.5), (1.0, 1.5)))
    times = np.array([0.0, 0.49, 0.7, 1.0, 1.499]) * SECOND
    counted = blocks.counted(times.astype(np.int64))
    assert counted.sum() == 4  # 0.7 s was not recorded
    assert counted[[0, 19, 20, 39]].tolist() == [1, 1, 1, 1]


def test_nothing_recorded_has_no_blocks() -> None:
    blocks = Blocks([])
    assert blocks.count == 0
    assert not blocks.inside(np.array([1])).any()
    assert blocks.counted(np.array([1])).size == 0
