"""Time and memory of `tunbp sweep`, written to `benchmarks/sweep.json` and `sweep.md`: `python -m benchmarks.sweep`."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from benchmarks.__main__ import machine

SIZES = (1_000, 10_000, 100_000)
PAIRS = 5
PAIR_SIZE = 8_000
HERE = Path(__file__).parent
TUNBP = "from tunbp.cli import main; main()"


def plan(scenarios: int) -> dict[str, Any]:
    """The plan of all measurements: 60 s at 120 ms, rings of 100 to 5000, with pauses; stock and backpressure."""
    return {
        "design": {"kind": "sobol", "samples": scenarios // 2, "seed": 1},
        "parameters": {
            "driver": ["stock", "7.3"], "ring": {"choice": [100, 500, 1000, 5000]},
            "seed": {"from": 0, "to": 2**30}, "rtt": 0.12, "drain_rate": 60_000, "qdisc": "pfifo",
            "ack_interval": 0.002, "stall_rate": 1, "stall_mean": 0.005, "duration": 60,
        },
    }  # fmt: skip


def command(folder: Path, scenarios: int) -> dict[str, float]:
    """Wall-clock and processor time [s] and peak memory [byte] of the command on all cores of this machine."""
    file = folder / f"{scenarios}.yaml"
    file.write_text(yaml.safe_dump(plan(scenarios)))
    start = time.perf_counter()
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-c", TUNBP, "sweep", str(file), "--out", str(folder / f"{scenarios}.zarr")],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, used = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"tunbp sweep of {scenarios} scenarios ended with status {os.waitstatus_to_exitcode(status)}")
    return {
        "wall": time.perf_counter() - start,
        "processor": used.ru_utime + used.ru_stime,
        "memory": used.ru_maxrss * 1024.0,
    }


def pair(folder: Path, number: int) -> tuple[float, float]:
    """Wall-clock time of one sweep on a LocalCluster of one, then of two single-threaded workers."""
    from distributed import Client, LocalCluster
    from rich.console import Console

    from tunbp.sweep import run
    from tunbp.sweep.plan import make_plan

    with Path(os.devnull).open("w") as nowhere:
        console, times = Console(file=nowhere), []
        for workers in (1, 2):
            with (
                LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
                Client(cluster) as client,
            ):
                small = make_plan(plan(64 * 2 * workers) | {"chunk": 64})
                run(small, folder / f"warm_{number}_{workers}.zarr", console=console)  # every worker loads its kernels
                client.wait_for_workers(workers)
                start = time.perf_counter()
                run(make_plan(plan(PAIR_SIZE)), folder / f"pair_{number}_{workers}.zarr", console=console)
                times.append(time.perf_counter() - start)
    return times[0], times[1]


def table(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    lines = [
        "# Sweeps",
        "",
        "Made by `python -m benchmarks.sweep`: CUBIC for 60 s at 120 ms with pauses of the reader, rings of 100 to",
        f"5000 packets, stock and 7.3. Machine: {result['machine']}. {result['note']}",
        "",
        f"Starting and ending take {result['start']:.1f} s of processor time, which the cost per scenario leaves out.",
        "",
        "| scenarios | wall-clock (s) | processor time (s) | per scenario (ms) | peak memory (MiB) |",
        "|---:|---:|---:|---:|---:|",
    ]
    for size, row in result["sizes"].items():
        each = (row["processor"] - result["start"]) / int(size) * 1e3
        lines.append(
            f"| {int(size):,} | {row['wall']:.1f} | {row['processor']:.1f} | {each:.2f} | {row['memory'] / 2**20:.0f} |"
        )
    if result["pairs"]:
        ratios = sorted(one / two for one, two in result["pairs"])
        lines += [
            "",
            f"LocalCluster, {PAIR_SIZE:,} scenarios, two single-threaded workers against one, {len(ratios)} pairs: "
            f"{statistics.median(ratios):.2f} times as fast (median; {ratios[0]:.2f} to {ratios[-1]:.2f}).",
        ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and write both files."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep", description=main.__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--note", default="", help="what else the reader should know, e.g. that the machine was shared")
    parser.add_argument("--out", type=Path, default=HERE)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command(folder, 512)  # compiles
        start = statistics.median(command(folder, 2 + 2 * i)["processor"] for i in range(3))
        sizes = {str(size): command(folder, size) for size in options.sizes}
        pairs = [pair(folder, number) for number in range(options.pairs)]
    result = {"machine": machine(), "note": options.note, "start": start, "sizes": sizes, "pairs": pairs}
    (options.out / "sweep.json").write_text(json.dumps(result, indent=2) + "\n")
    (options.out / "sweep.md").write_text(table(result))
    print(table(result))


if __name__ == "__main__":
    main()
