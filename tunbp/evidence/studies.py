"""Studies: each published or measured table as rows with values, and the scenario that models those rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tunbp.evidence.datasets import nodrop, published
from tunbp.model.hosts import host
from tunbp.model.scenario import Scenario

SEEDS = 64
"""Random streams that a row is averaged over: with 6 the medians of stock rows look better than they are."""

WAKE_DRIVERS = {
    "none": "stock",
    "empty": "v7-empty",
    "half": "v7-half",
    "seven_eighths": "v7-7/8",
    "three_quarters": "v8-3/4",
    "freed_batch": "v7",
    "half_or_empty": "v12",
    "batch_or_empty": "v6",
    "any_slot": "v4",
}
"""Driver that has a published row's wake rule, where the version alone does not say it."""

VHOST_SHARE = 0.5
"""CPU share of the vhost thread beside a saturated guest (perf counters of S12: 1.5 CPUs for both)."""


@dataclass(frozen=True)
class Study:
    """Rows of one kind: what was published or measured, and the batch that models it.

    Attributes
    ----------
    name, title
        Key and words.
    rows
        Table indexed by row id with columns `published` (in the unit of `quantity`), `host` (its constants),
        `group` ("stock" or "patched") and `role` ("fitted" or "held out"), missing values excepted.
    scenario
        Batch over the dim `row`, in the order of `rows`.
    quantity
        Schema variable compared.
    seeds
        Random streams that rows with anything random in them are averaged over.
    """

    name: str
    title: str
    rows: pd.DataFrame
    scenario: Scenario
    quantity: str = "received_rate"
    seeds: int = SEEDS

    def subset(self, keep: pd.Series) -> Study:
        """The study with only some of its rows (boolean over `rows`).

        Parameters
        ----------
        keep
            Boolean over `rows`.

        Returns
        -------
        Study
            A new study.
        """
        mask = keep.to_numpy(bool)
        fields = {
            name: value.isel(row=mask)
            for name, value in self.scenario.parameters().items()
            if isinstance(value, xr.DataArray)
        }
        return replace(self, rows=self.rows[mask], scenario=self.scenario.replace(**fields))

    def data(self) -> xr.DataArray:
        """Published values over `row`."""
        return xr.DataArray(self.rows["published"].to_numpy(float), dims="row", coords={"row": list(self.rows.index)})


def _batch(constants: list[dict[str, Any]], **common: Any) -> Scenario:
    """One scenario over `row` from one dict of fields per row."""
    names = sorted({name for c in constants for name in c})
    default = Scenario().parameters()
    fields = {
        n: xr.DataArray(
            [c.get(n, default[n]) if c.get(n, default[n]) is not None else np.nan for c in constants], dims="row"
        )
        for n in names
    }
    return Scenario().replace(**fields, **common)


def _rows(index: list[str], values: list[float], hosts: list[str], groups: list[str], fitted: set[str]) -> pd.DataFrame:
    roles = ["fitted" if row in fitted else "held out" for row in index]
    columns = {"published": values, "host": hosts, "group": groups, "role": roles}
    return pd.DataFrame(columns, index=pd.Index(index, name="row"))


# ------------------------------------------------------------------------------------------------ the paper's tables

VERSIONS = {"stock": "stock", "patched": "v3"}
"""Kernels of the paper's tables and of the raw runs: v3 of the series (S03)."""
TUNNELS = ("openvpn", "wireguard")
PATH_RINGS = (5000, 1000, 500, 100, 50, 10)
PATH_FITTED = (500, 100, 10)
LAB_RTTS = (10, 20, 40, 80, 120)
LAB_FITTED = {"openvpn": (20, 40, 120), "wireguard": (20, 120)}
"""Stock rows fitted. OpenVPN's 40 ms row is needed: without it nothing says at which RTT the collapse begins."""
LAB_WINDOW_ROW, PATH_WINDOW_ROW = 120, 500
"""Patched rows that the receive window is read from; the other patched rows are held out."""


def _paper(name: str, title: str, rows: list[tuple[str, str, str, dict[str, Any]]], fitted: set[str]) -> Study:
    table = published("tcp")["throughput"]
    index = [row for row, *_ in rows]
    constants = [{**host(h), "driver": VERSIONS[group], **extra} for _, h, group, extra in rows]
    frame = _rows(
        index,
        [float(table[row]) for row in index],
        [h for _, h, _, _ in rows],
        [group for _, _, group, _ in rows],
        fitted,
    )
    return Study(name, title, frame, _batch(constants, duration=100.0, warmup=5.0))


def paper_path() -> Study:
    """The paper's queue-length tables on the path between Germany and the USA: OpenVPN and wireguard-go."""
    rows, fitted = [], set()
    for tunnel in TUNNELS:
        for variant in ("stock", "patched"):
            for ring in PATH_RINGS:
                row = f"path-{tunnel}-{ring}-{variant}"
                rows.append((row, f"path-{tunnel}", variant, {"ring": ring}))
                if ring in PATH_FITTED if variant == "stock" else ring == PATH_WINDOW_ROW:
                    fitted.add(row)
    return _paper("paper-path", "Paper, real path: throughput by queue length", rows, fitted)


def paper_lab() -> Study:
    """The paper's lab tables: throughput over emulated RTT, OpenVPN and wireguard-go."""
    rows, fitted = [], set()
    for tunnel in TUNNELS:
        for variant in ("stock", "patched"):
            for rtt in LAB_RTTS:
                row = f"lab-{tunnel}-{rtt}ms-{variant}"
                rows.append((row, f"lab-{tunnel}", variant, {"rtt": rtt / 1e3}))
                if rtt in LAB_FITTED[tunnel] if variant == "stock" else rtt == LAB_WINDOW_ROW:
                    fitted.add(row)
    return _paper("paper-lab", "Paper, lab: throughput by RTT", rows, fitted)


# ------------------------------------------------------------------------------------------------ the 24 raw runs

RAW_FITTED = {
    "tap-1000-0ms-stock",
    "tap-1000-120ms-stock",
    "tap-1000-0ms-patched",
    "tap-1-0ms-patched",
    "vhost-1000-0ms-stock",
    "vhost-1000-0ms-patched",
}
RAW_HOSTS = {"tap": "i5-tap", "tap+vhost-net": "i5-vhost"}


def raw_base_rtt(runs: xr.Dataset) -> xr.DataArray:
    """RTT without queueing, s, over `run`: the file's minimum where a delay was emulated, else the device's smallest.

    Without emulated delay a saturated run's own minimum contains its standing queue.

    Parameters
    ----------
    runs
        What `tunbp.evidence.datasets.nodrop` returned.

    Returns
    -------
    xarray.DataArray
        s, over `run`.
    """
    undelayed = runs["rtt_label"] == 0
    smallest = runs["min_rtt"].where(undelayed).groupby(runs["device"]).min()
    return runs["min_rtt"].where(~undelayed, smallest.sel(device=runs["device"]).drop_vars("device"))


def raw_runs() -> Study:
    """The 24 iperf3 runs of the nodrop repository: received rate."""
    runs = nodrop()
    rtt = raw_base_rtt(runs)
    index = [str(x) for x in runs["run"].values]
    variants = ["stock" if "stock" in str(v) else "patched" for v in runs["variant"].values]
    constants = []
    for i, variant in enumerate(variants):
        fields = host(RAW_HOSTS[str(runs["device"].values[i])])
        delayed = float(runs["rtt_label"][i]) > 0
        constants.append(
            {
                **fields,
                "driver": VERSIONS[variant],
                "ring": int(runs["ring"][i]),
                "rtt": float(rtt[i]),
                "mss": float(runs["mss"][i]),
                "qdisc": "netem" if delayed else "fq_codel",
                "qdisc_limit": 1_000_000 if delayed else 10240,
            }
        )
    hosts = [RAW_HOSTS[str(device)] for device in runs["device"].values]
    frame = _rows(index, [float(x) for x in runs["received_rate"]], hosts, variants, RAW_FITTED)
    return Study("raw", "nodrop repository: 24 raw iperf3 runs", frame, _batch(constants, duration=30.0, warmup=5.0))


# ------------------------------------------------------------------------------------------------ pktgen

PKTGEN_EXCLUDED = ("S10", "S25")
"""Approximate values, and a user-space tool that is not pktgen."""

PKTGEN_CONTENTION_ROWS = {"v7-tap-4t-patched", "v7-vhost-4t-patched", "v7-vhost-pinned-4t-patched"}


def pktgen_table() -> pd.DataFrame:
    """Published pktgen rows that a model can meet, each with the id of its configuration's own stock row."""
    table = published("pktgen")
    table = table[~table["source_id"].isin(PKTGEN_EXCLUDED)].copy()
    # the second part of the wake ablation (S14) has the first part's baseline (S13)
    baseline = table["source_id"].replace({"S14": "S13"})
    pinned = table.index.str.contains("pinned")
    keys = list(zip(table["cpu"], table["device"], table["threads"], baseline, pinned, strict=True))
    own = {
        key: row for key, row, variant in zip(keys, table.index, table["variant"], strict=True) if variant == "stock"
    }
    table["stock_row"] = [own.get(key, "") for key in keys]
    return table


def _pktgen_host(cpu: str, device: str) -> str:
    return ("i5" if cpu.startswith("i5") else "5600x") + ("-pktgen-tap" if device == "tap" else "-pktgen-vhost")


def pktgen(quantity: str = "transmitted_rate") -> Study:
    """Published pktgen tables of v5 to v7 and the wake ablation: packets/s transmitted (or lost, by `quantity`).

    A configuration's own stock row gives its service time and its offered rate; constants of the wake cycle come from
    the host table.

    Parameters
    ----------
    quantity
        ``"transmitted_rate"`` or ``"lost_rate"``.

    Returns
    -------
    Study
        packets/s.
    """
    table = pktgen_table()
    column = "transmitted_rate" if quantity == "transmitted_rate" else "lost_rate"
    there = table[(table["stock_row"] != "") & table[column].notna() & table["transmitted_rate"].notna()]
    there = there[there["threads"].notna()]  # what each thread sends is not known otherwise
    index, constants, roles = [], [], set()
    for row, entry in zip(there.index, there.to_dict("records"), strict=True):
        stock = table.loc[entry["stock_row"]]
        rate, lost = float(stock["transmitted_rate"]), float(stock["lost_rate"])
        offered = rate + (lost if np.isfinite(lost) else 9.0 * rate)
        fields = {**host(_pktgen_host(entry["cpu"], entry["device"]))}
        # one producer: the guest is the slower stage; four on four cores: the vhost thread is
        behind_guest = "vhost" in entry["device"] and entry["threads"] == 1
        fields |= {"guest_rate": rate, "drain_rate": rate / VHOST_SHARE} if behind_guest else {"drain_rate": rate}
        inactive = entry["backpressure"] != "active"
        driver = "stock" if inactive else WAKE_DRIVERS[entry["wake_policy"]]
        if inactive and entry["variant"] == "patched":
            driver, fields["patch_overhead"] = "v7", 0.0  # the queue is never stopped
            fields["qdisc"] = "noqueue"
        threads = int(entry["threads"])
        fields |= {
            "driver": driver,
            "streams": threads,
            "offered_rate": offered / threads,
            "burst_rate": offered * 2,
        }
        index.append(str(row))
        constants.append(fields)
        if row == entry["stock_row"] or row in PKTGEN_CONTENTION_ROWS or row in PKTGEN_FITTED:
            roles.add(str(row))
    groups = ["stock" if v == "stock" else "patched" for v in there["variant"]]
    hosts = [_pktgen_host(cpu, device) for cpu, device in zip(there["cpu"], there["device"], strict=True)]
    frame = _rows(index, [float(x) for x in there[column]], hosts, groups, roles)
    scenario = _batch(constants, source="pktgen", ring=1000, rtt=0.001, duration=2.0, warmup=0.5)
    return Study(
        "pktgen" if column == "transmitted_rate" else "pktgen-lost",
        "pktgen: " + column.replace("_", " "),
        frame,
        scenario,
        quantity,
    )


PKTGEN_FITTED = {"wake-tap-freed-batch", "wake-tap-half"}
"""Rows that give the 5600X its wake cost and patch overhead."""


# ------------------------------------------------------------------------------------------------ several senders

LIBRECAST_DRIVERS = {"reverted": "stock", "half": "v12", "empty": "test-empty", "batch": "test-batch"}
LIBRECAST_FITTED = {
    "librecast-reverted-1s-sender",
    "librecast-reverted-8s-receiver",
    "librecast-half-1s-sender",
    "librecast-half-8s-receiver",
    "librecast-empty-8s-receiver",
    "librecast-batch-8s-receiver",
}


def librecast() -> Study:
    """The regression report's iperf3 runs with 1 to 16 streams: sender side up to 4 streams, receiver beyond."""
    rates = published("tcp")["throughput"].dropna()
    index, constants, values, groups = [], [], [], []
    for rule, driver in LIBRECAST_DRIVERS.items():
        for streams in (1, 2, 4, 8, 16):
            row = f"librecast-{rule}-{streams}s-{'sender' if streams <= 4 else 'receiver'}"
            if row not in rates.index:
                continue
            index.append(row)
            values.append(float(rates[row]))
            groups.append("stock" if driver == "stock" else "patched")
            constants.append({**host("librecast"), "driver": driver, "streams": streams})
    frame = _rows(index, values, ["librecast"] * len(index), groups, LIBRECAST_FITTED)
    return Study("librecast", "Regression report: TCP streams", frame, _batch(constants, duration=4.0, warmup=1.0))


STUDIES: dict[str, Callable[[], Study]] = {
    "raw": raw_runs,
    "paper-path": paper_path,
    "paper-lab": paper_lab,
    "pktgen": pktgen,
    "pktgen-lost": lambda: pktgen("lost_rate"),
    "librecast": librecast,
}
"""All studies by name, built when called."""
