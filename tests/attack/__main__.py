"""Try until time or tries are used up, and print tries and failures by kind."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.attack import inputs, kills, sinks, together
from tests.attack.commands import BrokenError, prepare

ONLY: list[str] = []
"""Writers to kill, where not everything is tried."""

BASE = tempfile.TemporaryDirectory(prefix="attack-")
"""What is made once: inputs of writers, and what they write when nobody kills them."""

KILL = "kill"
OTHERS = (
    inputs.try_file, inputs.try_parameters, inputs.try_plan, sinks.try_sink, inputs.try_job, inputs.try_lab_plan,
    inputs.try_environment, *together.TRIES,
)  # fmt: skip
"""What is tried in turn; every third try is a kill of one of the writers, in turn too."""


def kind_of(work: Callable[..., str]) -> str:
    """What a report calls a kind of try."""
    return work.__name__.removeprefix("try_").replace("_", " ")


def attempt(number: int, killed: Counter[str], kinds: Sequence[Callable[..., str]] = ()) -> tuple[str, str, str]:
    """One try: its kind, what it did, and what went wrong (empty: nothing); of these kinds alone, if any are given."""
    r = random.Random(number)
    kind, base = KILL, Path(BASE.name)
    with tempfile.TemporaryDirectory(prefix="attack-", ignore_cleanup_errors=True) as folder:
        try:
            if ONLY or (number % 3 == 0 and not kinds):
                names = ONLY or list(kills.WRITERS)
                name = names[(number if ONLY else number // 3) % len(names)]
                did, hits = kills.attack(r, name, base, Path(folder))
                killed[name] += hits
                return kind, did, ""
            work = kinds[number % len(kinds)] if kinds else OTHERS[(number - number // 3 - 1) % len(OTHERS)]
            kind = kind_of(work)
            did = work(r, base, Path(folder)) if work in together.TRIES else work(r, Path(folder))
            return kind, did, ""
        except BrokenError as error:
            return kind, "", str(error)


def main() -> None:
    """Status 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--tries", type=int, default=10**9)
    parser.add_argument("--kill", choices=kills.WRITERS, action="append", help="kill this writer, and try nothing else")
    parser.add_argument("--kills", type=int, default=0, help="go on until each of them was killed that often")
    parser.add_argument("--only", choices=[kind_of(work) for work in OTHERS], action="append", help="try nothing else")
    parser.add_argument("--verbose", action="store_true")
    given = parser.parse_args()
    ONLY.extend(given.kill or (kills.WRITERS if given.kills else ()))
    kinds = [work for work in OTHERS if kind_of(work) in (given.only or ())]
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
        kind, did, wrong = attempt(number, killed, kinds)
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
