"""Runs that predictions are judged by: what was known of each beforehand, what was measured, and what it may serve for.

Each cell is one configuration. `use` keeps apart what the sizes of the model's error come from ("calibration") and what
judges the intervals ("held out").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tunbp.evidence import live
from tunbp.evidence.datasets import external, published
from tunbp.evidence.studies import LAB_FITTED, LAB_RTTS, LAB_WINDOW_ROW, PATH_FITTED, PATH_RINGS, PATH_WINDOW_ROW
from tunbp.prediction.path import HEADERS, LEAST_RTT
from tunbp.prediction.products import product
from tunbp.prediction.unknown import READER

ALMOST_NONE = 0.01
"""Share of a flood's losses behind the ring that counts as none."""

CALIBRATION, HELD_OUT = "calibration", "held out"

RAISED_WINDOW = live.RECEIVE_WINDOW
"""Window of the laboratory's namespaces where it raises the buffers, byte."""


@dataclass(frozen=True)
class Cell:
    """One configuration with its measured rate.

    Attributes
    ----------
    source, name
        Table and row.
    product
        Program that reads the device (``data/priors.yaml``).
    known
        Fields of `tunbp.Scenario` that were known beforehand.
    variant
        stock or backpressure.
    measured
        Received rate, bit/s: the median where runs repeat.
    use
        `CALIBRATION` or `HELD_OUT`.
    runs
        How many runs `measured` stands for.
    rates
        Their rates where each is known, bit/s.
    dropped, drop_fraction
        Packets that the ring dropped, and their share of those that reached it: medians of the runs; NaN: not known.
    sources
        Where known fields are from, as `tunbp.prediction.predict` has it; "given" where it says nothing.
    """

    source: str
    name: str
    product: str
    known: dict[str, Any]
    variant: str
    measured: float
    use: str
    runs: int = 1
    rates: tuple[float, ...] = ()
    dropped: float = float("nan")
    drop_fraction: float = float("nan")
    sources: dict[str, str] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)


def _lab(
    runs: xr.Dataset, name: str, product: str, constants: dict[str, Any], use: str, least_runs: int = 3
) -> list[Cell]:
    """Cells of one of the laboratory's tunnels, without runs in which others took the processors, where any remain."""
    names = ["cell", "variant", "ring", "added_rtt", "congestion", "qdisc", "set_duration", "warmup"]
    names += [key for key in ("remarks", "windows") if key in runs.coords]
    table = pd.DataFrame({key: runs[key].to_numpy() for key in names})
    table["pacing"] = live.paced(runs)
    for key in ("dropped_ring", "ring_drop_fraction"):
        table[key] = runs[key].to_numpy()
    table["rate"], table["mss"] = runs["received_rate"].to_numpy(), runs["mss"].to_numpy()
    cells = []
    for (cell, variant), rows in table.groupby(["cell", "variant"], sort=False):
        quiet = rows[rows["remarks"] == ""] if "remarks" in rows else rows
        kept = quiet if len(quiet) >= least_runs else rows
        first = kept.iloc[0]
        known = {
            "rtt": max(float(first["added_rtt"]), LEAST_RTT),
            "ring": int(first["ring"]),
            "mss": float(first["mss"]),
            "congestion": str(first["congestion"]),
            "pacing": bool(first["pacing"]),
            "qdisc": str(first["qdisc"]),
            "duration": float(first["set_duration"] + first["warmup"]),
            "warmup": float(first["warmup"]),
            **constants,
        }
        if str(first.get("windows", "raised")) == "raised":
            known["receive_window"] = RAISED_WINDOW
        rates = tuple(map(float, kept["rate"]))
        cells.append(
            Cell(name, str(cell), product, known, str(variant), float(np.median(rates)), use, len(rates), rates,
                 float(kept["dropped_ring"].median()), float(kept["ring_drop_fraction"].median()))
        )  # fmt: skip
    return cells


def native() -> list[Cell]:
    """OpenVPN at native speed; reader and chain from the floods of `lab_speed_native` alone."""
    return _chain("openvpn_native", "speed_native", HELD_OUT)


def pacing() -> list[Cell]:
    """The same with CUBIC paced and plain, on another machine; from the floods of `lab_speed_pacing_native` alone."""
    return _chain("pacing_native", "speed_pacing_native", CALIBRATION)


def _chain(measured: str, flooded: str, use: str) -> list[Cell]:
    """OpenVPN between two namespaces whose chain floods have measured."""
    speed = live.measurement(flooded)
    data, acks = _flood(speed), _flood(speed, "acks")
    constants = {
        "drain_rate": reader_rate(speed),
        "path_rate": float(data["chain_rate"].median()),
        "ack_cost": float(acks["far_reader_cost"].median()),  # both ends are the same program
        "far_rate": 1.0 / float(data["far_reader_cost"].median()),
        "far_ack_cost": float(acks["reader_cost"].median()),
    }
    cells = _lab(live.measurement(measured), measured, "openvpn", constants, use)
    return [replace(cell, sources={"path_rate": slowest(speed)}) for cell in cells]


def slowest(speed: xr.Dataset) -> str:
    """Where a flood through the whole chain was held up: at the reader if all that it lost was lost in the ring.

    Parameters
    ----------
    speed
        Runs of the experiment `speed`.

    Returns
    -------
    str
        `READER`: it waits for processors that the chain shares; "given": something behind it is slower, too.
    """
    flood = _flood(speed)
    behind = flood["dropped_path"].fillna(0.0) + (flood["dropped_far"].fillna(0.0) if "dropped_far" in flood else 0.0)
    return READER if float(behind.sum()) <= ALMOST_NONE * float(flood["dropped_ring"].sum()) else "given"


def reader_rate(speed: xr.Dataset) -> float:
    """The reader's speed in the flood of a `speed` measurement, packets/s: one over its processor time per packet.

    Parameters
    ----------
    speed
        Runs of the experiment `speed`.

    Returns
    -------
    float
        packets/s.
    """
    return 1.0 / float(_flood(speed)["reader_cost"].median())


def _flood(speed: xr.Dataset, packets: str = "data") -> xr.Dataset:
    return speed.isel(run=speed["cell"].to_numpy() == f"{packets}-flood-ring500")


def emulated() -> list[Cell]:
    """OpenVPN in an emulated machine with a kernel 7.3; the reader's speed from its own `ring` experiment."""
    return tunnel(live.measurement("openvpn"), live.speeds(live.measurement("ring")))


def tunnel(runs: xr.Dataset, speeds: live.Speeds) -> list[Cell]:
    """Configurations of a measurement of TCP through OpenVPN, stock and backpressure.

    Parameters
    ----------
    runs
        A measurement of `openvpn`.
    speeds
        Speeds from the `ring` experiment of the same machine.

    Returns
    -------
    list[Cell]
        In the order of the cells.
    """
    known = {"drain_rate": speeds.drain_rate, "burst_rate": speeds.burst_rate}
    return _lab(runs, "openvpn", "openvpn", known, CALIBRATION)


def wireguard() -> list[Cell]:
    """wireguard-go at native speed on a machine at rest; nothing of it was measured beforehand."""
    runs = live.measurement("wireguard_native")
    return _lab(runs, "wireguard_native", "wireguard-go", {"reader_policy": "separate"}, CALIBRATION)


def paper() -> list[Cell]:
    """The paper's two tables: what it states is known, rows that hosts.yaml was fitted to are calibration."""
    rates = published("tcp")["throughput"]
    cells = []
    for tunnel, program in (("openvpn", "openvpn"), ("wireguard", "wireguard-go")):
        policy = {"reader_policy": "separate"} if tunnel == "wireguard" else {}
        for variant in ("stock", "patched"):
            rows = [(f"path-{tunnel}-{n}-{variant}", {"rtt": 0.12, "ring": n}) for n in PATH_RINGS]
            rows += [(f"lab-{tunnel}-{ms}ms-{variant}", {"rtt": ms / 1e3, "ring": 500}) for ms in LAB_RTTS]
            fitted = {f"path-{tunnel}-{n}-stock" for n in PATH_FITTED}
            fitted |= {f"lab-{tunnel}-{ms}ms-stock" for ms in LAB_FITTED[tunnel]}
            fitted |= {f"path-{tunnel}-{PATH_WINDOW_ROW}-patched", f"lab-{tunnel}-{LAB_WINDOW_ROW}ms-patched"}
            for row, stated in rows:
                known = {**stated, "mss": 1448.0, **policy}
                kind = "stock" if variant == "stock" else "backpressure"
                use = CALIBRATION if row in fitted else HELD_OUT
                cells.append(Cell("paper", row, program, known, kind, float(rates[row]), use))
    return cells


APPLICATIONS = {
    "OpenVPN": "openvpn", "firezone": "other", "wireguard-go": "wireguard-go", "slirp4netns": "passt", "rust": "copy",
    "go": "copy", "shadowvpn": "other", "zeptun": "tun2socks", "hev": "tun2socks", "singbox": "tun2socks",
    "tun2socks": "tun2socks",
}  # fmt: skip
"""Product of an external run, by the start of its application's name."""


def others() -> list[Cell]:
    """Rates that others published of a tun or tap device, from priors and what they state."""
    runs = external()
    cells = []
    for name in runs["run"].to_numpy():
        run = runs.sel(run=name)
        if str(run["use"].item()) not in ("rate", "reader_speed") or str(run["device"].item()) not in ("tun", "tap"):
            continue
        application = str(run["application"].item())
        program = next(p for start, p in APPLICATIONS.items() if application.startswith(start))
        known: dict[str, Any] = {"streams": int(run["streams"].item()), **product(program).fields}
        for field_name in ("ring", "path_loss"):
            if np.isfinite(value := float(run[field_name])):
                known[field_name] = int(value) if field_name == "ring" else value
        known.setdefault("ring", 1000 if str(run["device"].item()) == "tap" else 500)
        rtt, mtu, link = (float(run[key]) for key in ("rtt", "mtu", "path_rate"))
        known["rtt"] = max(rtt, LEAST_RTT) if np.isfinite(rtt) else LEAST_RTT
        known["mss"] = (mtu if np.isfinite(mtu) else 1500.0) - HEADERS
        if np.isfinite(link):
            known["path_rate"] = link / 8.0 / (known["mss"] + HEADERS)
        if str(run["offload"].item()) == "yes":
            known["gso_segments"] = 45
        cells.append(
            Cell("external", str(name), program, known, "stock", float(run["received_rate"]), HELD_OUT,
                 extra={"source_id": str(run["source_id"].item())})
        )  # fmt: skip
    return cells


SOURCES: dict[str, Callable[[], list[Cell]]] = {
    "native": native,
    "pacing": pacing,
    "emulated": emulated,
    "wireguard": wireguard,
    "paper": paper,
    "external": others,
}
"""All sets of cells by name."""


def table(cells: list[Cell]) -> pd.DataFrame:
    """Cells as a table: `source`, `name`, `product`, `variant`, `ring`, `rtt`, `measured`, `use`, `runs`.

    Parameters
    ----------
    cells
        Configurations, each with what was measured.

    Returns
    -------
    pandas.DataFrame
        One row per cell; `rtt` in s, `measured` in bit/s.
    """
    columns = ("source", "name", "product", "variant", "measured", "use", "runs")
    rows = [
        {**{c: getattr(cell, c) for c in columns}, "ring": cell.known["ring"], "rtt": cell.known["rtt"]}
        for cell in cells
    ]
    return pd.DataFrame(rows)
