"""What held a measured run: the kernel's own word, the tool's setting, windows, processor, queue, the loss law."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tunbp.evidence.datasets import nodrop
from tunbp.evidence.iperf3_runs import _as_trace
from tunbp.traces import open_trace
from tunbp.traces.limit import PATH, UNKNOWN, forward_streams, limit_of, limits_of, threads

from .test_checks import run

FIXTURES = Path(__file__).parent / "fixtures"


def sawtooth(**changes):
    """CUBIC at 4.5 Mbit/s over 100 ms, cwnd followed, one loss in 1000 segments: what the loss law gives."""
    seconds, rate = 60, 4.5e6
    again = np.zeros(seconds)
    segments = rate * seconds / 8 / 1448
    again[: int(segments / 1000)] = 1
    totals = {
        "received_rate": rate, "sent_rate": rate, "duration": 60.0, "mss": 1448.0, "retransmits": again,
        "total_retransmits": again.sum(), "cwnd": np.full(seconds, 57e3), "throughput": np.full(seconds, rate),
    }  # fmt: skip
    return run(**{**totals, **changes})


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, UNKNOWN),
        ({"set_rate": 100e6}, "rate set in the tool"),
        ({"cpu_remote": 1.0}, "processor"),
        ({"snd_wnd": np.full(60, 1.4e6), "cwnd": np.full(60, 9e6)}, "receive window"),
        # on a short path any bottleneck fills the window
        ({"snd_wnd": np.full(60, 1.4e6), "cwnd": np.full(60, 9e6), "min_rtt": 1e-3}, UNKNOWN),
        ({"cwnd": np.full(60, 3e6)}, "send buffer or application"),
        ({"cwnd": np.full(60, 3e6), "send_buffer": 2.4e6}, "send buffer"),
        ({"mean_rtt": 0.2, "cwnd": np.full(60, 2.6e6)}, "rate of the path"),
        ({"protocol": "UDP", "total_packets": 1e4, "total_lost_packets": 9860.0, "set_rate": 100e6}, "loss"),
    ],
)
def test_what_held_a_run_is_named(changes, name):
    assert limit_of(run(**changes)).name == name


def test_loss_holds_a_run_only_where_the_loss_law_gives_its_rate():
    assert limit_of(sawtooth()).name == "loss"
    few = np.zeros(60)
    few[:2] = 1
    # two segments in 131 GB are no limit
    assert limit_of(run(total_retransmits=2.0, retransmits=few, mss=1448.0, duration=60.0)).name == UNKNOWN
    assert limit_of(sawtooth(mean_rtt=0.2, cwnd=np.full(60, 114e3), min_rtt=0.05)).name == "rate of the path"
    assert limit_of(sawtooth(congestion="bbr")).name == UNKNOWN


def test_the_kernels_own_word_comes_first():
    counted = {"socket_busy_time": 100.0, "socket_rwnd_limited_time": 80.0, "socket_sndbuf_limited_time": 1.0}
    assert limit_of(run(cpu_remote=1.0, **counted)).name == "receive window"
    assert "80 %" in limit_of(run(**counted)).reason
    assert limit_of(run(**{**counted, "socket_rwnd_limited_time": 30.0})).name == UNKNOWN


def test_the_processor_use_of_a_threaded_iperf3_is_that_of_one_thread():
    several = run(cpu_host=1.2, version="3.17.1").expand_dims(stream=4)
    several = several.assign({name: several[name].isel(stream=0) for name in several if not several[name].dims[1:]})
    assert threads(several) == 4
    assert limit_of(several).name != "processor"
    assert limit_of(several.assign_attrs(version="3.15")).name == "processor"


def test_the_measured_runs_are_attributed_as_their_counters_tell():
    runs = nodrop()
    held = {name: limit_of(_as_trace(runs.sel(run=name))).name for name in runs["run"].values}
    delayed = {name for name in held if "60ms" in name or "120ms" in name}
    lossy = {"tap-1000-120ms-stock", "tap-1000-60ms-stock"}
    assert {held[name] for name in delayed - lossy} == {"receive window"}
    assert {held[name] for name in lossy | {"tap-1-0ms-stock", "tap-10-0ms-stock", "vhost-1-0ms-stock"}} == {"loss"}
    assert {held[name] for name in held if name.startswith(("vhost-10", "tap-1000")) and "-0ms" in name} == {
        "processor"
    }
    assert UNKNOWN not in held.values()


def test_a_file_without_a_rate_is_unknown():
    assert limit_of(xr.Dataset({"rtt": ("time", [0.1, 0.2])})).name == UNKNOWN


def test_runs_side_by_side_are_judged_one_by_one():
    both = xr.concat([run(cpu_remote=1.0), run(set_rate=100e6)], "run", data_vars="all").assign_coords(run=["a", "b"])
    assert limits_of(both).to_series().to_dict() == {"a": "processor", "b": "rate set in the tool"}


def test_every_limit_says_when_it_is_named():
    from tunbp.traces import limit

    names = {v for k, v in vars(limit).items() if k.isupper() and isinstance(v, str)}
    assert names == set(limit.NAMES)


def test_udp_that_a_full_queue_held_back_is_no_loss_and_no_set_rate():
    found = limit_of(open_trace(FIXTURES / "iperf3_udp_held_back.json"))
    assert found.name == PATH
    assert "80 Mbit/s were asked for (-b), 48.74 Mbit/s were taken" in found.reason


def test_sockets_that_another_tool_saw_are_no_streams_of_the_run(tmp_path):
    for name in ("iperf3_tcp.json", "ss_limited.txt"):
        (tmp_path / name).write_bytes((FIXTURES / name).read_bytes())
    assert open_trace(tmp_path).sizes["stream"] > 1
    assert forward_streams(open_trace(tmp_path)) == 1
    assert forward_streams(open_trace(FIXTURES / "iperf3_parallel_omit.json")) > 1
    assert forward_streams(open_trace(FIXTURES / "bottleneck.pcap")) == 1
