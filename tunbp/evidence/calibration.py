"""Which constants of which host come from which rows; run as a module it writes them to the table of hosts.

The value of a constant is where the model meets the rows best (`tunbp.model.calibrate.fit`), its draws are the
posterior (`tunbp.infer.sample.tempered`) from the ranges that were searched, widened, and the noise of the rows.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
import yaml
from scipy.stats import norm

from tunbp.atomic import replacing, write_atomically
from tunbp.evidence.repetition import noise
from tunbp.evidence.studies import STUDIES, Study
from tunbp.infer.ceilings import ceilings
from tunbp.infer.discrepancy import discrepancy, dropping
from tunbp.infer.priors import Prior, at, in_order
from tunbp.infer.sample import tempered
from tunbp.model import hosts
from tunbp.model.calibrate import Fit, Free, fit
from tunbp.model.fields import FIELDS
from tunbp.model.scenario import Scenario
from tunbp.model.simulate import simulate
from tunbp.quantities import show, show_range

Array = npt.NDArray[np.float64]


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
    drawn: float = 30.0
    """The same of its posterior, which simulates many more constants."""
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
        drawn=1.0,
    ),
    Calibration("i5-vhost", "raw", {"drain_rate": Free(30e3, 70e3)}, screen=16, duration=4.0, drawn=1.0),
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
        drawn=15.0,
    ),
    Calibration("lab-wireguard", "paper-lab", _WINDOW, group="patched", screen=16, duration=30.0),
    Calibration(
        "lab-wireguard",
        "paper-lab",
        {**_LAB, "drain_rate": Free(60e3, 80e3), "ack_interval": Free(5e-4, 2e-2)},
        group="stock",
        seeds=3,
        drawn=15.0,
    ),
    Calibration("path-openvpn", "paper-path", _WINDOW, group="patched", screen=16, duration=30.0),
    Calibration("path-openvpn", "paper-path", _PATH, group="stock", seeds=8, screen=512),
    Calibration("path-wireguard", "paper-path", _WINDOW, group="patched", screen=16, duration=30.0),
    Calibration("path-wireguard", "paper-path", _PATH, group="stock", seeds=8, screen=512),
)
"""In the order in which later ones need earlier ones."""


def used_rows(job: Calibration, duration: float | None = None) -> Study:
    """The rows that a host's constants come from, with everything else as the table of hosts has it.

    Parameters
    ----------
    job
        The constants and their study.
    duration
        Simulated seconds at most; None: as the calibration or the study says.

    Returns
    -------
    Study
        Those rows alone.
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
    seconds = min(job.duration or used.scenario.duration, duration or np.inf)
    if seconds < used.scenario.duration:
        used = replace(used, scenario=used.scenario.replace(duration=seconds, warmup=seconds / 4))
    return used


def calibrate(job: Calibration) -> Fit:
    """Fit one host's free constants with everything else as the table of hosts has it.

    Parameters
    ----------
    job
        The constants and their rows.

    Returns
    -------
    Fit
        Constants in SI units.
    """
    used = used_rows(job)
    return fit(used.scenario, job.free, used.data(), quantity=used.quantity, seeds=job.seeds, screen=job.screen)


WIDER = 2.0
"""A range that was searched is less than what was believed before: a posterior begins with ends this much further."""

FEW = 4
"""Draws of the prior for each of the posterior's: of one to four constants, which rows of minutes tell."""
COUNT = 128
"""Draws of each posterior."""

IMPOSSIBLE = -1e6
"""Logarithm of the likelihood of constants that no machine can have, below that of any other draw."""

UNREPEATED = {"raw": "idle"}
"""Noise (``data/priors.yaml``) of rows of a study that was not repeated: a bare tap; user-space VPNs for all others."""


def prior_of(name: str, free: Free) -> Prior:
    """What is believed of a constant before its rows: the range that is searched, with its ends further apart.

    Parameters
    ----------
    name
        Field of `tunbp.Scenario`.
    free
        The range that is searched.

    Returns
    -------
    Prior
        Within the field's bounds.
    """
    field = FIELDS[name]
    if free.log:
        return Prior(name, "loguniform", free.low / WIDER, min(free.high * WIDER, field.high))
    reach = (WIDER - 1.0) * (free.high - free.low) / 2.0
    return Prior(name, "uniform", max(free.low - reach, field.low), min(free.high + reach, field.high))


def posterior_of(job: Calibration, count: int = COUNT, seed: int = 0) -> xr.Dataset:
    """Draws of one host's constants from its rows.

    Rows of TCP through a ring that drops carry the model's error of losses; what a stage carries is taken as the model
    has it, as these constants are of use in that model alone.

    Parameters
    ----------
    job
        The constants and their rows.
    count
        Draws, a power of two.
    seed
        The same seed, the same bits.

    Returns
    -------
    xarray.Dataset
        Constants over `draw`, and how they were reached (`tunbp.infer.sample.tempered`).
    """
    used = used_rows(job, job.drawn)
    measured = used.data().to_numpy()
    unknown = {name: prior_of(name, free) for name, free in job.free.items()}
    known = noise().get(job.study)
    sizes = discrepancy()
    size = known if known is not None else getattr(sizes, UNREPEATED.get(job.study, "replicate"))
    sizes = dataclasses.replace(sizes, replicate=size, idle=size, capacity=0.0)
    stock = np.broadcast_to(np.asarray(used.scenario.driver) == "stock", measured.shape)
    rings = dropping(np.broadcast_to(np.asarray(used.scenario.ring), measured.shape), stock)

    def log_of(place: Array, seed: int) -> Array:
        values = at(unknown, {}, norm.cdf(place))
        impossible = _leaves_no_time(values)
        drawn = {name: xr.DataArray(value, dims="draw") for name, value in values.items()}
        seeds = xr.DataArray(np.arange(len(place)) + 1000 * seed, dims="draw")
        found = simulate(used.scenario.replace(**drawn, seed=seeds))[used.quantity].transpose("draw", "row").to_numpy()
        if used.scenario.source == "tcp":
            stages = [ceilings(_row(used.scenario, i) | values, len(place)) for i in range(len(measured))]
            lowest = np.stack([np.min(list(stage.values()), axis=0) for stage in stages], axis=1)
            each = sizes.log_run(measured, found, lowest, np.ones_like(found), rings)
        else:
            each = sizes.log_rate(measured, found, np.ones_like(found))
        return np.where(impossible, IMPOSSIBLE, each.sum(axis=1))

    place, told = tempered(in_order(unknown), log_of, count, seed, pool=FEW)
    return told.assign({name: ("draw", value) for name, value in at(unknown, {}, norm.cdf(place)).items()})


def _leaves_no_time(values: dict[str, Array]) -> npt.NDArray[np.bool_]:
    """Draws in which the patch takes off more than a packet's time; they are given none of it, and count nothing."""
    if "patch_overhead" not in values or "drain_rate" not in values:
        return np.zeros(len(next(iter(values.values()))), dtype=bool)
    impossible = np.asarray(values["patch_overhead"] * values["drain_rate"] <= -1.0)
    values["patch_overhead"] = np.where(impossible, 0.0, values["patch_overhead"])
    return impossible


def _row(scenario: Scenario, place: int) -> dict[str, Any]:
    """Fields of one row of a batch."""
    fields = scenario.parameters()
    return {
        name: value.isel(row=place).item() if isinstance(value, xr.DataArray) else value
        for name, value in fields.items()
    }


def entry(job: Calibration, found: Fit) -> dict[str, Any]:
    """The `inferred` part of a host's entry: value, unit and rows per constant, and whether it is at a bound.

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
            **({"at_bound": True} if name in found.at_bound else {}),
            "units": FIELDS[name].units,
            "study": job.study,
            "rows": list(found.fitted),
        }
        for name in job.free
    }


def write_draws(path: Path, found: Mapping[tuple[str, str], xr.Dataset]) -> None:
    """Write draws of (host, constant), with their contraction, over those that the file has.

    Parameters
    ----------
    path
        The netCDF file.
    found
        What `posterior_of` returned, by host and constant.
    """
    rows = {
        key: (told[key[1]].to_numpy(), float(told["contraction"].sel(constant=key[1]))) for key, told in found.items()
    }
    if path.exists():
        with xr.open_dataset(path, engine="h5netcdf") as before:
            keys = zip(before["host"].to_numpy().astype(str), before["constant"].to_numpy().astype(str), strict=True)
            rows = {
                key: (before["draws"][i].to_numpy(), float(before["contraction"][i])) for i, key in enumerate(keys)
            } | rows
    names = [key for job in CALIBRATIONS for key in ((job.host, name) for name in job.free) if key in rows]
    stored = xr.Dataset(
        {
            "draws": (("entry", "draw"), np.stack([rows[key][0] for key in names]).astype("float32")),
            "contraction": ("entry", np.array([rows[key][1] for key in names], "float32")),
        },
        coords={"host": ("entry", [h for h, _ in names]), "constant": ("entry", [c for _, c in names])},
        attrs={"title": "posteriors of the inferred constants of hosts.yaml; SI units as in the fields of a scenario"},
    )
    with replacing(path) as part:
        stored.to_netcdf(part, engine="h5netcdf", encoding={"draws": {"compression": "gzip", "shuffle": True}})


def _header(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if line.startswith("#")) + "\n"


def main(names: list[str]) -> None:
    """Infer the constants of the named hosts (all, if none is named) and write value and draws after each.

    Parameters
    ----------
    names
        Hosts of ``hosts.yaml``; with ``--draws-only`` among them the values stay as they are.
    """
    draws_only, names = "--draws-only" in names, [name for name in names if name != "--draws-only"]
    started: set[str] = set()
    path = Path(str(files("tunbp.model").joinpath(hosts.TABLE)))
    for job in CALIBRATIONS:
        if names and job.host not in names:
            continue
        if not draws_only:
            found = calibrate(job)
            text = path.read_text(encoding="utf-8")
            content = yaml.safe_load(text)
            earlier = {} if job.host not in started else content[job.host]["inferred"]
            started.add(job.host)
            content[job.host]["inferred"] = earlier | entry(job, found)
            body = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)
            write_atomically(path, (_header(text) + body).encode())
            print(f"{job.host}: rms error of the fitted rows {found.rms:.1%}", flush=True)
        told = posterior_of(job)
        write_draws(path.with_name(hosts.DRAWS), {(job.host, name): told for name in job.free})
        for name in job.free:
            low, high = np.quantile(told[name], (0.05, 0.95))
            value, unit = hosts.host(job.host)[name], FIELDS[name].units
            print(f"{job.host}: {name} {show(value, unit)} (90 %: {show_range(low, high, unit)})", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
