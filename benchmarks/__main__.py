"""Print the speed of engines and commands as JSON: name, value, unit, target and the machine it was measured on."""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from benchmarks import commands
from tunbp.model.engines.fluid.batch import round_trip_slots
from tunbp.model.scenario import Scenario
from tunbp.model.simulate import simulate

REPEATS = 5


def machine() -> str:
    """Processor, number of cores and load while measuring."""
    model = platform.processor()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    load = os.getloadavg()[0]
    return f"{model}, {os.cpu_count()} cores, load {load:.1f}, Python {platform.python_version()}"


def mixed(count: int, **fields: Any) -> Scenario:
    """CUBIC with stalls at 120 ms; stock and backpressure alternate, rings from 100 to 5000."""
    i = np.arange(count)
    point = {
        "driver": xr.DataArray(np.where(i % 2, "stock", "7.3").astype(object), dims="run"),
        "ring": xr.DataArray(np.array([100, 500, 1000, 5000])[i // 2 % 4], dims="run"),
        "qdisc": "pfifo", "rtt": 0.12, "drain_rate": 60e3, "ack_interval": 2e-3, "stall_rate": 1.0, "stall_mean": 5e-3,
        "seed": xr.DataArray(i, dims="run"),
    }  # fmt: skip
    return Scenario(**(point | fields))


def processor_time(work: Callable[[], Any], repeats: int = REPEATS) -> float:
    """Median of the processor time of several calls, after one to compile."""
    work()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return statistics.median(times)


def stepping(**fields: Any) -> float:
    """Scenario-steps per second and core: 1,024 scenarios, 120 ms, dt 100 us."""
    slots = int(round_trip_slots(np.array([0.12]), 1e-4)[0])
    batch = mixed(1024, dt=1e-4, duration=2.0, **fields)
    return 1024 * 2.0 / 0.12 * slots / processor_time(lambda: simulate(batch, threads=1))


def per_second(rtt: float) -> float:
    """Processor time per simulated second and scenario, 1,024 scenarios, automatic dt."""
    duration = 20.0 if rtt > 0.01 else 1.0
    batch = mixed(1024, rtt=rtt, duration=duration)
    return processor_time(lambda: simulate(batch, threads=1), 3) / 1024 / duration


def single() -> float:
    """Processor time of one scenario of 300 s at 120 ms, warm."""
    return processor_time(lambda: simulate(mixed(1, duration=300.0).replace(driver="stock", ring=500)))


def twin(**fields: Any) -> float:
    """Processor time per packet of the packet-level engine in ns; with GSO a packet is a full ring entry."""
    from tunbp.model.engines.packets.batch import run

    point = Scenario(qdisc="pfifo", rtt=0.12, drain_rate=60e3).replace(**fields).parameters()
    sent = float(run(point)["sent"]) / point["gso_segments"]
    return float(processor_time(lambda: run(point)) * 1e9 / sent)


def large(count: int) -> float:
    """Wall-clock time of `count` scenarios of 300 s at 120 ms on all cores."""
    batch = mixed(count, duration=300.0)
    start = time.perf_counter()
    simulate(batch)
    return time.perf_counter() - start


def fresh(code: str, environment: dict[str, str] | None = None) -> float:
    """Wall-clock time of a statement in a new process, measured inside it."""
    program = f"import time; start = time.perf_counter()\n{code}\nprint(time.perf_counter() - start)"
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **(environment or {})}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return float(done.stdout.split()[-1])


IMPORT = "from tunbp import Scenario, simulate"
FIRST = "from tunbp.model.scenario import Scenario; from tunbp.model.simulate import simulate; simulate(Scenario())"


def cold() -> float:
    """First `simulate` of a new process that has nothing compiled."""
    with tempfile.TemporaryDirectory() as empty:
        return fresh(FIRST, {"NUMBA_CACHE_DIR": empty})


def memory() -> float:
    """Peak memory of this process so far, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


PAUSES: dict[str, Any] = {"stall_rate": 1.0, "stall_mean": 5e-3, "ack_interval": 2e-3}
BACKLOG: dict[str, Any] = {"driver": "7.3", "qdisc_limit": 10_000, "receive_window": 100e6}
VHOST: dict[str, Any] = {
    "driver": "v3", "ring": 1000, "rtt": 2e-4, "drain_rate": 45e3, "guest_rate": 50e3, "gso_segments": 45,
    "receive_window": 4e6, "wake_cost": 5e-6,
}  # fmt: skip
"""Loads of the exact twin beside a path of 120 ms and a reader of 60,000 packets/s."""

ROWS: dict[str, tuple[Callable[[], float], str, str]] = {
    "import tunbp": (lambda: fresh("import tunbp"), "s", "<= 0.6"),
    IMPORT: (lambda: fresh(IMPORT), "s", "<= 0.6"),
    "first simulate, compiled": (lambda: fresh(FIRST), "s", "<= 3"),
    "stepping, CUBIC, 1,024 scenarios": (lambda: stepping() / 1e6, "M scenario-steps/s/core", ">= 300"),
    "stepping, stock": (lambda: stepping(driver="stock") / 1e6, "M scenario-steps/s/core", ""),
    "stepping, stock, rings that never overflow": (
        lambda: stepping(driver="stock", ring=1_000_000) / 1e6,
        "M scenario-steps/s/core",
        "",
    ),
    "stepping, backpressure": (lambda: stepping(driver="7.3") / 1e6, "M scenario-steps/s/core", ""),
    "stepping, backpressure, no pauses": (
        lambda: stepping(driver="7.3", stall_rate=0.0) / 1e6,
        "M scenario-steps/s/core",
        "",
    ),
    "stepping, 8 CUBIC flows": (lambda: stepping(streams=8) * 8 / 1e6, "M flow-steps/s/core", ""),
    "processor time per simulated second, 120 ms": (lambda: per_second(0.12) * 1e6, "us", "<= 34"),
    "processor time per simulated second, 0.2 ms": (lambda: per_second(2e-4) * 1e3, "ms", "<= 1"),
    "one scenario, 300 s, 120 ms": (lambda: single() * 1e3, "ms", "<= 20"),
    "exact twin, one CUBIC flow": (lambda: twin(duration=60.0, **PAUSES), "ns/packet", "<= 60"),
    "exact twin, backpressure, long qdisc backlog": (lambda: twin(duration=60.0, **BACKLOG), "ns/packet", "<= 60"),
    "exact twin, 16 CUBIC flows": (lambda: twin(duration=60.0, streams=16, **PAUSES), "ns/packet", "<= 60"),
    "exact twin, BBR": (lambda: twin(duration=60.0, congestion="bbr", **PAUSES), "ns/packet", "<= 60"),
    "exact twin, vhost with GSO": (lambda: twin(duration=10.0, **VHOST), "ns/ring entry", "<= 60"),
    "1,000 scenarios, 300 s, 120 ms": (lambda: large(1000), "s", "<= 30"),
    "10,000 scenarios, 300 s, 120 ms": (lambda: large(10_000), "s", "<= 100"),
    "peak memory": (memory, "GiB", "<= 2"),
    "first simulate, nothing compiled": (cold, "s", "<= 40"),
}
"""Name, measurement, unit and target; times are processor time but for whole runs and new processes.

The rows of stepping without a target say what the parts of the physics cost.
"""


def main() -> None:
    """Measure every row, or those whose name contains one of the words given."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("words", nargs="*", help="only rows whose name contains one of these")
    words = parser.parse_args().words
    rows_of_all = ROWS | commands.ROWS
    chosen = {name: row for name, row in rows_of_all.items() if not words or any(word in name for word in words)}
    where = machine()
    rows = [
        {"name": name, "value": float(f"{measure():.4g}"), "unit": unit, "target": target, "machine": where}
        for name, (measure, unit, target) in chosen.items()
    ]
    print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
