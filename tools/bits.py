"""Whether a change keeps every bit of both engines: run before it, run after it, compare.

``python tools/bits.py before.json`` simulates a few hundred random scenarios by both engines and writes a sha256 per
kind of scenario and variable; with two files, ``python tools/bits.py before.json after.json``, it compares them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

BEHIND: dict[str, Any] = {
    "path_rate": 3e4, "path_buffer": 200, "path_loss": 1e-4, "ack_cost": 8e-6, "far_rate": 4e4, "far_ack_cost": 5e-6,
}  # fmt: skip
READERS = {name: BEHIND[name] for name in ("ack_cost", "far_rate", "far_ack_cost")}
"""What takes time of the readers, and no path behind them."""

KINDS: dict[str, dict[str, Any]] = {
    "cubic": {"congestion": "cubic"},
    "reno": {"congestion": "reno"},
    "bbr": {"congestion": "bbr"},
    "cubic streams": {"congestion": "cubic", "streams": 3},
    "reno streams": {"congestion": "reno", "streams": 3},
    "bbr streams": {"congestion": "bbr", "streams": 3},
    "cubic behind": {"congestion": "cubic", **BEHIND},
    "bbr behind": {"congestion": "bbr", **BEHIND},
    "cubic marks": {"congestion": "cubic", "ecn": True, "qdisc": "fq_codel", "origin": "forwarded"},
    "reno marks": {"congestion": "reno", "ecn": True, "qdisc": "fq_codel", "origin": "forwarded"},
    "cubic streams behind": {"congestion": "cubic", "streams": 3, **BEHIND},
    "reno fair behind": {"congestion": "reno", **BEHIND, "reader_policy": "fair"},
    "cubic paced": {"congestion": "cubic", "pacing": True},
    "cubic readers": {"congestion": "cubic", **READERS},
    "cubic streams readers": {"congestion": "cubic", "streams": 3, **READERS},
    "cubic paced readers": {"congestion": "cubic", "pacing": True, **READERS, "reader_policy": "separate"},
    "bbr fair readers": {"congestion": "bbr", **READERS, "reader_policy": "fair"},
    "cubic shaped readers": {"congestion": "cubic", "qdisc": "cake", "qdisc_rate": 2e4, **READERS},
    "open": {"source": "open"},
    "frames": {"source": "frames"},
}
COUNT = 32
"""Scenarios of each kind, by each engine."""


def main() -> None:
    """Write or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.json")
    files = parser.parse_args().files
    if len(files) > 1:
        before, after = (json.loads(path.read_text()) for path in files)
        other = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
        print("\n".join(other) or f"all {len(before)} arrays are bit for bit equal")
        sys.exit(bool(other))
    from tests.model.batches import generated
    from tunbp import simulate

    warnings.simplefilter("ignore")
    sums: dict[str, str] = {}
    for number, (kind, fields) in enumerate(KINDS.items()):
        scenario = generated(COUNT, number, (0.002, 0.05, 0.05, 0.3), interval=0.1, dt=2e-3, **fields)
        for engine in ("fluid", "packets"):
            found = simulate(scenario, engine=engine)
            for name, values in found.data_vars.items():
                data = np.ascontiguousarray(values.values, "<f8").tobytes()
                sums[f"{engine} {kind} {name}"] = hashlib.sha256(data).hexdigest()[:16]
    files[0].write_text(json.dumps(sums, indent=1))
    print(f"{len(sums)} arrays of {COUNT * len(KINDS)} scenarios by each engine")


if __name__ == "__main__":
    main()
