"""Live measurements of the lab, and the model's blind prediction of them.

Of everything measured a prediction knows two numbers, both from stock runs of the `ring` experiment: how fast
the reader (OpenVPN) takes packets out of the ring, and how fast the stack puts a burst into it. The rest is
how the experiment was set up. One thing the `ring` experiment cannot tell: whether ACKs come evenly spaced or in
bunches. The model's own assumption is bunches, as a reader works off its whole ring before the far end answers;
the other extreme is there to be compared.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from tunbp.errors import DataError
from tunbp.evidence.datasets import data_path
from tunbp.model.drivers import COMPARED
from tunbp.model.pacing import OF_ITSELF
from tunbp.model.scenario import Scenario
from tunbp.model.simulate import simulate
from tunbp.statistics import next_run_interval
from tunbp.traces import open_trace

RECEIVE_WINDOW = 33554432 / 2
"""Half of tcp_rmem's maximum that the lab sets in its namespaces, bytes (Linux: tcp_adv_win_scale 1)."""
SETTINGS = ("ring", "qdisc", "added_rtt", "congestion", "streams")
"""Coordinates of a tunnel cell that a prediction takes over."""
LEVEL = 0.95


@dataclass(frozen=True)
class Speeds:
    """What the `ring` experiment tells a prediction: packets/s, medians over repetitions."""

    drain_rate: float
    burst_rate: float


def measurements(folder: Path | None = None) -> dict[str, xr.Dataset]:
    """Measurements of the lab by experiment, from `lab_*.nc` in `folder` or in folders inside it.

    The bundled ones go by the names of their folders: `openvpn` (in a VM, with the flag), `openvpn_native`.

    Parameters
    ----------
    folder
        A folder of `tunbp lab run`, or one that holds several; None: the bundled measurements.

    Returns
    -------
    dict[str, xr.Dataset]
        Experiment to runs.

    Raises
    ------
    DataError
        If there is none, or two of the same experiment.
    """
    bundled = folder is None
    folder = data_path("measured") if folder is None else folder
    found: dict[str, xr.Dataset] = {}
    for path in paths(folder):
        runs = _opened(path)
        name = path.parent.name.removeprefix("lab_") if bundled else str(runs.attrs.get("experiment", ""))
        if name in found:
            raise DataError(f"{folder} holds two measurements of experiment {name!r}; give the folder of one")
        if name:
            found[name] = runs
    if not found:
        raise DataError(f"{folder} holds no lab_*.nc; measure with `tunbp lab run ring` and `tunbp lab run openvpn`")
    return found


def measurement(name: str) -> xr.Dataset:
    """One of the bundled measurements; the others are not opened.

    Parameters
    ----------
    name
        Name of its folder in ``data/measured`` without ``lab_``, e.g. ``"openvpn_native"``.

    Returns
    -------
    xarray.Dataset
        Its runs.

    Raises
    ------
    DataError
        If there is none of that name.
    """
    found = sorted(data_path("measured").glob(f"lab_{name}/lab_*.nc"))
    if len(found) != 1:
        raise DataError(f"data/measured holds no measurement {name!r}: {', '.join(p.parent.name for p in paths())}")
    return _opened(found[0])


def _opened(path: Path) -> xr.Dataset:
    """Runs of a file, which is read once while it does not change: half a second of many small variables."""
    return _read(path, path.stat().st_mtime_ns).copy(deep=True)


@cache
def _read(path: Path, _changed: int) -> xr.Dataset:
    return open_trace(path)


def paths(folder: Path | None = None) -> list[Path]:
    """Files that `measurements` reads, as inputs of a notebook's figures.

    Parameters
    ----------
    folder
        Folder with measurements; None: the bundled ones.

    Returns
    -------
    list[Path]
        Sorted.
    """
    folder = data_path("measured") if folder is None else folder
    return sorted([*folder.glob("lab_*.nc"), *folder.glob("*/lab_*.nc")])


def setups(table: pd.DataFrame) -> pd.Series:
    """Words for the settings of each row's cell: round trip, ring, congestion control.

    Parameters
    ----------
    table
        Rows with the settings of their cells.

    Returns
    -------
    pandas.Series
        One text per row.
    """
    path = table["added_rtt"].map(lambda s: f"{s * 1e3:g} ms, ") + table["ring"].map("ring {}, ".format)
    return path + table["congestion"].str.upper()


def single_runs(runs: xr.Dataset) -> pd.DataFrame:
    """Every run of a tunnel measurement: `cell`, `setup`, `variant`, `repetition`, `received_rate`, `ping_mean_rtt`.

    Parameters
    ----------
    runs
        Runs of one experiment, over cell, variant and repetition.

    Returns
    -------
    pandas.DataFrame
        One row per run; bit/s and s.
    """
    kept = runs[["received_rate", "ping_mean_rtt"]].to_dataframe().reset_index()
    columns = ["cell", "setup", "variant", "repetition", "received_rate", "ping_mean_rtt"]
    return kept.assign(setup=setups(kept))[columns]


def prices(runs: xr.Dataset) -> pd.DataFrame:
    """What backpressure costs in ping and gives in throughput, per cell of a tunnel measurement.

    Parameters
    ----------
    runs
        Runs of one experiment, over cell, variant and repetition.

    Returns
    -------
    pandas.DataFrame
        Columns `cell`, `setup`, `congestion`, `runs` (of the variant with fewer), medians `stock_rate`,
        `backpressure_rate` [bit/s], `stock_ping`, `backpressure_ping` [s], `rate_factor` and `ping_factor`
        (backpressure / stock). A cell without both variants is left out.
    """
    measured = {"received_rate": "rate", "ping_mean_rtt": "ping"}
    every = runs[list(measured)].to_dataframe().reset_index().rename(columns=measured).dropna(subset=["rate", "ping"])
    every = every.assign(setup=setups(every))
    keys = ["cell", "setup", "congestion"]
    wide, counted = (every.pivot_table(index=keys, columns="variant", values=["rate", "ping"], aggfunc=how, sort=False)
                     for how in ("median", "size"))  # fmt: skip
    wide = wide.dropna()
    found = pd.DataFrame({f"{variant}_{name}": wide[name, variant] for name in ("rate", "ping")
                          for variant in ("stock", "backpressure")})  # fmt: skip
    for name in ("rate", "ping"):
        found[f"{name}_factor"] = found[f"backpressure_{name}"] / found[f"stock_{name}"]
    found.insert(0, "runs", counted.reindex(found.index).min(axis=1).astype(int))
    return found.reset_index()


def speeds(ring: xr.Dataset) -> Speeds:
    """Reader speed and burst rate from the stock runs of the `ring` experiment.

    Parameters
    ----------
    ring
        Runs of the experiment `ring`.

    Returns
    -------
    Speeds
        packets/s.

    Raises
    ------
    DataError
        If it lacks the cells that measure them.
    """
    stock = ring.sel(run=ring["variant"].to_numpy() == "stock")
    values = {}
    for mode, variable in (("openvpn_speed", "transmitted_rate"), ("burst_speed", "burst_rate")):
        runs = stock.sel(run=stock["mode"].to_numpy() == mode)
        if not runs.sizes["run"]:
            raise DataError(f"the ring measurement has no stock runs of mode {mode!r}, which a prediction needs")
        values[mode] = float(runs[variable].median())
    return Speeds(values["openvpn_speed"], values["burst_speed"])


def predict_tunnel(runs: xr.Dataset, known: Speeds, seeds: int = 5, bunched: bool = True) -> pd.DataFrame:
    """Blind prediction of TCP through the tunnel, for every cell and both variants.

    Parameters
    ----------
    runs
        A measurement of `openvpn` or `forward`; only how its cells were set up is used.
    known
        Speeds from the `ring` experiment.
    seeds
        Random streams per scenario.
    bunched
        ACKs set out when the reader has emptied its ring, at the latest after a round trip; False: evenly spaced.

    Returns
    -------
    Table with cell, variant, received_rate [bit/s] and its interval over seeds (low, high), dropped_ring
    [packet], mean_rtt [s].
    """
    first = runs.isel(run=np.unique(runs["cell"].to_numpy(), return_index=True)[1])
    cells = first.drop_vars([name for name in first.coords if name != "cell"]).swap_dims(run="cell")[["mss"]]
    setting = {
        name: xr.DataArray(first[name].to_numpy(), {"cell": first["cell"].to_numpy()}, "cell") for name in SETTINGS
    }
    scenario = Scenario(
        driver=xr.DataArray(list(COMPARED.values()), {"variant": list(COMPARED)}, "variant"),
        ring=setting["ring"],
        qdisc=setting["qdisc"],
        rtt=setting["added_rtt"],
        congestion=setting["congestion"],
        streams=setting["streams"],
        mss=float(cells["mss"].median()),
        drain_rate=known.drain_rate,
        burst_rate=known.burst_rate,
        receive_window=RECEIVE_WINDOW,
        hystart=False,  # its delay test would take ACKs held for a round trip for a queue
        ack_interval=setting["added_rtt"] if bunched else 0.0,
        duration=float(first["set_duration"].max() + first["warmup"].max()),
        warmup=float(first["warmup"].max()),
        seed=xr.DataArray(np.arange(seeds), dims="seed"),
    )
    return _over_seeds(simulate(scenario), ["received_rate", "dropped_ring", "mean_rtt"])


def predict_both(runs: xr.Dataset, known: Speeds, seeds: int = 5) -> pd.DataFrame:
    """`predict_tunnel`, with the received rate under evenly spaced ACKs beside it in column `evenly_spaced`.

    Parameters
    ----------
    runs
        Runs of the experiment `openvpn`.
    known
        What `speeds` found.
    seeds
        Simulated repetitions.

    Returns
    -------
    pandas.DataFrame
        One row per cell and variant, rates in bit/s.
    """
    bunched, smooth = (predict_tunnel(runs, known, seeds, way) for way in (True, False))
    rates = smooth.rename(columns={"received_rate": "evenly_spaced"})[["cell", "variant", "evenly_spaced"]]
    return bunched.merge(rates, on=["cell", "variant"])


def predict_bursts(ring: xr.Dataset) -> pd.DataFrame:
    """The burst law on the `burst` cells: of a burst of B packets, B (1 - mu/lambda) - N do not fit.

    mu is the speed the reader was set to, lambda the speed at which the sender was seen to push.
    Only stock drops them: under backpressure the sender waits. Returns cell, variant, ring,
    burst_rate and drop_fraction.

    Parameters
    ----------
    ring
        Runs of the experiment `ring`.

    Returns
    -------
    pandas.DataFrame
        One row per cell, in packets.
    """
    bursts = ring.sel(run=(ring["mode"].to_numpy() == "burst") & (ring["variant"].to_numpy() == "stock"))
    rows = []
    for cell in dict.fromkeys(bursts["cell"].to_numpy()):
        runs = bursts.sel(run=bursts["cell"].to_numpy() == cell)
        slots, burst = int(runs["ring"][0]), float(runs["burst"][0])
        pushed = float(runs["burst_rate"].median())
        ratio = float(runs["reader_rate"][0]) / pushed
        lost = max(0.0, burst * (1 - min(ratio, 1.0)) - slots)
        row = {"cell": cell, "variant": "stock", "ring": slots, "burst_rate": pushed, "drop_fraction": lost / burst}
        rows.append(row)
    return pd.DataFrame(rows)


def conditions(runs: dict[str, xr.Dataset]) -> pd.DataFrame:
    """Where and how each experiment was measured: one row per experiment.

    Parameters
    ----------
    runs
        What `measurements` returned.

    Returns
    -------
    pandas.DataFrame
        Runs, fewest repetitions of a cell, kernel, where it ran, processor, and its share in use.
    """
    rows = []
    for name, dataset in runs.items():
        facts = json.loads(str(dataset.attrs["facts"]))
        busy = dataset.get("outer_busy_fraction", dataset["busy_fraction"])
        rows.append(
            {
                "experiment": name,
                "runs": dataset.sizes["run"],
                "repetitions": int(dataset["repetition"].groupby("cell").max().min()),  # of the cell with fewest
                "kernel": facts["kernel"],
                "where": f"VM, {facts['acceleration']}, {facts['clock']}" if facts["where"] == "vm" else "native",
                "processor": facts.get("outer", facts)["cpu_model"],
                "processor time in use": float(busy.median()),
            }
        )
    return pd.DataFrame(rows)


def paced(runs: xr.Dataset) -> npt.NDArray[np.bool_]:
    """Whether TCP paced in runs of a control that does not ask for it: as their cells say, else by the host's default.

    Parameters
    ----------
    runs
        Runs of one experiment with TCP.

    Returns
    -------
    ndarray
        One per run. BBR, which paces always, is not meant, and UDP has no control: False.
    """
    plain = ~np.isin(runs["congestion"].to_numpy().astype(str), OF_ITSELF)
    if "protocol" in runs.coords:
        plain &= runs["protocol"].to_numpy() == "tcp"
    if "pacing" in runs.coords:
        return np.asarray(plain & (runs["pacing"].to_numpy() == 1))
    default = json.loads(str(runs.attrs["facts"]))["sysctls"]["net.ipv4.tcp_congestion_control"]
    return plain & (default in OF_ITSELF)


def place(runs: xr.Dataset) -> str:
    """Kernel and kind of machine of a measurement, in words for the set-up of a figure.

    Parameters
    ----------
    runs
        Runs of one experiment.

    Returns
    -------
    str
        E.g. ``"Linux 7.3.4, emulated machine"``.
    """
    facts = json.loads(str(runs.attrs["facts"]))
    machine = {"vm": "emulated", "native": "real"}.get(facts["where"], facts["where"])
    if facts["where"] == "vm" and "emulation" not in str(facts.get("acceleration")):
        machine = "virtual"
    return f"Linux {str(facts['kernel']).split('+')[0].split('-')[0]}, {machine} machine"


def compare(measured: pd.DataFrame, predicted: pd.DataFrame, variable: str) -> pd.DataFrame:
    """Measured medians beside the prediction: `model`, `model_low`, `model_high`, `error` (and `evenly_spaced`).

    `measured` has cell, variant, `variable`, low, high and the settings of the cell; `setup` words them.

    Parameters
    ----------
    measured
        Medians with intervals.
    predicted
        What `predict_both` returned.
    variable
        Column that is compared.

    Returns
    -------
    pandas.DataFrame
        One row per cell and variant.
    """
    model = predicted.rename(columns={variable: "model", "low": "model_low", "high": "model_high"})
    columns = ("cell", "variant", "model", "model_low", "model_high", "evenly_spaced")
    wanted = [name for name in columns if name in model]
    table = measured.merge(model[wanted], on=["cell", "variant"], how="left")
    return table.assign(setup=setups(table), error=table["model"] / table[variable] - 1)


def _next_seed(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    found = next_run_interval(values)
    return np.array([found.low, found.high])


def _over_seeds(simulated: xr.Dataset, variables: list[str]) -> pd.DataFrame:
    """Medians over seeds, and of the first variable where one more seed falls (few seeds: their whole range)."""
    table = simulated[variables].median("seed")
    ends = xr.apply_ufunc(_next_seed, simulated[variables[0]], input_core_dims=[["seed"]], output_core_dims=[["end"]],
                          vectorize=True)  # fmt: skip
    table = table.assign(low=ends.isel(end=0), high=ends.isel(end=1))
    return table.to_dataframe().reset_index()[["cell", "variant", *variables, "low", "high"]]
