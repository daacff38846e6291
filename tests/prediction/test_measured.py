"""What a measured run tells a prediction, and when it tells too little."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from tunbp.evidence.datasets import nodrop
from tunbp.prediction.measured import read_run
from tunbp.prediction.path import Path
from tunbp.traces import open_trace


def run(**changes):
    values = {"received_rate": 200e6, "mean_rtt": 0.122, "min_rtt": 0.12, "mss": 1448.0, "cpu_host": 0.1,
              "total_retransmits": 0.0, "duration": 30.0, **changes}  # fmt: skip
    series = {"snd_wnd": ("time", np.full(5, 3.3e6)), "cwnd": ("time", np.full(5, 9e6))}
    return xr.Dataset({**values, **series}, attrs={"congestion": "cubic"})


def with_device(dataset, dropped, sent=500_000, name="tun0"):
    counters = {"txqueuelen": 500, "tx_packets": sent, "tx_dropped": dropped}
    device = xr.Dataset(
        {key: ("queue", [value]) for key, value in counters.items()}, coords={"device": ("queue", [name])}
    )
    return xr.merge([dataset, device]).assign_attrs(congestion="cubic", difference="second snapshot minus first")


def test_a_run_tells_rtt_window_and_what_it_carried():
    told = read_run(run(), {})
    assert told.cannot == ""
    assert told.fields["rtt"] == 0.12
    assert told.fields["receive_window"] == pytest.approx(200e6 * 0.122 / 8)
    assert told.runs[0].values == pytest.approx({"received_rate": 200e6, "queueing": 0.002, "resent": 0.0})


def test_the_program_s_processor_time_tells_what_a_packet_costs_where_packets_are_what_it_is_busy_with():
    packets = 200e6 * 30.0 / 8 / 1448
    busy = read_run(run(reader_cpu=7e-6 * packets), {})
    assert busy.runs[0].values["reader_cost"] == pytest.approx(7e-6)
    assert "7 µs of the tunnel program's processor time for a packet" in str(busy)
    assert "reader_cost" not in read_run(run(reader_cpu=0.09 * 30.0), {}).runs[0].values


def test_the_ring_and_its_drops_are_those_of_the_tunnel_s_device():
    told = read_run(with_device(run(total_retransmits=900.0), 900), {})
    assert (told.fields["ring"], told.device) == (500, "tun0")
    assert told.runs[0].values["drop_fraction"] == pytest.approx(900 / 500_900)
    assert told.cannot == ""


def test_of_a_run_that_this_end_received_the_ring_is_not_the_one_beside_it():
    told = read_run(with_device(run(), 900).assign_attrs(direction="reverse"), {})
    assert "ring" not in told.fields
    assert "drop_fraction" not in told.runs[0].values
    assert "the far end's" in str(told)


def test_of_a_queue_without_a_drop_it_is_said_what_tells_the_link_from_the_program():
    said = read_run(run(received_rate=20e6, mean_rtt=0.17), {}).cannot
    assert "the link or of the tunnel's program, this file cannot tell. `iperf3 -c OUTSIDE` past" in said
    assert "`top -H`" in said


@pytest.mark.parametrize(
    ("dataset", "given", "says"),
    [
        (run().drop_vars(["mean_rtt", "min_rtt"]), {}, "no RTT in this file"),
        (run().drop_vars("received_rate"), {"rtt": 0.1}, "no rate in this file"),
        (with_device(run(total_retransmits=900.0), 3), {}, "random loss on the path"),
        (run(mean_rtt=0.6), {}, "the link holds this run, not the ring"),
        (run(received_rate=20e6, mean_rtt=0.17), {}, "a rate holds this run, not drops of the ring"),
        (run(sent_rate=200e6, set_rate=200e6), {}, "the rate was set"),
        (run().assign_attrs(protocol="UDP"), {}, "a run of UDP, of which 200 Mbit/s arrived"),
        (run(duration=0.3), {}, "the run took 300 ms: it ended in slow start"),
        (
            xr.concat([run(), run(mean_rtt=0.032, min_rtt=0.03)], "run"),
            {},
            "these are runs of several paths: --rtt 30 ms",
        ),
        (xr.concat([run(), run()], "run"), {"rtt": 0.3}, "none of the 2 runs was made with rtt 0.3"),
        (
            xr.concat([run(mean_rtt=0.6), run(mean_rtt=0.6)], "run"),
            {},
            "none of the 2 runs can be reproduced: the link",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_predicted_is_said(dataset, given, says):
    assert read_run(dataset, given).cannot.startswith(says)


def test_what_waits_behind_a_rate_is_told_how_it_waits_less():
    for rate in (20e6, 200e6):
        said = read_run(run(received_rate=rate, mean_rtt=0.17), {}).cannot
        cake = f"CAKE a little below that rate ({rate / 1e6:.0f} Mbit/s of payload) shortens the wait"
        assert "Neither a longer ring nor the flag helps then." in said
        assert cake in said
        assert ("If it is the link: CAKE" in said) is (rate == 20e6)  # 1.25 MB are more than the ring holds
        assert f"cake bandwidth {0.95 * rate / 1e3:.0f}kbit`" in said


def test_what_is_given_need_not_be_in_the_file():
    assert read_run(run().drop_vars(["mean_rtt", "min_rtt"]), {"rtt": 0.12}).cannot == ""


def test_a_raw_run_of_98_mbit_s_is_reproduced_before_anything_is_predicted():
    runs = nodrop()
    place = [
        f"{d}-{r}-{v}"
        for d, r, v in zip(runs["device"].values, runs["ring"].values, runs["variant"].values, strict=True)
    ]
    long = (runs["rtt_label"].to_numpy() > 0.1) & (np.array(place) == "tap-1000-stock")
    one = runs.isel(run=int(np.flatnonzero(long)[0])).drop_vars("run", errors="ignore")
    path = Path("qemu-tap")
    path.hear(read_run(one, {}))
    path.take({"ring": 1000, "duration": 20.0, "warmup": 4.0}, "given")
    assert path.told.cannot == ""
    found = path.predict([1000], 64)
    q = found.quantiles("received_rate", 1000, "stock")
    assert q["low90"] < float(one.received_rate) < q["high90"]
    assert q["high90"] / q["low90"] < 2.5
    assert found.fit.reproduced


def test_a_fixture_of_one_run_opens_as_a_path():
    path = Path()
    path.hear(read_run(open_trace("tests/traces/fixtures/iperf3_tcp.json"), {}))
    assert path.sources["rtt"] == "trace"
