"""Your path: predictions, advice and what a trace tells."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from tunbp.evidence import prediction
from tunbp.model.scenario import Scenario

VPN = Scenario(driver="7.3", rtt=0.12, ring=100, ack_interval=0.01, receive_window=3e6, wake_cost=5e-6,
               duration=20.0, warmup=5.0)  # fmt: skip


@pytest.fixture(scope="module")
def vpn():
    return prediction.predict(VPN, [10, 1000], seeds=1)


def test_a_vpn_over_a_long_path_is_told_to_set_the_flag_and_to_raise_the_window(vpn):
    advice = prediction.advise(VPN, vpn)
    assert advice.set_flag
    assert advice.rate > 5 * advice.stock_rate
    assert advice.bound == "receive window"
    assert "tcp_rmem" in advice.more
    assert advice.more_rate > 1.5 * advice.best_rate
    assert str(advice).startswith("Set IFF_BACKPRESSURE: ")


def test_the_advised_ring_is_small_but_costs_a_saturated_reader_no_wakes():
    result = prediction.predict(VPN, [1, 10, 50, 1000], seeds=1)
    rate, capacity = (result[name].sel(variant="backpressure") for name in ("received_rate", "wake_cycle_bound"))
    # the path is the limit: one packet carries as much as a thousand, but not once the reader is
    assert float(rate.sel(ring=1).squeeze()) == pytest.approx(float(rate.sel(ring=1000).squeeze()), rel=0.01)
    assert float(capacity.sel(ring=1) / capacity.sel(ring=1000)) < 0.9
    assert prediction.advise(VPN, result, more=False).ring == 50


def test_without_a_qdisc_the_advice_is_to_attach_one(vpn):
    advice = prediction.advise(VPN.replace(qdisc="noqueue"), vpn, more=False)
    assert not advice.set_flag
    assert "attach one first" in str(advice)


def test_backpressure_that_costs_is_advised_against(vpn):
    costs = vpn.assign(received_rate=vpn["received_rate"].sel(variant=["backpressure", "stock"]).assign_coords(
        variant=["stock", "backpressure"]))  # fmt: skip
    assert "Do not set IFF_BACKPRESSURE" in str(prediction.advise(VPN, costs, more=False))


def test_the_scenarios_own_ring_is_predicted_too(vpn):
    assert vpn["ring"].to_numpy().tolist() == [10, 100, 1000]
    assert vpn["binding_bound"].dims == ("variant", "ring")


def run(**changes):
    values = {"received_rate": 200e6, "mean_rtt": 0.122, "min_rtt": 0.12, "mss": 1448.0, "cpu_host": 0.1,
              "total_retransmits": 0.0, **changes}  # fmt: skip
    series = {"snd_wnd": ("time", np.full(5, 3.3e6)), "cwnd": ("time", np.full(5, 9e6))}
    return xr.Dataset({**values, **series}, attrs={"congestion": "cubic"})


def test_a_window_limited_trace_tells_rtt_and_window_but_not_the_reader():
    read = prediction.from_trace(run(), Scenario(driver="7.3"))
    assert read.bound == "receive window"
    assert read.scenario.rtt == 0.12
    assert read.scenario.receive_window == pytest.approx(200e6 * 0.122 / 8)
    assert read.scenario.drain_rate == 60e3
    assert any("reader" in line for line in read.assumed)


def test_a_trace_with_a_busy_processor_tells_the_readers_speed():
    read = prediction.from_trace(run(cpu_host=0.98), Scenario(driver="7.3"))
    assert read.scenario.drain_rate == pytest.approx(200e6 / 8 / 1448)
