"""The pktgen tables of the series as configurations: stock against patched, wake rules, and what could not be read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from tunbp.evidence.datasets import NOT_READ, published
from tunbp.evidence.repetition import change_half_width
from tunbp.evidence.studies import STUDIES
from tunbp.evidence.validation import run_study, validate
from tunbp.model.drivers import DEFAULT_RING, DRIVERS, wake_threshold
from tunbp.model.hosts import host
from tunbp.model.laws import saturated_service_time

DEVICES = ("tap", "tap+vhost-net")
RING = DEFAULT_RING["tap"]
"""Entries of the ring in all pktgen tables: the default of TAP."""

SOURCE_OF = {"S12": "v7", "S13": "v7, a week later", "S08": "v7, pinned", "S18": "patch 1 of 4"}
OWN_RULES = ("none", "half", "half_or_empty")
"""Wake rules of stock and of v8 to v12 themselves: rows of their tables with other rules are variants."""
WAKE_RULES = {
    "freed_batch": "v7", "half": "v7-half", "seven_eighths": "v7-7/8", "empty": "v7-empty",
}  # fmt: skip
"""Wake rules that were compared on the 5600X (S13, S14), and the driver that has each."""


def compare(
    devices: Iterable[str] = DEVICES,
    versions: Iterable[str] = ("v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12"),
    threads: Iterable[int] = (1, 4),
    wake_cost: float | None = None,
) -> pd.DataFrame:
    """Every published pktgen row that a model can meet, with the model's value: transmitted and lost.

    Parameters
    ----------
    devices, versions, threads
        Rows to keep; versions of the patch series, `v5` to `v12`.
    wake_cost
        Cost of one stop/wake cycle [s] instead of the fitted one.

    Returns
    -------
    pandas.DataFrame
        Columns of `validation.COLUMNS` and `device`, `cpu`, `threads`, `version`, `configuration` (words),
        `kind` ("stock", "patched" or "noqueue"), `wake_policy`, `quantity` ("transmitted_rate" or "lost_rate").
    """
    parts = []
    for name, quantity in (("pktgen", "transmitted_rate"), ("pktgen-lost", "lost_rate")):
        if wake_cost is None:
            rows = validate([name])
        else:
            study = STUDIES[name]()
            rows = run_study(replace(study, scenario=study.scenario.replace(wake_cost=wake_cost)))
        parts.append(rows.assign(quantity=quantity))
    table = _described(pd.concat(parts, ignore_index=True))
    return table[_kept(table, devices, versions, threads)].reset_index(drop=True)


def _described(rows: pd.DataFrame) -> pd.DataFrame:
    known = published("pktgen").reindex(rows["row"]).reset_index(drop=True)
    rows = rows.reset_index(drop=True)
    for column in ("device", "cpu", "threads", "wake_policy"):
        rows[column] = known[column]
    rows["version"] = known["series_version"].replace({"v7 reply": "v7"})
    rows["configuration"] = [_words(*entry) for entry in known[["source_id", "series_version", "threads"]].to_numpy()]
    inactive = (known["variant"] == "patched") & (known["backpressure"] == "inactive")
    rows["kind"] = np.where(inactive, "noqueue", rows["group"])
    return rows


def _words(source: str, version: str, threads: float) -> str:
    many = f", {threads:.0f} threads" if threads > 1 else ""
    return SOURCE_OF.get(source, version) + many


def _kept(table: pd.DataFrame, devices: Iterable[str], versions: Iterable[str], threads: Iterable[int]) -> pd.Series:
    chosen = set(versions)
    of_version = table["version"].map(
        lambda text: any(name in chosen for name in text.replace(" or ", ", ").split(", "))
    )
    # tables that were not read ran with 1 and 2 threads
    of_threads = table["threads"].isin([*threads, 2]) | table["threads"].isna()
    one_device = table["device"].map(lambda text: any(device in devices for device in text.split(" or ")))
    return of_version & of_threads & one_device


def groups(table: pd.DataFrame, quantity: str = "transmitted_rate") -> pd.DataFrame:
    """Stock against patched per configuration, for bars: read tables first, then one gap per unread table.

    Parameters
    ----------
    table
        What `compare` returned.
    quantity
        ``"transmitted_rate"`` or ``"lost_rate"``.

    Returns
    -------
    pandas.DataFrame
        Columns `cpu`, `device`, `configuration`, `variant`, `published` [packet/s] (missing where the table could
        not be read), `model`, `role`, `change` (patched / own stock row - 1, transmitted only).
    """
    shown = table[(table["quantity"] == quantity) & table["kind"].isin(["stock", "patched"])]
    shown = shown[shown["wake_policy"].isin(["none", "freed_batch", "batch_or_empty", "half_or_empty"])]
    shown = shown.rename(columns={"kind": "variant"})
    columns = ["cpu", "device", "configuration", "variant", "published", "model", "role"]
    stock = shown[shown["variant"] == "stock"].drop_duplicates(columns[:3]).set_index(columns[:3])["published"]
    keys = pd.MultiIndex.from_frame(shown[columns[:3]])
    change = shown["published"].to_numpy() / stock.reindex(keys).to_numpy() - 1
    shown = shown[columns].assign(change=np.where(shown["variant"] == "patched", change, np.nan))
    if quantity == "lost_rate":
        shown = pd.concat([shown.assign(change=np.nan), _stock_losses_not_printed(shown)])
    shown = shown.sort_values("variant", ascending=False, kind="stable")
    return shown.sort_values("configuration", key=_order, kind="stable").reset_index(drop=True)


def _stock_losses_not_printed(shown: pd.DataFrame) -> pd.DataFrame:
    """Configurations whose patched losses were printed, and those of stock were not (v5)."""
    keys = ["cpu", "device", "configuration"]
    there = shown[shown["variant"] == "stock"][keys].assign(known=True)
    alone = shown[shown["variant"] == "patched"][keys].merge(there, how="left", on=keys)
    alone = alone[alone["known"].isna()].drop(columns="known")
    return alone.assign(variant="stock", published=np.nan, model=np.nan)


def _order(names: pd.Series) -> pd.Series:
    known = ["v5", "v6", "v7", "v7, a week later", "v7, 4 threads", "v7, pinned", "v7, pinned, 4 threads"]
    return names.map(lambda name: known.index(name) if name in known else len(known))


def changes(bars: pd.DataFrame) -> pd.DataFrame:
    """Change of the patched driver against the own stock row, per configuration, published and simulated.

    Parameters
    ----------
    bars
        `groups` of the transmitted rate.

    Returns
    -------
    pandas.DataFrame
        Columns `cpu`, `device`, `configuration`, `change`, `low`, `high` (95 %, from the spread between sessions, see
        `repetition.change_half_width`), `model`; all relative to the stock row. `role` of the patched row.
    """
    keys = ["cpu", "device", "configuration"]
    stock = bars[bars["variant"] == "stock"].set_index(keys)["model"]
    table = bars[bars["variant"] == "patched"].reset_index(drop=True)
    half = change_half_width() * (1 + table["change"])
    model = table["model"].to_numpy() / stock.reindex(pd.MultiIndex.from_frame(table[keys])).to_numpy() - 1
    table = table[[*keys, "role", "change"]].assign(
        low=table["change"] - half, high=table["change"] + half, model=model
    )
    return table.reset_index(drop=True)


def published_changes(table: pd.DataFrame) -> pd.DataFrame:
    """Every published row that stops its queue beside its stock row, under any wake rule, with the sources of both.

    Parameters
    ----------
    table
        What `compare` returned.

    Returns
    -------
    pandas.DataFrame
        Columns `row`, `device`, `cpu`, `configuration`, `threads`, `wake_policy`, `stock`, `patched` [packet/s],
        `change` (patched / stock - 1), `lost_stock`, `lost_patched` [packet/s, missing where not printed],
        `stock_source`, `source_id`.
    """
    sent = table[table["quantity"] == "transmitted_rate"].set_index("row")
    rows = sent[(sent["kind"] == "patched") & sent["published"].notna()]
    known = published("pktgen")
    stock = known["baseline"].reindex(rows.index)
    columns = ["device", "cpu", "configuration", "threads", "wake_policy"]
    found = rows[columns].assign(stock=sent["published"].reindex(stock).to_numpy(), patched=rows["published"])
    found["change"] = found["patched"] / found["stock"] - 1
    found["lost_stock"] = known["lost_rate"].reindex(stock).to_numpy()
    found["lost_patched"] = known["lost_rate"].reindex(found.index)
    found["stock_source"] = known["source_id"].reindex(stock).to_numpy()
    found["source_id"] = known["source_id"].reindex(found.index)
    return found[found["stock"].notna()].reset_index()


def losses(lost: pd.DataFrame) -> pd.DataFrame:
    """Packets lost per configuration, for a table.

    Parameters
    ----------
    lost
        `groups` of the lost rate.

    Returns
    -------
    pandas.DataFrame
        Columns `device`, `cpu`, `configuration`, `stock`, `patched` [packet/s]; missing where it was not printed.
    """
    keys = ["device", "cpu", "configuration"]
    wide = lost.pivot_table(index=keys, columns="variant", values="published", sort=False, dropna=False)
    return wide.dropna(how="all").reindex(columns=["stock", "patched"]).reset_index().rename_axis(columns=None)


def unread(devices: Iterable[str] = DEVICES, versions: Iterable[str] = ("v8", "v9", "v12")) -> pd.DataFrame:
    """Tables that are known to exist and could not be read, as the rows of `groups` without values.

    Parameters
    ----------
    devices
        Devices of the tables.
    versions
        Versions of the series.

    Returns
    -------
    pandas.DataFrame
        One row per value that was not read.
    """
    table = published("pktgen")
    table = table[(table["missing"] == NOT_READ) & table["wake_policy"].isin(OWN_RULES)]
    gaps: dict[tuple[str, str, str], None] = {}
    for entry in table[table["series_version"].isin(list(versions))].to_dict("records"):
        name = _words(entry["source_id"], entry["series_version"], entry["threads"])
        for device in (device for device in entry["device"].split(" or ") if device in devices):
            gaps.setdefault((entry["cpu"], device, name))
    empty = {"published": np.nan, "model": np.nan, "change": np.nan}
    lines = [
        {"cpu": cpu, "device": device, "configuration": name, "variant": variant, **empty}
        for cpu, device, name in gaps
        for variant in ("stock", "patched")
    ]
    return pd.DataFrame(lines, columns=["cpu", "device", "configuration", "variant", "published", "model", "change"])


# ------------------------------------------------------------------------------------------------ wake rules


def wake_rules(table: pd.DataFrame) -> pd.DataFrame:
    """The comparison of wake rules on the 5600X: rate against the share of the ring that is drained before the wake.

    Parameters
    ----------
    table
        What `compare` returned.

    Returns
    -------
    pandas.DataFrame
        Columns `device`, `wake_policy`, `share` (k/N), `published`, `model`, `stock` [packet/s], `error`, `role`,
        `variant` (name of the rule's style).
    """
    rows = table[table["row"].str.startswith("wake-") & (table["quantity"] == "transmitted_rate")]
    stock = rows[rows["kind"] == "stock"].set_index("device")["published"]
    rows = rows[rows["wake_policy"].isin(list(WAKE_RULES))]
    thresholds = [wake_threshold(DRIVERS[WAKE_RULES[rule]].wake, RING) / RING for rule in rows["wake_policy"]]
    styles = rows["wake_policy"].replace({"freed_batch": "batch"})
    rows = rows.assign(share=thresholds, stock=stock.reindex(rows["device"]).to_numpy(), variant="wake_" + styles)
    columns = ["device", "wake_policy", "share", "published", "model", "stock", "error", "role", "variant"]
    return rows[columns].sort_values(["device", "share"]).reset_index(drop=True)


def wake_law(device: str, stock: float, shares: npt.ArrayLike, wake_cost: float | None = None) -> pd.DataFrame:
    """The wake-cycle law 1 / (s + o + c/K) over K/N for the 5600X, K the packets from one wake to the next.

    A rule that counts a share of the ring from the stop on has K = k / (1 - mu/lambda) (`laws.wake_cycle`): its point
    lies that much further to the right on this curve.

    Parameters
    ----------
    device
        ``"tap"`` or ``"tap+vhost-net"``; behind vhost-net the guest is the slower stage and hides the wake work.
    stock
        Rate of the stock row [packet/s], which gives the service time s.
    shares
        K/N, each above 0.
    wake_cost
        Cost c [s] instead of the fitted one.

    Returns
    -------
    pandas.DataFrame
        Columns `share` and `transmitted_rate` [packet/s].
    """
    from tunbp.evidence.studies import VHOST_SHARE

    behind_guest = device != "tap"
    constants = host("5600x-pktgen-vhost" if behind_guest else "5600x-pktgen-tap")
    cost = constants["wake_cost"] if wake_cost is None else wake_cost
    share = np.asarray(shares, float)
    service = (VHOST_SHARE if behind_guest else 1.0) / stock
    seconds = saturated_service_time(service, constants["patch_overhead"], cost, share * RING, RING, 0.0, 0.0)
    guest = 1.0 / stock if behind_guest else 0.0
    return pd.DataFrame({"share": share, "transmitted_rate": 1.0 / np.maximum(seconds, guest)})


def constants() -> pd.DataFrame:
    """The constants behind the pktgen predictions: `host`, `constant`, `value` [s], and the rows they are fitted to."""
    from tunbp.model.hosts import table

    hosts = table()
    lines = []
    for name in ("i5-pktgen-tap", "i5-pktgen-vhost", "5600x-pktgen-tap", "5600x-pktgen-vhost"):
        linked = hosts[name].get("linked", {})
        for constant, value in host(name).items():
            origin = linked.get(constant, name)
            fitted = hosts[origin].get("inferred", {}).get(constant)
            if fitted is not None:
                rows = f"{fitted['study']}: {', '.join(fitted['rows'])}"
                lines.append({"host": name, "constant": constant, "value": value, "fitted_to": rows})
    return pd.DataFrame(lines)


def key_figures(table: pd.DataFrame) -> pd.Series:
    """Numbers of the first screen.

    Parameters
    ----------
    table
        What `compare` returned.

    Returns
    -------
    pandas.Series
        `v7_tap_change` and `v7_vhost_change` (published, one thread), `v7_tap_error` (model of the patched row),
        `lost` (most packets/s that a patched row lost), `median` (absolute error over patched rows).
    """
    sent = table[table["quantity"] == "transmitted_rate"].set_index("row")
    lost = table[(table["quantity"] == "lost_rate") & (table["kind"] == "patched")]
    values = {}
    for device in ("tap", "vhost"):
        rows = [f"v7-{device}-1t-stock", f"v7-{device}-1t-patched"]
        known = sent["published"].reindex(rows)
        values[f"v7_{device}_change"] = float(known.iloc[1] / known.iloc[0] - 1)
    errors = sent["error"].reindex(["v7-tap-1t-patched"])
    patched = sent[sent["kind"] == "patched"]["error"].abs()
    return pd.Series({**values, "v7_tap_error": float(errors.iloc[0]), "lost": float(lost["published"].max()),
                      "median": float(patched.median())})  # fmt: skip
