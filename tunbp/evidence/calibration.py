"""Which constants of which host are fitted to which rows; run as a module it writes them to the host table."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from tunbp.atomic import write_atomically
from tunbp.evidence.repetition import noise
from tunbp.evidence.studies import STUDIES
from tunbp.model import hosts
from tunbp.model.calibrate import Fit, Free, fit
from tunbp.model.fields import RANGES


@dataclass(frozen=True)
class Calibration:
    """The free constants of one host and the study whose fitted rows determine them."""

    host: str
    study: str
    free: dict[str, Free]
    group: str = ""
    """Only the rows of this group ("stock" or "patched")."""
    seeds: int = 1
    screen: int = 128
    duration: float | None = None
    """Simulated seconds while fitting, where a run settles sooner than the study's own duration."""
    saturated: bool = False
    """Fit with senders that never wait: enough where the rows only tell the speed of a saturated reader."""


_WINDOW = {"receive_window": Free(2.0e6, 3.5e6)}
_LAB = {"stall_rate": Free(0.02, 0.5), "stall_mean": Free(1e-3, 9e-3)}
_PATH = {
    "ack_interval": Free(5e-5, 8e-4),
    "stall_rate": Free(0.25, 4.0),
    "stall_mean": Free(2e-3, 120e-3),
    "burst_rate": Free(75e3, 1.8e6),
}
"""Priors: stalls about 1/s of some milliseconds (scheduling); a burst that reaches the ring no slower than over Gigabit
Ethernet (81 K packets/s) and no faster than from pktgen (S07)."""

CALIBRATIONS = (
    Calibration(
        "i5-tap",
        "raw",
        {"drain_rate": Free(150e3, 250e3), "wake_cost": Free(1e-6, 20e-6)},
        group="patched",
        screen=32,
        duration=4.0,
    ),
    Calibration("i5-vhost", "raw", {"drain_rate": Free(30e3, 70e3)}, screen=16, duration=4.0),
    Calibration("i5-pktgen-tap", "pktgen", {"contention": Free(-2e-6, 2e-6, log=False)}, group="patched"),
    Calibration("i5-pktgen-vhost", "pktgen", {"contention": Free(-1e-6, 1e-6, log=False)}, group="patched"),
    Calibration(
        "5600x-pktgen-tap",
        "pktgen",
        {"wake_cost": Free(1e-6, 20e-6), "patch_overhead": Free(0.0, 1e-7, log=False)},
        group="patched",
    ),
    Calibration(
        "librecast",
        "librecast",
        {
            "drain_rate": Free(0.8e6, 1.6e6),
            "wake_cost": Free(1e-7, 4e-6),
            "patch_overhead": Free(-4e-7, 1e-7, log=False),
            "contention": Free(0.0, 1e-6, log=False),
            "contention_wait": Free(0.0, 5e-7, log=False),
        },
        duration=0.2,
        saturated=True,
    ),
    Calibration("lab-openvpn", "paper-lab", _WINDOW, group="patched", screen=16, duration=30.0),
    Calibration(
        "lab-openvpn",
        "paper-lab",
        # 34.7 K/s are the 402 Mbit/s that the saturated stock rows (10 and 20 ms) carry
        {**_LAB, "drain_rate": Free(34.7e3, 38e3), "ack_interval": Free(9e-3, 20e-3)},
        group="stock",
        seeds=3,
        screen=256,
    ),
    Calibration("lab-wireguard", "paper-lab", _WINDOW, group="patched", screen=16, duration=30.0),
    Calibration(
        "lab-wireguard",
        "paper-lab",
        {**_LAB, "drain_rate": Free(60e3, 80e3), "ack_interval": Free(5e-4, 2e-2)},
        group="stock",
        seeds=3,
    ),
    Calibration("path-openvpn", "paper-path", _WINDOW, group="patched", screen=16, duration=30.0),
    Calibration("path-openvpn", "paper-path", _PATH, group="stock", seeds=8, screen=512),
    Calibration("path-wireguard", "paper-path", _WINDOW, group="patched", screen=16, duration=30.0),
    Calibration("path-wireguard", "paper-path", _PATH, group="stock", seeds=8, screen=512),
)
"""In the order in which later ones need earlier ones."""


def calibrate(job: Calibration) -> Fit:
    """Fit one host's free constants with everything else as the host table has it.

    Parameters
    ----------
    job
        Host, rows and free constants.

    Returns
    -------
    Fit
        Constants with intervals.
    """
    study = STUDIES[job.study]()
    own = study.subset(study.rows["host"] == job.host)
    free_rows = own.rows["role"] == "fitted"
    if job.group:
        free_rows &= own.rows["group"] == job.group
    used = own.subset(free_rows)
    if job.saturated:
        senders = {"source": "open", "offered_rate": 5e6 / used.scenario.streams}
        used = replace(used, scenario=used.scenario.replace(**senders))
    if job.duration is not None:
        used = replace(used, scenario=used.scenario.replace(duration=job.duration, warmup=job.duration / 4))
    return fit(
        used.scenario, job.free, used.data(), quantity=own.quantity, seeds=job.seeds, screen=job.screen,
        noise=noise().get(job.study, 0.0),
    )  # fmt: skip


NOTHING_DRAWN = (
    "each row enters as one mean and nothing in its model is random: nothing can be drawn again, "
    "and what another run of the same set-up would give is not known"
)
"""Why a constant has no interval, where the bootstrap gives the same estimate each time."""


def entry(job: Calibration, found: Fit) -> dict[str, Any]:
    """The `fitted` part of a host's entry: value, 95 % interval (or why there is none), unit and rows per constant.

    Parameters
    ----------
    job
        Host, rows and free constants.
    found
        What `calibrate` returned.

    Returns
    -------
    dict[str, Any]
        As YAML has it, SI units.
    """
    return {
        name: {
            "value": float(f"{found.values[name]:.{hosts.DIGITS}g}"),
            **_interval(*found.intervals[name]),
            "units": RANGES[name].units,
            "study": job.study,
            "rows": list(found.fitted),
        }
        for name in job.free
    }


def _interval(low: float, high: float) -> dict[str, Any]:
    """`interval`, its ends rounded away from what is between them, or `no_interval` with the reason."""
    if not hosts.has_width(low, high):
        return {"no_interval": NOTHING_DRAWN}
    digits = [hosts.DIGITS - 1 - math.floor(math.log10(abs(end))) if end else 0 for end in (low, high)]
    ends = math.floor(low * 10.0 ** digits[0]), math.ceil(high * 10.0 ** digits[1])
    return {
        "interval": [float(f"{end / 10.0**shift:.{hosts.DIGITS}g}") for end, shift in zip(ends, digits, strict=True)]
    }


def _header(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if line.startswith("#")) + "\n"


def main(names: list[str]) -> None:
    """Fit the named hosts (all, if none is named) and write the host table after each.

    Parameters
    ----------
    names
        Hosts of ``hosts.yaml``.
    """
    started: set[str] = set()
    path = Path(str(files("tunbp.model").joinpath(hosts.TABLE)))
    for job in CALIBRATIONS:
        if names and job.host not in names:
            continue
        found = calibrate(job)
        text = path.read_text(encoding="utf-8")
        content = yaml.safe_load(text)
        earlier = {} if job.host not in started else content[job.host]["fitted"]
        started.add(job.host)
        content[job.host]["fitted"] = earlier | entry(job, found)
        body = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)
        write_atomically(path, (_header(text) + body).encode())
        fitted = ", ".join(f"{n} = {v:.4g}" for n, v in found.values.items())
        print(f"{job.host}: {fitted}; rms error of the fitted rows {found.rms:.1%}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
