"""What users wait for: commands in new processes, a sweep of the README, notebooks in batch, a batch of mixed paths."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr

from tunbp.model.engines.fluid.batch import round_trip_slots
from tunbp.model.scenario import Scenario
from tunbp.model.simulate import simulate

ROOT = Path(__file__).parent.parent
TUNBP = "from tunbp.cli import main; main()"
PATH = ("--rtt", "120ms", "--ring", "500", "--drain", "60k/s")
TRACE = "tests/traces/fixtures/iperf3_reverse.json"
MEASURED = "tests/traces/fixtures/iperf3_netem.json"
REPEATS = 3


def command(*arguments: str, cache: Path | None = None) -> tuple[float, float]:
    """Wall-clock and processor time [s] of one command, with the caches of this user or in an empty folder."""
    environment = dict(os.environ)
    if cache is not None:
        environment |= {"XDG_CACHE_HOME": str(cache), "NUMBA_CACHE_DIR": str(cache)}
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", TUNBP, *arguments], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    _, status, used = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 1):  # 1: `check` found a bound that is not met
        raise SystemExit(f"tunbp {' '.join(arguments)} ended with status {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - start, used.ru_utime + used.ru_stime


def warm(*arguments: str) -> float:
    """Median wall-clock time of a command after one that compiled."""
    command(*arguments)
    return sorted(command(*arguments)[0] for _ in range(REPEATS))[REPEATS // 2]


def first(*arguments: str) -> float:
    """Wall-clock time of a command of which nothing was ever compiled."""
    with tempfile.TemporaryDirectory() as empty:
        return command(*arguments, cache=Path(empty))[0]


def redraw() -> float:
    """Median wall-clock time of a redraw of notebook 06 while a slider moves, as the person who moves it waits."""
    from tunbp.notebooks.your_path.figures import Explorer
    from tunbp.notebooks.your_path.params import Params

    explorer = Explorer(Params().model_dump())
    times = []
    for _ in range(1 + REPEATS):
        start = time.perf_counter()
        explorer.show(explorer.draft(), rough=True)
        times.append(time.perf_counter() - start)
    return sorted(times[1:])[REPEATS // 2]


def sweep() -> float:
    """Processor time of the README's sweep (8,192 scenarios of 30 s), warm."""
    command("sweep", "params/sweep_paths.yaml", "--plan")
    with tempfile.TemporaryDirectory() as folder:
        return command("sweep", "params/sweep_paths.yaml", "--out", f"{folder}/s.zarr")[1]


def reproduce(cold: bool) -> float:
    """Wall-clock time of all notebooks, everything compiled before or nothing."""
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "cache" if cold else None
        taken = command("reproduce", "--out", f"{folder}/results", cache=cache)[0]
        shutil.rmtree(f"{folder}/results", ignore_errors=True)
        return taken


def mixed_batch(count: int = 4096, duration: float = 10.0) -> float:
    """Flow-steps per second and core of random paths: RTT, ring, reader, qdisc, driver, control and streams."""
    random = np.random.default_rng(1)
    values = {
        "rtt": np.exp(random.uniform(np.log(0.005), np.log(0.2), count)),
        "ring": np.exp(random.uniform(np.log(10), np.log(5000), count)).astype(int),
        "drain_rate": np.exp(random.uniform(np.log(20e3), np.log(200e3), count)),
        "qdisc": random.choice(["pfifo", "fq_codel"], count).astype(object),
        "driver": random.choice(["stock", "7.3"], count).astype(object),
        "congestion": random.choice(["cubic", "reno"], count).astype(object),
        "streams": random.choice([1, 1, 2, 4, 8], count),
        "seed": np.arange(count),
    }
    batch = Scenario(**{name: xr.DataArray(value, dims="run") for name, value in values.items()}, duration=duration)
    slots = round_trip_slots(values["rtt"], None, values["ring"] / values["drain_rate"])
    steps = float(np.sum(duration / values["rtt"] * slots * values["streams"]))
    simulate(batch.replace(duration=0.5), threads=1)
    start = time.process_time()
    simulate(batch, threads=1)
    return steps / (time.process_time() - start)


ROWS: dict[str, tuple[Callable[[], float], str, str]] = {
    "tunbp predict, first ever": (lambda: first("predict", *PATH), "s", "<= 2"),
    "tunbp predict": (lambda: warm("predict", *PATH), "s", "<= 4"),
    "tunbp predict, 8 draws of 2 s": (
        lambda: warm("predict", *PATH, "--draws", "8", "--duration", "2s"),
        "s",
        "<= 0.8",
    ),
    "tunbp predict, 0.2 ms and 8 streams": (
        lambda: warm("predict", "--rtt", "0.2ms", "--streams", "8", "--drain", "60k/s"),
        "s",
        "<= 4",
    ),
    "tunbp predict, a radio link of 10 Mbit/s": (
        lambda: warm("predict", "--bandwidth", "10Mbit/s", "--rtt", "40ms", "--ring", "500"),
        "s",
        "<= 4",
    ),
    "tunbp predict, wireguard-go with 8 streams": (
        lambda: warm("predict", "--product", "wireguard-go", "--streams", "8", "--rtt", "20ms", "--ring", "500"),
        "s",
        "<= 4",
    ),
    "tunbp predict --trace": (lambda: warm("predict", "--trace", MEASURED), "s", "<= 10"),
    "redraw of notebook 06 while a slider moves": (redraw, "s", "<= 0.3"),
    "tunbp trace": (lambda: warm("trace", TRACE), "s", ""),
    "tunbp check": (lambda: warm("check"), "s", ""),
    "random mixed batch": (lambda: mixed_batch() / 1e6, "M flow-steps/s/core", ">= 250"),
    "tunbp sweep params/sweep_paths.yaml": (sweep, "processor s", "<= 20"),
    "tunbp reproduce, nothing compiled": (lambda: reproduce(cold=True), "s", "<= 40"),
    "tunbp reproduce": (lambda: reproduce(cold=False), "s", "<= 25"),
}
"""Name, measurement, unit and target."""
