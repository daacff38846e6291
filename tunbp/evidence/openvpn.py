"""The paper's two tables against the model: published throughput, simulated curves, gain and deficit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from tunbp.evidence.datasets import published
from tunbp.evidence.studies import SEEDS, STUDIES, VERSIONS
from tunbp.evidence.validation import validate
from tunbp.model.drivers import DEFAULT_RING
from tunbp.model.hosts import draws, host
from tunbp.model.scenario import Scenario
from tunbp.model.simulate import simulate
from tunbp.statistics import next_run_interval

TUNNELS = {"OpenVPN": "openvpn", "wireguard-go": "wireguard"}
"""Names as the paper writes them, and as row and host ids have them."""
AXES = {"lab": "rtt", "real": "ring"}
"""What each of the two tables varies: RTT [s] in the lab, queue length [packets] on the real path."""
PREFIXES = {"lab": "lab", "real": "path"}
"""How ids of rows and hosts of each table begin."""
TABLES = {"lab": "paper-lab", "real": "paper-path"}
"""Studies of the two tables."""
DRAWS = 40
"""Draws of the inferred constants: 39 are needed for an interval of 95 %."""
WARMUP_SHARE = 0.05
"""Part of the simulated time that totals leave out: slow start."""
HEADLINE = "path-openvpn-500"
"""The row of the abstract's 36 %: OpenVPN, queue of 500 packets, Germany to the USA."""


PUBLISHED: dict[str, tuple[float, ...]] = {
    "lab": (0.010, 0.020, 0.040, 0.080, 0.120),
    "real": (5000, 1000, 500, 100, 50, 10),
}
"""Where the paper has values: RTTs [s] of the lab, queue lengths [packets] of the real path."""


def curves(
    path: str, values: Sequence[float], tunnels: Iterable[str] = TUNNELS, seeds: int = SEEDS, duration: float = 100.0
) -> pd.DataFrame:
    """One of the paper's tables, simulated at many values, one row per seed: lines with their bands.

    Parameters
    ----------
    path
        As in `compare`.
    values
        RTTs [s] or queue lengths [packets].
    tunnels
        Of `TUNNELS`.
    seeds
        Random streams per scenario: 1, 2, ...
    duration
        Simulated time [s]; its first 5 % count as slow start.

    Returns
    -------
    pandas.DataFrame
        Columns `path`, `tunnel`, `variant`, `rtt` [s], `ring` [packet], `seed`, `received_rate` [bit/s].
    """
    parts = []
    for tunnel in tunnels:
        for variant in VERSIONS:
            repeated = {"seed": xr.DataArray(np.arange(seeds) + 1, dims="seed")}
            parts.append(_rates(path, tunnel, variant, values, repeated, duration, "seed"))
    return pd.concat(parts, ignore_index=True).assign(path=path)


def doubted(
    path: str, values: Sequence[float], tunnels: Iterable[str] = TUNNELS, count: int = DRAWS, duration: float = 100.0
) -> pd.DataFrame:
    """One of the paper's tables, simulated with draws of the inferred constants, one row per draw with its own seed.

    What `curves` has for the constants that meet the fitted rows best, for all those that these rows allow
    (`model.hosts.draws`).

    Parameters
    ----------
    path, values, tunnels, duration
        As in `curves`.
    count
        Draws, at most those that are stored.

    Returns
    -------
    pandas.DataFrame
        Columns of `curves`, with `draw` instead of `seed`.
    """
    parts = []
    for tunnel in tunnels:
        drawn = draws(host_of(path, tunnel))
        kept = min(count, *(len(found) for found in drawn.values()))
        repeated = {name: xr.DataArray(found[:kept], dims="draw") for name, found in drawn.items()}
        repeated["seed"] = xr.DataArray(np.arange(kept) + 1, dims="draw")
        for variant in VERSIONS:
            parts.append(_rates(path, tunnel, variant, values, repeated, duration, "draw"))
    return pd.concat(parts, ignore_index=True).assign(path=path)


def host_of(path: str, tunnel: str) -> str:
    """Name of the host whose constants a tunnel on a path has.

    Parameters
    ----------
    path, tunnel
        As in `compare`.

    Returns
    -------
    str
        A host of ``hosts.yaml``.
    """
    return f"{PREFIXES[path]}-{TUNNELS[tunnel]}"


def compare(path: str, tunnels: Iterable[str] = TUNNELS, rows: pd.DataFrame | None = None) -> pd.DataFrame:
    """One of the paper's tables, row by row: published and simulated, as `validation.validate` has them.

    Parameters
    ----------
    path
        ``"lab"`` (throughput over RTT) or ``"real"`` (over queue length at about 120 ms).
    tunnels
        Of `TUNNELS`.
    rows
        What `validation.run_study` returned for this table; None: validate now.

    Returns
    -------
    pandas.DataFrame
        Columns `row` (id), `path`, `tunnel`, `variant`, `rtt` [s], `ring` [packet], `published`, `model`, `low`, `high`
        [bit/s] (mean over seeds, and where one more falls, `statistics.next_run_interval`), `error` (model /
        published - 1), `role` ("fitted" or "held out").
    """
    study = STUDIES[TABLES[path]]()
    table = (validate([study.name]) if rows is None else rows).rename(columns={"group": "variant"})
    for name in ("rtt", "ring"):
        values = np.broadcast_to(np.asarray(getattr(study.scenario, name), float), len(study.rows))
        table[name] = pd.Series(values, study.rows.index).reindex(table["row"]).to_numpy()
    names = {f"{PREFIXES[path]}-{key}": name for name, key in TUNNELS.items()}
    table = table.assign(path=path, tunnel=table["host"].map(names))
    order = ["row", "path", "tunnel", "variant", "rtt", "ring", "published", "model", "low", "high", "error", "role"]
    return table.loc[table["tunnel"].isin(list(tunnels)), order].reset_index(drop=True)


def _rates(
    path: str,
    tunnel: str,
    variant: str,
    values: Sequence[float],
    repeated: Mapping[str, xr.DataArray],
    duration: float,
    dim: str,
) -> pd.DataFrame:
    """Received rates over values and the dim of the fields that are repeated, one row each."""
    fields = host(host_of(path, tunnel)) | {
        "driver": VERSIONS[variant],
        AXES[path]: xr.DataArray(list(values), dims="at"),
        **repeated,
    }
    scenario = Scenario().replace(**fields, duration=duration, warmup=WARMUP_SHARE * duration)
    rates = simulate(scenario)["received_rate"].transpose("at", dim).to_numpy()
    axis = {name: np.broadcast_to(np.asarray(fields[name], float), len(values)) for name in ("rtt", "ring")}
    wide = pd.DataFrame(rates, columns=range(1, rates.shape[1] + 1)).assign(**axis, tunnel=tunnel, variant=variant)
    return wide.melt(["tunnel", "variant", "rtt", "ring"], var_name=dim, value_name="received_rate")


def gains(table: pd.DataFrame) -> pd.DataFrame:
    """Gain and deficit of every published pair of rows of `compare`: two numbers for the same two values.

    Parameters
    ----------
    table
        What `compare` returned.

    Returns
    -------
    pandas.DataFrame
        Columns `pair` (row id without variant), `path`, `tunnel`, `rtt`, `ring`, `stock`, `patched` [bit/s], `gain`
        (patched / stock - 1), `deficit` (1 - stock / patched), and of the model `model_gain`, `model_deficit`.
    """
    known = table[table["row"] != ""].copy()
    known["pair"] = known["row"].str.rsplit("-", n=1).str[0]
    keys = ["pair", "path", "tunnel", "rtt", "ring"]
    wide = known.pivot_table(index=keys, columns="variant", values=["published", "model"], sort=False)
    wide = wide.reindex(columns=pd.MultiIndex.from_product([["published", "model"], list(VERSIONS)]))
    found = pd.DataFrame({variant: wide["published", variant] for variant in VERSIONS})
    found["gain"], found["deficit"] = _gain(found["stock"], found["patched"])
    found["model_gain"], found["model_deficit"] = _gain(wide["model", "stock"], wide["model", "patched"])
    return found.reset_index()


def _gain(stock: pd.Series, patched: pd.Series) -> tuple[pd.Series, pd.Series]:
    return patched / stock - 1, 1 - stock / patched


def simulated_gain(curve: pd.DataFrame, tunnel: str = "OpenVPN", ring: int = DEFAULT_RING["tun"]) -> pd.Series:
    """Gain at one queue length over the seeds of `curves`: `low`, `median`, `high` and the `level` they reach.

    Parameters
    ----------
    curve
        What `curves` returned for the real path.
    tunnel
        Name of the tunnel.
    ring
        txqueuelen in packets.

    Returns
    -------
    pandas.Series
        Relative gains; `level` is between 0 and 1.
    """
    rows = curve[(curve["tunnel"] == tunnel) & (curve["ring"] == ring)]
    wide = rows.pivot_table(index="seed", columns="variant", values="received_rate")
    found = next_run_interval(wide["patched"] / wide["stock"] - 1)
    return pd.Series({"low": found.low, "median": found.estimate, "high": found.high, "level": found.level})


def headline_rows() -> pd.DataFrame:
    """Published pairs of OpenVPN at 500 packets on the real path: v3's table, and v4's cover letter, which rounds it.

    Returns
    -------
    pandas.DataFrame
        Columns `row`, `source_id`, `stock`, `patched` [bit/s], `gain`, `deficit`.
    """
    table = published("tcp")
    lines = []
    for name, words in ((HEADLINE, "table of v3"), ("v4-openvpn", "cover letter of v4, rounded")):
        stock, patched = (float(table["throughput"][f"{name}-{variant}"]) for variant in ("stock", "patched"))
        rates = {"source_id": table.loc[f"{name}-stock", "source_id"], "stock": stock, "patched": patched}
        lines.append({"row": words, **rates, "gain": patched / stock - 1, "deficit": 1 - stock / patched})
    return pd.DataFrame(lines)


def abstract_gain() -> pd.Series:
    """The step that cover letters call 36 %: stock, patched [bit/s], gain and deficit of v3 in `headline_rows`."""
    return headline_rows().iloc[0][["stock", "patched", "gain", "deficit"]].astype(float)


def errors(table: pd.DataFrame) -> pd.DataFrame:
    """Median and worst absolute error of published rows, by table, tunnel, variant and role.

    Parameters
    ----------
    table
        What `compare` returned.

    Returns
    -------
    pandas.DataFrame
        Columns `path`, `tunnel`, `variant`, `role` ("all" for both roles), `rows`, `median`, `worst`.
    """
    known = table[table["row"] != ""].assign(error=lambda t: t["error"].abs())
    both = pd.concat([known, known.assign(role="all")])
    grouped = both.groupby(["path", "tunnel", "variant", "role"], sort=False)["error"]
    return grouped.agg(rows="size", median="median", worst="max").reset_index()
