"""What a batch takes, estimated before it runs, and refused with the numbers where no machine would end it."""

from __future__ import annotations

import os

from tunbp.errors import ScenarioError
from tunbp.quantities import show

MOST_STEPS = 1e13
"""Steps of a flow, or packets, in one call: more than a day of a core."""

SECONDS_PER_STEP = 1e-8
"""About what one takes on one core, with most of the physics in use."""

PACKET = 2.5
"""Steps that take as long as a packet of the packets engine."""

SHARE = 0.5
"""Part of the machine's memory that one call may hold."""


def machine_memory() -> float:
    """Memory of this machine, bytes."""
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def check_cost(steps: float, memory: float, advice: str) -> None:
    """Refuse what takes more than a day of a core, or more than half of the machine's memory.

    Parameters
    ----------
    steps
        Steps of a flow, or packets, of the whole batch.
    memory
        Bytes that are held at the same time.
    advice
        What would be right.

    Raises
    ------
    ScenarioError
        With the estimate.
    """
    if steps > MOST_STEPS:
        hours = show(steps * SECONDS_PER_STEP / 3600.0, "", 2)
        raise ScenarioError(f"{steps:.2g} steps take about {hours} hours of one core; {advice}")
    if memory > SHARE * machine_memory():
        raise ScenarioError(
            f"this takes {show(memory, 'byte', 3)} of memory; this machine has {show(machine_memory(), 'byte', 3)}; "
            f"{advice}"
        )
