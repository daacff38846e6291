"""Several senders through one ring: published runs, the model of them, and what contention and wakes cost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from tunbp.evidence.datasets import published
from tunbp.evidence.repetition import change_half_width, same_code_difference
from tunbp.evidence.studies import LIBRECAST_DRIVERS
from tunbp.evidence.validation import validate
from tunbp.model.drivers import counts_from_stop, driver, wake_threshold
from tunbp.model.hosts import host
from tunbp.model.laws import wake_cycle
from tunbp.model.scenario import Scenario
from tunbp.model.simulate import simulate

LOOKS = {"reverted": "stock", "half": "wake_half", "empty": "wake_empty", "batch": "wake_batch"}
"""Style name of each kernel of the regression report."""

WHOLE = 8
"""Streams from which the receiver's totals are whole."""

WAKE_ROWS = {"freed batch": "wake-tap-freed-batch", "empty": "wake-tap-empty"}


def librecast(streams: Sequence[int], duration: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Published rows of the regression report, and the model over all numbers of streams.

    Parameters
    ----------
    streams
        Numbers of streams to simulate; published rows with others are left out.
    duration
        Simulated time, s; the first quarter does not count.

    Returns
    -------
    rows, model
        `rows` as of `validate` with `variant` and `streams`; `model` with `variant`, `streams`, `received_rate`.
    """
    rows = validate(["librecast"])
    parts = rows["row"].str.extract(r"librecast-(?P<rule>\w+)-(?P<streams>\d+)s-")
    rows = rows.assign(variant=parts["rule"].map(LOOKS), streams=parts["streams"].astype(int))
    rows = rows[rows["streams"].isin(streams)].reset_index(drop=True)
    looks = [LOOKS[rule] for rule in LIBRECAST_DRIVERS]
    variant = xr.DataArray(list(LIBRECAST_DRIVERS.values()), dims="variant", coords={"variant": looks})
    count = xr.DataArray(list(streams), dims="streams", coords={"streams": list(streams)})
    scenario = Scenario().replace(**host("librecast"))
    result = simulate(scenario.replace(driver=variant, streams=count, duration=duration, warmup=duration / 4,
                                       dt=float(scenario.rtt) / 8))  # fmt: skip
    model = result["received_rate"].to_dataframe().reset_index()[["variant", "streams", "received_rate"]]
    return rows, model


def compare(rows: pd.DataFrame) -> pd.DataFrame:
    """Row, role, published, model and error of `librecast`'s rows.

    Parameters
    ----------
    rows
        What `librecast` returned.

    Returns
    -------
    pandas.DataFrame
        Rates in bit/s, error relative.
    """
    return rows[["row", "role", "published", "model", "error"]].reset_index(drop=True)


def published_changes() -> pd.DataFrame:
    """Published iperf3 runs with the series beside the run with it reverted, under every wake rule, with both sources.

    The side is the one that is whole: the sender's for 1 to 4 streams, the receiver's (whose totals stop at 2 GBytes
    with fewer streams) from 8 on.

    Returns
    -------
    pandas.DataFrame
        Columns `row`, `streams`, `wake_policy`, `kernel`, `side`, `stock`, `patched` [bit/s], `change`
        (patched / stock - 1), `stock_source`, `source_id`.
    """
    table = published("tcp")
    rows = table[table.index.str.startswith("librecast-") & (table["variant"] != "stock")]
    rows = rows[rows["side"].eq("receiver") == (rows["streams"] >= WHOLE)]
    stock = rows["baseline"]
    found = rows[["streams", "wake_policy", "series_version", "side"]].rename(columns={"series_version": "kernel"})
    found = found.assign(stock=table["throughput"].reindex(stock).to_numpy(), patched=rows["throughput"])
    found["change"] = found["patched"] / found["stock"] - 1
    found["stock_source"] = table["source_id"].reindex(stock).to_numpy()
    found["source_id"] = rows["source_id"]
    return found.dropna(subset=["stock", "patched"]).rename_axis("row").reset_index()


def pktgen(threads: Sequence[int]) -> pd.DataFrame:
    """v7's pktgen rows with these numbers of threads: `case`, `variant`, `published`, `model`, `error` [packet/s].

    Parameters
    ----------
    threads
        Numbers of threads.

    Returns
    -------
    pandas.DataFrame
        One row per device and variant.
    """
    rows = validate(["pktgen"])
    parts = rows["row"].str.extract(r"^v7-(?P<device>tap|vhost(?:-pinned)?)-(?P<threads>\d+)t-(?P<variant>\w+)$")
    rows = rows.assign(**parts).dropna(subset=["threads"])
    rows = rows[rows["threads"].astype(int).isin(threads)]
    devices = rows["device"].map({"tap": "TAP", "vhost": "vhost-net", "vhost-pinned": "vhost-net pinned"})
    words = devices + ", " + rows["threads"] + rows["threads"].map(lambda n: " thread" if n == "1" else " threads")
    return rows.assign(case=words)[["case", "variant", "published", "model", "error"]].reset_index(drop=True)


def cost_parts(streams: int) -> pd.DataFrame:
    """Cost of one packet by kernel and part of the wake-cycle law: `variant`, `part`, `seconds`.

    Parameters
    ----------
    streams
        Number of TCP streams.

    Returns
    -------
    pandas.DataFrame
        One row per variant and part.
    """
    constants = host("librecast")
    ring, share = constants["ring"], 1.0 - 1.0 / streams
    lines: list[tuple[str, str, float]] = []
    for rule, name in LIBRECAST_DRIVERS.items():
        k = wake_threshold(driver(name).wake, ring)
        stock = not np.isfinite(k)
        counting = counts_from_stop(driver(name).wake)
        cycle = wake_cycle(k, constants["drain_rate"], constants["burst_rate"]) if counting else k
        parts = {
            "reader and patch": 1.0 / constants["drain_rate"] + (0 if stock else constants["patch_overhead"]),
            "stop/wake": 0.0 if stock else constants["wake_cost"] / cycle,
            # stock never waits for the reader, and its senders never meet at a full ring
            "contention": 0.0 if stock else share * constants["contention"],
            "contention while refilling": 0.0 if stock else share * constants["contention_wait"] * k / ring,
        }
        lines += [(LOOKS[rule], part, float(seconds)) for part, seconds in parts.items()]
    return pd.DataFrame(lines, columns=["variant", "part", "seconds"])


def wake_rules() -> pd.DataFrame:
    """Rate of other wake rules over that of wake at half: `case`, `rule`, `published`, `model`, `error` (ratios).

    `role` says whether the model was fitted to the row. `low` and `high` are the published ratio less and more what is
    known of its scatter: between sessions for pktgen (`repetition.change_half_width`), the one repeated run for iperf3
    (`repetition.same_code_difference`).
    """
    pktgen_rows = validate(["pktgen"]).set_index("row")
    tcp_rows = validate(["librecast"]).set_index("row")
    lines: list[tuple[str, str, float, float, str, float]] = []
    for rule, row in WAKE_ROWS.items():
        lines.append(("pktgen, TAP, 1 sender", rule, *_ratio(pktgen_rows, row, "wake-tap-half"), change_half_width()))
    for rule, row in (("freed batch", "batch"), ("empty", "empty")):
        one, half = (f"librecast-{name}-8s-receiver" for name in (row, "half"))
        lines.append(("iperf3, TAP, 8 streams", rule, *_ratio(tcp_rows, one, half), same_code_difference()))
    table = pd.DataFrame(lines, columns=["case", "rule", "published", "model", "role", "half"])
    table["low"], table["high"] = (table["published"] * (1 + sign * table["half"]) for sign in (-1, 1))
    return table.drop(columns="half").assign(error=table["model"] / table["published"] - 1.0)


def _ratio(rows: pd.DataFrame, row: str, base: str) -> tuple[float, float, str]:
    """Published and simulated ratio of two rows, and whether the model was fitted to the upper one."""
    pair = rows.loc[[row, base], ["published", "model"]].to_numpy(float)
    published, model = pair[0] / pair[1]
    return float(published), float(model), str(rows["role"].loc[row])


def headline(rows: pd.DataFrame, rules: pd.DataFrame) -> dict[str, tuple[float, str, str]]:
    """Numbers worth a sentence: name -> (value, unit, words).

    Parameters
    ----------
    rows
        What `librecast` returned.
    rules
        What `wake_rules` returned.

    Returns
    -------
    dict[str, tuple[float, str, str]]
        By the names that `Output.number` takes.
    """
    early = rules.set_index(["case", "rule"])
    found = {
        "senders_median_error": (
            100 * float(rows["error"].abs().median()),
            "%",
            "median error, iperf3 with several streams",
        )
    }
    for key, case in (("pktgen", "pktgen, TAP, 1 sender"), ("streams", "iperf3, TAP, 8 streams")):
        for column in ("published", "model"):
            change = 100 * (float(early[column].loc[(case, "freed batch")]) - 1.0)
            words = f"early wake against half, {case}, {column}"
            found[f"senders_early_{key}_{column}"] = (change, "%", words)
    return found
