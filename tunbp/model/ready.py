"""Compile the kernels that most uses need, before they are needed: ``python -m tunbp.model.ready``.

`make` does this when it installs; `make wheel` does it for every level of x86-64 and packs the result. Other kinds of
batch (Reno, frames, several flows of BBR) are compiled when they are first simulated, which takes some seconds each.
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from tunbp.model.compiled import LEVELS, folder, processor, say_nothing, sources
from tunbp.model.engines.fluid import batch as fluid
from tunbp.model.engines.fluid.state import Kind
from tunbp.model.engines.packets import batch as packets


def usual() -> list[tuple[int, Kind]]:
    """Widths and kinds of the fluid engine's kernels that are made ready."""
    both = [(width, kind) for kind in fluid.usual() for width in (fluid.WIDTHS[kind.single], 1)]
    return both + [(fluid.WIDTHS[kind.single], kind) for kind in fluid.drawn_kinds()]


def _make(work: tuple[int, Kind] | None, place: Path) -> None:
    """One kernel of the fluid engine, or that of the packets engine, into a folder."""
    if work is None:
        packets.make_ready(place)
    else:
        fluid.make_ready(*work, place)


def _begin(level: str) -> None:
    """A process that compiles, for one level of processors or for its own."""
    say_nothing()
    if level:
        os.environ |= {"NUMBA_CPU_NAME": level, "NUMBA_CPU_FEATURES": ""}


def make(place: Path, level: str = "") -> None:
    """Compile into a folder what is missing there, on all cores, with a line that counts.

    Parameters
    ----------
    place
        Folder to keep them in.
    level
        Name of a level of x86-64 (`compiled.LEVELS`); empty: this processor.
    """
    stamp = place / "ready"
    if stamp.exists():
        return
    all_work = [None, *usual()]
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn"), _begin, (level,)) as pool:
        for done, future in enumerate(as_completed([pool.submit(_make, work, place) for work in all_work]), 1):
            future.result()
            if sys.stderr.isatty() or done == len(all_work):
                end = "\n" if done == len(all_work) else "\r"
                words = f"Compiling the simulation for {level or 'this processor'}, once: {done} of {len(all_work)}"
                print(words, file=sys.stderr, end=end)
    stamp.touch()


def main() -> None:
    """Compile for this processor, or for all levels that a wheel carries."""
    parser = argparse.ArgumentParser(prog="python -m tunbp.model.ready", description=main.__doc__)
    parser.add_argument("--wheel", type=Path, metavar="FOLDER", help="compile for every x86-64, for setup.py to pack")
    wheel = parser.parse_args().wheel
    place = folder()
    if wheel is not None:
        for level in LEVELS:
            make(wheel / sources() / level, level)
    elif place is None:
        print("No folder for kernels can be written to: each process compiles its own", file=sys.stderr)
    else:
        make(place / processor())


if __name__ == "__main__":
    main()
