"""Run the peers beside both engines: `python -m benchmarks.peers [--ns3 PYTHON]`. Prints ratios of processor time.

A ratio says how many times less processor time an engine of tunbp takes for the same scenario in the same call. What
the peers find (drops, throughput) is printed beside it: a fast wrong answer would be no comparison. simpy and ns-3 are
no dependency of the project; what is missing is left out and named.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from benchmarks.__main__ import machine, processor_time
from tunbp.model.scenario import Scenario
from tunbp.model.simulate import simulate

HERE = Path(__file__).parent
OPEN = {"offered_rate": 75e3, "drain_rate": 60e3, "ring": 500, "duration": 10.0}
"""An overloaded ring: a fifth of 750,000 packets is dropped."""

FLOW = {"drain_rate": 60e3, "ring": 500, "rtt": 0.12, "receive_window": 3e6, "mss": 1448, "duration": 20.0}
"""One CUBIC flow over 120 ms."""

BATCH = 1024
"""Scenarios of the fluid's batch, of which one is counted."""


def peer(python: str, script: str, *values: float) -> dict[str, Any] | None:
    """What a peer's script prints, None if it cannot run here."""
    command = [python, str(HERE / script), *(repr(float(value)) for value in values)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(f"{script} is left out: {done.stderr.strip().splitlines()[-1:] or done.returncode}", file=sys.stderr)
        return None
    return json.loads(done.stdout.splitlines()[-1])


def open_loop() -> list[dict[str, Any]]:
    """Events of an open loop: a heap in Python, simpy, the packet-level twin."""
    scenario = Scenario(source="open", qdisc="noqueue", driver="stock", **OPEN)
    own = processor_time(lambda: simulate(scenario, "packets"), 3)
    found = simulate(scenario, "packets")
    share = float(found["dropped_ring"] / found["sent"])
    rows = []
    for name, script in (("heap", "heap.py"), ("simpy", "simpy_ring.py")):
        values = (OPEN["offered_rate"], OPEN["drain_rate"], OPEN["ring"], OPEN["duration"])
        if (told := peer(sys.executable, script, *values)) is not None:
            theirs = told["dropped"] / told["sent"]
            row = {"peer": name, "engine": "packets", "scenario": "open loop", "ratio": told["processor"] / own}
            rows.append(row | {"peer finds": f"{theirs:.2%} dropped", "tunbp finds": f"{share:.2%} dropped"})
    return rows


def flow(python: str) -> list[dict[str, Any]]:
    """One TCP flow: ns-3, the packet-level twin, the fluid in a batch."""
    order = ("drain_rate", "ring", "rtt", "receive_window", "mss", "duration")
    told = peer(python, "ns3_tcp.py", *(FLOW[name] for name in order))
    if told is None:
        return []
    # ns-3 counts its second 20 seconds: 40 are run here, the first half is warm-up
    long = {**FLOW, "duration": 2 * FLOW["duration"], "warmup": FLOW["duration"]}
    single = Scenario(qdisc="noqueue", driver="stock", **long)
    batch = single.replace(seed=xr.DataArray(np.arange(BATCH), dims="run"))
    rows = []
    for engine, scenario, count in (("packets", single, 1), ("fluid", batch, BATCH)):
        own = processor_time(lambda s=scenario, e=engine: simulate(s, e, 1), 3) / count / 2
        rate = float(simulate(scenario, engine)["received_rate"].mean())
        row = {"peer": "ns-3", "engine": engine, "scenario": "one CUBIC flow", "ratio": told["processor"] / own}
        found = {"peer finds": f"{told['received_rate'] / 1e6:.1f} Mbit/s", "tunbp finds": f"{rate / 1e6:.1f} Mbit/s"}
        rows.append(row | found)
    return rows


def main() -> None:
    """Measure, print the rows as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=main.__doc__)
    parser.add_argument("--ns3", default=sys.executable, metavar="PYTHON", help="Python that has the package ns3")
    python = parser.parse_args().ns3
    rows = [*open_loop(), *flow(python)]
    print(json.dumps([{**row, "ratio": float(f"{row['ratio']:.3g}"), "machine": machine()} for row in rows], indent=2))


if __name__ == "__main__":
    main()
