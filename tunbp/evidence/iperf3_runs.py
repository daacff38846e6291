"""The 24 raw runs: what each carried and what held it, stock against patched, and series beside the model's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tunbp.errors import DataError
from tunbp.evidence.datasets import nodrop
from tunbp.evidence.repetition import change
from tunbp.evidence.studies import STUDIES, raw_base_rtt
from tunbp.evidence.validation import validate
from tunbp.model.simulate import simulate
from tunbp.statistics import series_interval
from tunbp.traces.checks import judge
from tunbp.traces.findings import Finding
from tunbp.traces.limit import RECEIVE_WINDOW, carried_per_rtt, limit_of

DEVICES = ("tap", "tap+vhost-net")
SAME_RTT = 1.1
"""Two runs with delay are compared only if their smallest round trips differ by less than 10 %."""


def compare(devices: Iterable[str] = DEVICES) -> pd.DataFrame:
    """One line per run, none left out: measured with interval, model, and what held the rate.

    Parameters
    ----------
    devices
        ``"tap"``, ``"tap+vhost-net"``.

    Returns
    -------
    pandas.DataFrame
        Columns `run`, `device`, `variant`, `ring` [packet], `label` (RTT in the file name), `rtt` (smallest
        measured) and `base_rtt` (without queueing) [s], `measured`, `low`, `high` [bit/s] (95 %, from the run's own
        seconds), `carried` (throughput x mean RTT) and `window` (median that the receiver offers) [byte],
        `retransmits`, `model` [bit/s], `error`, `role`, `limit` (words), `finding` (labels and windows, words).
    """
    runs = nodrop()
    runs = runs.isel(run=np.isin(runs["device"].to_numpy(), list(devices)))
    base, model = raw_base_rtt(runs), validate(["raw"]).set_index("row")
    return pd.DataFrame([_line(runs.sel(run=run), base, model) for run in runs["run"].to_numpy()])


def _line(run: xr.Dataset, base: xr.DataArray, model: pd.DataFrame) -> dict[str, object]:
    name, received = str(run["run"].item()), float(run["received_rate"])
    trace = _as_trace(run)
    # seconds are known at the sender only: their interval is carried over to the receiver's mean
    scale = received / float(run["throughput"].mean())
    inside = series_interval(run["throughput"])
    found = [finding for finding in judge(trace) if finding.check in ("label", "window")]
    return {
        "run": name, "device": run["device"].item(), "variant": run["variant"].item(), "ring": int(run["ring"]),
        "label": float(run["rtt_label"]), "rtt": float(run["min_rtt"]), "base_rtt": float(base.sel(run=name)),
        "measured": received, "low": inside.low * scale, "high": inside.high * scale,
        "carried": carried_per_rtt(trace) or np.nan,
        "window": float(run["snd_wnd"].median()), "retransmits": int(run["total_retransmits"]),
        "model": model["model"][name], "error": model["error"][name], "role": model["role"][name],
        "limit": _limit(trace, found), "finding": "; ".join(f.message for f in found if f.severity != "info"),
    }  # fmt: skip


def _as_trace(run: xr.Dataset) -> xr.Dataset:
    """One run as the loader of iperf3 files would give it, for the checks of measurements."""
    facts = {name: str(run[name].item()) for name in ("file", "congestion")}
    trace = run.reset_coords("mss")
    trace["sent_bytes"] = trace["sent_rate"] * trace["duration"] / 8
    return trace.assign_attrs(tool="iperf3", protocol="TCP", direction="forward", **facts)


def _limit(trace: xr.Dataset, found: Sequence[Finding]) -> str:
    mislabelled = any(finding.check == "label" and finding.severity == "error" for finding in found)
    return limit_of(trace).name + (" (mislabelled)" if mislabelled else "")


def pairs(devices: Iterable[str] = DEVICES) -> pd.DataFrame:
    """Stock against patched for each ring and RTT: change with interval, and a verdict in words.

    Parameters
    ----------
    devices
        Devices to compare.

    Returns
    -------
    pandas.DataFrame
        Columns `device`, `ring` [packet], `label` [s], `stock`, `patched` [bit/s], `change`, `low`, `high` (95 %,
        within-run variation only), `smallest` (change that would have been seen), `verdict`.
    """
    runs = nodrop()
    lines = []
    for stock in runs["run"].to_numpy()[runs["variant"].to_numpy() == "stock"]:
        one, two = runs.sel(run=stock), runs.sel(run=str(stock).replace("-stock", "-patched"))
        if one["device"].item() not in devices:
            continue
        found = change(one["throughput"], two["throughput"])
        lines.append({"device": one["device"].item(), "ring": int(one["ring"]),
                      "label": float(one["rtt_label"]),
                      "stock": float(one["received_rate"]), "patched": float(two["received_rate"]),
                      "change": found.change, "low": found.low, "high": found.high, "smallest": found.smallest,
                      "verdict": _caveat(one, two) or found.verdict})  # fmt: skip
    return pd.DataFrame(lines).sort_values(
        ["device", "label", "ring"], ascending=[True, True, False], ignore_index=True
    )


def _caveat(one: xr.Dataset, two: xr.Dataset) -> str:
    """Why two runs must not be compared; empty if they may."""
    rtts = [float(run["min_rtt"]) for run in (one, two)]
    if float(one["rtt_label"]) == 0:
        return ""
    if max(rtts) > SAME_RTT * min(rtts):
        return f"not comparable: round trips of {rtts[0] * 1e3:.0f} and {rtts[1] * 1e3:.0f} ms"
    if all(limit_of(_as_trace(run)).name == RECEIVE_WINDOW for run in (one, two)):
        return "both window-limited: nothing said about drops"
    return ""


def series(names: Sequence[str], interval: float = 1.0, duration: float = 300.0) -> tuple[xr.Dataset, xr.Dataset]:
    """Measured and simulated time series of some runs.

    Parameters
    ----------
    names
        Runs, e.g. ``"tap-1000-120ms-stock"``.
    interval, duration
        Step and length of the simulated series [s].

    Returns
    -------
    measured, simulated
        Datasets over `run` and `time` with throughput, cwnd, rtt and retransmits of the schema.

    Raises
    ------
    DataError
        If there is no run of that name.
    """
    runs, study = nodrop(), STUDIES["raw"]()
    unknown = [name for name in names if name not in study.rows.index]
    if unknown:
        raise DataError(f"run {unknown[0]!r} is not among the 24: {', '.join(study.rows.index)}")
    # the study's order is kept by a subset, so the names come back in the order asked for
    chosen = study.subset(pd.Series(study.rows.index.isin(names), index=study.rows.index))
    simulated = simulate(chosen.scenario.replace(interval=interval, duration=duration, warmup=0.0), engine="auto")
    simulated = simulated.assign_coords(run=("row", list(chosen.rows.index))).swap_dims(row="run")
    return runs.sel(run=list(names)), simulated.sel(run=list(names))


def in_flight(series: xr.Dataset, window: float | None = None) -> xr.Dataset:
    """Series whose `cwnd` is what could be in flight: the smaller of congestion and receive window.

    Parameters
    ----------
    series
        One of `series`.
    window
        Receive window [byte] of series that have none (simulated ones); default the series' own `snd_wnd`.

    Returns
    -------
    xarray.Dataset
        A copy; other variables stay as they are.
    """
    limit = series["snd_wnd"] if window is None else window
    return series.assign(cwnd=series["cwnd"].where(series["cwnd"] < limit, limit).assign_attrs(series["cwnd"].attrs))


def sawtooth(measured: xr.Dataset, simulated: xr.Dataset) -> pd.DataFrame:
    """Numbers that say how alike two sets of series are: mean rate, median and peak window, losses per minute.

    Parameters
    ----------
    measured
        Series over run and time, bit/s and segments.
    simulated
        The same of the model.

    Returns
    -------
    pandas.DataFrame
        Columns `run`, `kind`, `throughput` [bit/s], `cwnd_median`, `cwnd_high` (95th percentile) [byte],
        `retransmits_per_minute`; the first 10 s are left out.
    """
    lines = []
    for kind, data in (("measured", measured), ("simulated", simulated)):
        for name in data["run"].to_numpy():
            run = data.sel(run=name)
            run = run.where(run["time"] > 10, drop=True)
            minutes = run.sizes["time"] * float(run["time"][1] - run["time"][0]) / 60
            lines.append({"run": str(name), "kind": kind, "throughput": float(run["throughput"].mean()),
                          "cwnd_median": float(run["cwnd"].median()), "cwnd_high": float(run["cwnd"].quantile(0.95)),
                          "retransmits_per_minute": float(run["retransmits"].sum()) / minutes})  # fmt: skip
    return pd.DataFrame(lines)


def key_figures(table: pd.DataFrame) -> pd.Series:
    """Counts and errors of the first screen, from `compare`.

    Parameters
    ----------
    table
        What `compare` returned.

    Returns
    -------
    pandas.Series
        `runs`, `window_limited`, `mislabelled`, `median`, `held_out_median`, `worst` (absolute errors), `worst_run`.
    """
    error = table["error"].abs()
    worst = table.reset_index(drop=True).loc[int(error.to_numpy().argmax())]
    values: dict[str, Any] = {
        "runs": len(table),
        "window_limited": int(table["limit"].str.startswith("receive window").sum()),
        "mislabelled": int(table["limit"].str.contains("mislabelled").sum()),
        "median": float(error.median()),
        "held_out_median": float(error[table["role"] == "held out"].median()),
        "worst": float(error.max()),
        "worst_run": str(worst["run"]),
    }  # fmt: skip
    return pd.Series(values, dtype=object)
