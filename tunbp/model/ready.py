"""Compile the kernels that most uses need, before they are needed: ``python -m tunbp.model.ready``.

`make` does this when it installs. Other kinds of batch (BBR, Reno, frames, a path alone)
are compiled when they are first simulated, which takes some seconds each.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import product
from multiprocessing import get_context

from tunbp.model.compiled import folder, say_nothing
from tunbp.model.congestion import CODES
from tunbp.model.engines import codes
from tunbp.model.engines.fluid.batch import WIDTHS, make_ready
from tunbp.model.engines.fluid.state import Kind
from tunbp.model.engines.packets.batch import run

CUBIC = CODES["cubic"]
BEHIND = ((True, True), (False, False))
"""A path and readers whose ACKs cost time, as `tunbp predict` draws them; neither."""


def usual() -> list[tuple[int, Kind]]:
    """Widths and kinds of the fluid engine's kernels for CUBIC flows, and for a source without feedback."""
    tcp = [
        Kind(single, CUBIC, codes.TCP, pushing, *behind, blocks)
        for behind, single, pushing, blocks in product(BEHIND, (True, False), (False, True), (False, True))
    ]
    open_loop = [Kind(True, CUBIC, codes.OPEN, pushing, False, False, False) for pushing in (False, True)]
    return [(width, kind) for kind in tcp + open_loop for width in (WIDTHS[kind.single], 1)]


def _make(work: tuple[int, Kind] | None) -> None:
    """One kernel of the fluid engine, or that of the packets engine."""
    if work is None:
        run({"duration": 1e-3, "warmup": 0.0}, record=False)
    else:
        make_ready(*work)


def main() -> None:
    """Compile what is missing on all cores, with a line that counts."""
    place = folder()
    if place is None:
        print("No folder for kernels can be written to: each process compiles its own", file=sys.stderr)
        return
    stamp = place / "ready"
    if stamp.exists():
        return
    all_work = [None, *usual()]
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn"), say_nothing) as pool:
        for done, future in enumerate(as_completed([pool.submit(_make, work) for work in all_work]), 1):
            future.result()
            if sys.stderr.isatty() or done == len(all_work):
                end = "\n" if done == len(all_work) else "\r"
                print(
                    f"Compiling kernels for this processor, once: {done} of {len(all_work)}", file=sys.stderr, end=end
                )
    stamp.touch()


if __name__ == "__main__":
    main()
