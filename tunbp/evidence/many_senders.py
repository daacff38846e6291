"""Why do eight senders lose: what the machine does for each packet, in runs of the experiment `senders`.

Counts per packet are the kernel's wherever it runs: an emulated processor, whose rates say nothing, counts as a real
one does.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from tunbp.model.drivers import COMPARED

PER_PACKET = {
    "reader_cpu": "processor time of the reader",
    "reader_preemptions": "reader loses its processor",
    "reader_waits": "reader waits for packets",
    "context_switches": "context switches",
    "requeues": "device stopped",
    "tx_softirqs": "NET_TX softirqs",
    "drops_full_ring": "dropped: FULL_RING",
    "drops_qdisc_burst": "dropped: QDISC_BURST_DROP",
    "drops_qdisc_other": "dropped: QDISC_*",
}
"""Counters of the measured part that are divided by the packets delivered, and words for them."""
KSOFTIRQD = "processor time of ksoftirqd, of one processor"
THRESHOLDS = {
    "when empty": "senders_wake_when_empty",
    "at half a ring": "senders",
    "at an eighth": "senders_wake_at_eighth",
}
"""Fill at which a driver wakes its queue, and the measurement made with it."""


def tcp(runs: xr.Dataset, variant: str) -> pd.DataFrame:
    """What TCP senders carried, and what each packet cost, by senders and queues.

    Parameters
    ----------
    runs
        One measurement of the experiment `senders`.
    variant
        ``"stock"`` or ``"backpressure"``.

    Returns
    -------
    pandas.DataFrame
        `senders`, `queues`, `runs`, `rate` (median), `low` and `high` (range) [packet/s], `tx_softirqs` of a run, and
        per packet the other names of `PER_PACKET`.
    """
    kept = runs.isel(run=((runs["protocol"] == "tcp") & (runs["variant"] == variant)).to_numpy())
    rows = []
    for cell in dict.fromkeys(kept["cell"].to_numpy().tolist()):
        here = kept.isel(run=kept["cell"].to_numpy() == cell)
        rates = here["transmitted_rate"].to_numpy()
        counts = _counts(here, np.ones(rates.size, bool))
        row = {"senders": int(here["senders"][0]), "queues": int(here["queues"][0])} | counts
        ends = {"rate": np.median(rates), "low": rates.min(), "high": rates.max()}
        rows.append(row | ends | {"tx_softirqs": float(here["tx_softirqs"].median())})
    columns = ["senders", "queues", "runs", "rate", "low", "high", *PER_PACKET]
    return pd.DataFrame(rows, columns=columns).sort_values(["queues", "senders"], ignore_index=True)


def per_packet(runs: Mapping[str, xr.Dataset]) -> pd.DataFrame:
    """Counts per packet delivered of every cell and variant, medians over the runs.

    Parameters
    ----------
    runs
        `tunbp.evidence.live.measurements`; those of other experiments are left out.

    Returns
    -------
    pandas.DataFrame
        `measurement`, `cell`, `variant`, `runs`, the names of `PER_PACKET` [1, of `reader_cpu` s] and `ksoftirqd_cpu`
        [s/s]; NaN where a measurement did not count it, or delivered nothing.
    """
    rows = []
    for name, dataset in runs.items():
        if dataset.attrs["experiment"] != "senders":
            continue
        for cell in dict.fromkeys(dataset["cell"].to_numpy().tolist()):
            for variant in COMPARED:
                kept = (dataset["cell"].to_numpy() == cell) & (dataset["variant"].to_numpy() == variant)
                if kept.any():
                    rows.append({"measurement": name, "cell": cell, "variant": variant} | _counts(dataset, kept))
    return pd.DataFrame(rows)


def _counts(dataset: xr.Dataset, kept: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> dict[str, float]:
    here = dataset.isel(run=kept)
    delivered = here["delivered"].where(here["delivered"] > 0)
    found = {name: (here[name] / delivered if name in here else np.nan * delivered) for name in PER_PACKET}
    found["ksoftirqd_cpu"] = here["ksoftirqd_cpu"] / here["duration"] if "ksoftirqd_cpu" in here else np.nan * delivered
    return {"runs": int(kept.sum()), **{name: float(values.median()) for name, values in found.items()}}
