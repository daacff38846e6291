"""Record how far the probe is from the truth: `data/measured/probe_truth.json`.

Run as root on a machine at rest: ``python -m tests.lab.probe [REPETITIONS]``. Each repetition makes four runs of our
own tunnel program (`paced.c`): overload with pauses asleep and busy, the same without pauses, and bursts.
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.lab.probe import errors, live
from tunbp.lab import facts
from tunbp.lab.folder import write_json
from tunbp.lab.probe.analysis import Analysis, analyse
from tunbp.lab.probe.match import READ

TARGET = Path(__file__).parents[3] / "data" / "measured" / "probe_truth.json"
CASES = {
    "overload, pauses asleep": (live.OVERLOAD, "sleep"),
    "overload, pauses busy": (live.OVERLOAD, "spin"),
    "overload": (live.STEADY, "spin"),
    "bursts": (live.BURSTS, "spin"),
}


def measured(analysis: Analysis, truth: live.Truth, case: str) -> dict[str, Any]:
    """The errors of one run [1], by name; what a case cannot show is left out."""
    rate, gaps = errors.burst_rate(analysis, truth)
    share, samples = errors.exact_occupancy(analysis, truth)
    row: dict[str, Any] = {
        "packets_read": sum(int((window.packets.fate == READ).sum()) for window in analysis.recording.windows),
        "burst_rate": rate,
        "burst_gaps": gaps,
        "burst_size": float(analysis.arrivals.burst_size(0.5).value),
        "occupancy_exact": float(share),
        "occupancy_samples": samples,
        "drops_missed": max(abs(found - logged) for found, logged in errors.drops(analysis, truth)),
    }
    for name, change in (("rate_change", analysis.rate_change), ("cost_change", analysis.cost_change)):
        row[name] = [change.value, change.low, change.high]
    if case.startswith("overload"):
        row["service_time"] = errors.service_time(analysis, truth)
        row["pace"] = float(errors.pace(analysis))
    if "pauses" in case:
        row["pause_rate"], row["pause_mean"] = map(float, errors.pauses(analysis, truth))
    return row


def main() -> None:
    """Make the runs and write them with the facts of the machine."""
    rows, skipped = [], []
    with tempfile.TemporaryDirectory() as folder:
        program = live.build(Path(folder))
        for repetition in range(1, int(sys.argv[1] if len(sys.argv) > 1 else 5) + 1):
            for case, (numbers, mode) in CASES.items():
                place = Path(folder) / f"{case} {repetition}"
                place.mkdir()
                before = facts.load()
                try:
                    recording, truth = live.probed(program, place, *numbers, mode=mode)
                except pytest.skip.Exception as busy:
                    skipped.append(f"{case}, {repetition}: {busy}")
                    continue
                load = facts.load_between(before, facts.load())
                row = {"case": case, "repetition": repetition, "load_average": load["load_average"]}
                rows.append({**row, **measured(analyse(recording), truth, case)})
                print(rows[-1], flush=True)
    write_json(
        TARGET, {"host": {**facts.host(), "nice": os.getpriority(os.PRIO_PROCESS, 0)}, "runs": rows, "skipped": skipped}
    )


if __name__ == "__main__":
    main()
