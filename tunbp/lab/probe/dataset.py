"""An analysis as a Dataset in the common schema, which `tunbp.traces.open_trace` reads back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

import tunbp
from tunbp import schema
from tunbp.lab.probe.analysis import Analysis
from tunbp.lab.probe.intervals import Estimate
from tunbp.lab.probe.service import CAUSES, POSITIONS
from tunbp.lab.probe.verdict import verdict
from tunbp.traces.build import utc

PROBABILITIES = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
"""Quantiles of distributions."""


def dataset(analysis: Analysis) -> xr.Dataset:
    """Series, distributions and totals of an analysis.

    Returns
    -------
    xarray.Dataset
        Variables of `tunbp.schema`; a measured one has its 95 % interval in the attributes `low` and `high`, and the
        number of samples in `samples`. What `sent = delivered + dropped_ring + queued` counts are packets handed to
        the device in traced windows.
    """
    columns: dict[str, Any] = {**_series(analysis), **_distributions(analysis), **_totals(analysis)}
    recording, settings = analysis.recording, analysis.recording.settings
    judged = verdict(analysis)
    return schema.describe(
        xr.Dataset(
            columns,
            coords={"position": list(POSITIONS), "probability": list(PROBABILITIES)},
            attrs={
                "tool": "tunbp lab probe",
                "version": tunbp.__version__,
                "host": os.uname().nodename,
                "kernel": f"Linux {os.uname().release}",
                "command": f"tunbp lab probe {settings.name}",
                "start": utc(recording.started),
                "sha256": "",
                "warnings": "\n".join(recording.warnings),
                "device": settings.name,
                "reader": recording.reader.name,
                "qdisc": settings.qdisc,
                "full_ring": f"{judged.answer}: {judged.why}",
            },
        )
    )


def _series(analysis: Analysis) -> dict[str, Any]:
    times, values, _ = analysis.ring.occupancy
    first = analysis.blocks.edges[0, 0] if analysis.blocks.count else 0
    pauses, bursts = analysis.service.pauses, analysis.arrivals.bursts
    return {
        "time": ("time", times, {"units": "s", "long_name": schema.DIMS["time"]}),
        "ring_occupancy": ("time", values),
        "pause_start": ("pause", (pauses.begin - first) / 1e9),
        "pause_length": ("pause", pauses.length),
        "pause": ("pause", np.array(CAUSES, np.str_)[pauses.cause], {"long_name": schema.DIMS["pause"]}),
        "burst_start": ("burst", (bursts.begin - first) / 1e9),
        "burst_size": ("burst", bursts.size),
        "burst_duration": ("burst", bursts.duration),
    }


def _distributions(analysis: Analysis) -> dict[str, Any]:
    service, arrivals = analysis.service, analysis.arrivals
    by_position = service.service_by_position()
    served = service.reads.length[service.served & (service.reads.writes == 0)]
    over = {
        "service_time_quantile": served,
        "reader_wake_latency_quantile": service.reads.latency[service.reads.slept],
        "ack_gap_quantile": arrivals.ack_gaps[0],
        "queue_wait_quantile": analysis.ring.queue_wait[0],
        "write_run_quantile": service.write_runs,
        "read_run_quantile": service.read_runs,
    }
    quantiles = {
        name: (
            "probability",
            np.quantile(values, PROBABILITIES) if values.size else np.full(len(PROBABILITIES), np.nan),
        )
        for name, values in over.items()
    }
    ends = {"low": [e.low for e in by_position.values()], "high": [e.high for e in by_position.values()]}
    return {"service_time": ("position", [e.value for e in by_position.values()], ends), **quantiles}


def _totals(analysis: Analysis) -> dict[str, Any]:
    service, arrivals, ring = analysis.service, analysis.arrivals, analysis.ring
    measured: Mapping[str, Estimate] = {
        "reader_rate": service.service_time().inverse(),
        "processor_service_time": service.processor_time,
        "ack_cost": service.ack_cost,
        "reader_wake_latency": service.wake_latency,
        "pause_rate": service.pause_rate(),
        "pause_mean": service.pause_mean(),
        "burst_rate": arrivals.burst_rate,
        "packets_per_ack": arrivals.packets_per_ack,
        "sent_packet_rate": arrivals.offered_rate,
        "transmitted_rate": arrivals.read_rate,
        "ring_drop_fraction": ring.drop_fraction,
        "ring_sojourn": ring.ring_sojourn,
        "tracing_rate_change": analysis.rate_change,
        "tracing_cost_change": analysis.cost_change,
    }
    reasons = {**ring.drops, **{f"qdisc {name}": count for name, count in ring.qdisc_drops.items()}}
    totals: dict[str, Any] = {
        name: ((), found.value, {"low": found.low, "high": found.high, "samples": found.count})
        for name, found in measured.items()
    }
    totals |= {name: ((), count) for name, count in ring.accounts().items()}
    totals |= {
        "duration": ((), float(analysis.blocks.seconds.sum())),
        "txqueuelen": ((), analysis.recording.settings.ring),
        "ring_occupancy_peak": ((), ring.peak),
        "dropped_qdisc": ((), sum(ring.qdisc_drops.values())),
        "wake_cycles": ((), ring.wakes),
        "ack_share": ((), arrivals.ack_share),
    }
    if reasons:
        totals["queue"] = ("queue", np.array(list(reasons), np.str_))
        totals["drop_events"] = ("queue", list(reasons.values()))
    return totals
