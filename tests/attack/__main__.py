"""Try until time or tries are used up, and print tries and failures by kind."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.attack import inputs, kills, sinks
from tests.attack.commands import BrokenError, prepare

ONLY: list[str] = []
"""Writers to kill, where not everything is tried."""

BASE = tempfile.TemporaryDirectory(prefix="attack-")
"""What is made once: inputs of writers, and what they write when nobody kills them."""

TRIES = (
    inputs.try_file, "kill", inputs.try_parameters, inputs.try_plan, "kill", sinks.try_sink, inputs.try_job, "kill",
    inputs.try_lab_plan, inputs.try_environment,
)  # fmt: skip
"""What is tried in turn."""


def attempt(number: int, killed: Counter[str]) -> tuple[str, str, str]:
    """One try: its kind, what it did, and what went wrong (empty: nothing)."""
    r = random.Random(number)
    work = TRIES[number % len(TRIES)]
    with tempfile.TemporaryDirectory(prefix="attack-", ignore_cleanup_errors=True) as folder:
        if ONLY or isinstance(work, str):
            # all writers in turn, so that each is killed as often
            names = ONLY or list(kills.WRITERS)
            count = number if ONLY else number // len(TRIES) * TRIES.count("kill") + TRIES[: number % 10].count("kill")
            name = names[count % len(names)]
            try:
                did, hits = kills.attack(r, name, Path(BASE.name), Path(folder))
            except BrokenError as error:
                return "kill", "", str(error)
            killed[name] += hits
            return "kill", did, ""
        try:
            return work.__name__.removeprefix("try_"), work(r, Path(folder)), ""
        except BrokenError as error:
            return work.__name__.removeprefix("try_"), "", str(error)


def main() -> None:
    """Status 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--tries", type=int, default=10**9)
    parser.add_argument("--kill", choices=kills.WRITERS, action="append", help="kill this writer, and try nothing else")
    parser.add_argument("--kills", type=int, default=0, help="go on until each of them was killed that often")
    parser.add_argument("--verbose", action="store_true")
    given = parser.parse_args()
    ONLY.extend(given.kill or (kills.WRITERS if given.kills else ()))
    prepare()
    end = time.monotonic() + given.seconds
    tried: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    killed: Counter[str] = Counter()
    for number in range(given.first, given.first + given.tries):
        if time.monotonic() > end:
            break
        if given.kills:
            ONLY[:] = [name for name in ONLY if killed[name] < given.kills]
            if not ONLY:
                break
        kind, did, wrong = attempt(number, killed)
        tried[kind] += 1
        if wrong:
            failed[kind] += 1
            print(f"{number} {kind}: {wrong}", flush=True)
        elif given.verbose:
            print(f"{number} {kind}: {did}", flush=True)
    for name, count in sorted(killed.items()):
        print(f"kills of {name}: {count}")
    for kind, count in sorted(tried.items()):
        print(f"{kind}: {count} tries, {failed[kind]} failures")
    print(f"{tried.total()} tries, {killed.total()} kills, {failed.total()} failures")
    BASE.cleanup()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
