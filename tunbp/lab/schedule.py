"""The order of runs: stock and backpressure next to each other, in ABBA order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

STOCK, BACKPRESSURE = "stock", "backpressure"
VARIANTS = (STOCK, BACKPRESSURE)


@dataclass(frozen=True)
class Run:
    """One run to be made: which cell, which variant, which repetition (from 1)."""

    cell: str
    variant: str
    repetition: int

    @property
    def name(self) -> str:
        """Name of the run's folder."""
        return f"{self.cell}.{self.variant}.{self.repetition}"


def abba(cells: Sequence[str], variants: Sequence[str], repeat: int) -> list[Run]:
    """All runs in the order in which they are made.

    Within a repetition each cell's variants follow each other, so that both meet the same state of the host;
    from one repetition to the next their order is reversed (A B, B A, ...), so that a drift does not favour
    one of them. The first repetition goes through the cells as they are listed, each later one in a random order
    of its own (the same whenever it is asked for), so that a drift favours no cell either.

    Parameters
    ----------
    cells
        Labels.
    variants
        Names, the first is A.
    repeat
        Repetitions.

    Returns
    -------
    list[Run]
        Runs in order.
    """
    return [
        Run(cell, variant, repetition)
        for repetition in range(1, repeat + 1)
        for cell in (cells if repetition == 1 else random.Random(repetition).sample(cells, len(cells)))
        for variant in (variants if repetition % 2 else list(reversed(variants)))
    ]
