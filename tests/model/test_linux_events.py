"""Single events of TCP as Linux has them (`tools/linux_events`, kernel 6.18) beside those of both engines.

The recordings' constants are known, so nothing is fitted. Their tolerances: what the machine's disturbances and the
sampling of a window between two ACKs leave open, 2 to 5 % of a window, and 10 ms of Linux' timers twice over.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from tunbp import Scenario, simulate
from tunbp.model.congestion import cubic

FOLDER = Path(__file__).parent / "linux_events"
MSS = 1448.0
BOTH = pytest.mark.parametrize("engine", ["fluid", "packets"])


@dataclass(frozen=True)
class Recording:
    """What Linux did: the window at each kept ACK, and the packets that were missing at the reader or sent again."""

    case: dict[str, Any]
    acks: pd.DataFrame
    missing: list[tuple[float, int]]
    resent: list[float]
    backlog: list[tuple[float, int]]

    def at(self, column: str, time: float) -> float:
        return float(np.interp(time, self.acks["time"], self.acks[column]))


def recorded(name: str) -> Recording:
    story = json.loads((FOLDER / f"{name}.json").read_text())
    return Recording(
        story["case"], pd.read_csv(FOLDER / f"{name}.csv"), story["missing"], story["resent"], story.get("backlog", [])
    )


def modelled(case: dict[str, Any], engine: str, interval: float = 0.01, **fields: Any) -> xr.Dataset:
    """The same path; the device's own delay (0.3 ms of the smallest RTT) is part of the recorded RTT."""
    window = (case["window"] or 30_000) * MSS
    scenario = Scenario(driver="stock", qdisc="pfifo_fast", ring=case["ring"], drain_rate=case["rate"],
                        burst_rate=400e3, rtt=case["rtt"] + 3e-4, mss=MSS, congestion=case["congestion"],
                        receive_window=window, duration=case["seconds"], warmup=0.0, interval=interval)  # fmt: skip
    return simulate(scenario.replace(**fields), engine=engine)


def window(run: xr.Dataset, time: float) -> float:
    return float(run["cwnd"].interp(time=time)) / MSS


LOSING = {
    "cubic_epoch": (3000, 1, 250_000, 223522),
    "recovery": (1500, 20, 16_000, 2773908),
    "tail_loss_probe": (101, 10, 300, 18962),  # a window of 10
    "timeout": (101, 11, 300, 15347),  # and the probe
}
"""First packet that is lost, how many are, how many get through after them at least, and the seed with whose random
losses the packets engine does that (found by trying)."""


def losing(name: str) -> dict[str, Any]:
    """Fields with which the packets engine loses those packets."""
    first, count, clean, seed = LOSING[name]
    return {"path_loss": count / (first + clean + count), "path_loss_burst": float(count), "seed": seed}


@BOTH
@pytest.mark.parametrize(("name", "leaves"), [("slow_start_exit", 0.30), ("slow_start_exit_long", 0.85)])
def test_hystart_ends_slow_start_at_linuxs_window_and_then_it_grows_by_5_percent_per_rtt(
    name: str, leaves: float, engine: str
) -> None:
    linux = recorded(name)
    run = modelled(linux.case, engine)
    threshold = linux.acks["ssthresh"][linux.acks["ssthresh"] > 0].iloc[0]
    assert window(run, leaves) == pytest.approx(threshold, rel=0.05)
    for time in np.linspace(leaves, linux.case["seconds"] - 0.05, 6):
        assert window(run, time) == pytest.approx(linux.at("cwnd", time), rel=0.05)
    # the rule of CUBIC (RFC 9438) alone would stay within a segment of the threshold
    assert window(run, linux.case["seconds"] - 0.05) > 1.7 * threshold


@BOTH
def test_a_full_ring_cuts_slow_start_once_and_recovery_holds_the_window(engine: str) -> None:
    linux = recorded("slow_start_overshoot")
    run = modelled(linux.case, engine)
    first = [(time, count) for time, count in linux.missing if time < 1.0]
    lost = float(run["retransmits"].cumsum("time").interp(time=1.0))
    assert lost == pytest.approx(sum(count for _, count in first), rel=0.15)
    for time in (0.45, 0.6, 1.0, 1.5, 2.0):
        assert window(run, time) == pytest.approx(linux.at("cwnd", time), rel=0.05)


def test_cubic_stays_at_the_window_of_its_loss_and_then_grows_beyond_it() -> None:
    """The rule alone, from the reduction that Linux made on: in which round of slow start a ring of 50 overflows
    depends on the phase of its freed slots, so an engine's own run has another window there."""
    linux = recorded("cubic_overflow")
    rtt, reduced = linux.case["rtt"] + 3e-4, float(linux.acks["ssthresh"][linux.acks["ssthresh"] > 0].iloc[0])
    at = float(linux.acks["time"][linux.acks["ssthresh"] > 0].iloc[0])
    cwnd, wmax, k = cubic.loss(reduced / cubic.BETA, 0.0)
    assert cwnd == pytest.approx(reduced)
    west, time = cwnd, at + rtt
    for checked in (1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0):  # the recording was disturbed by others from 13 s on
        while time < checked:
            cwnd, west = cubic.growth(cwnd, west, cwnd, time - at, k, wmax)
            time += rtt
        assert cwnd == pytest.approx(linux.at("cwnd", checked), rel=0.04)


def test_the_cubic_of_a_single_random_loss_is_linuxs() -> None:
    linux = recorded("cubic_epoch")
    run = modelled(linux.case, "packets", interval=0.05, **losing("cubic_epoch"))
    assert float(run["total_retransmits"]) == len(linux.resent) == 1
    for time in (0.6, 1.0, 2.0, 4.0, 6.0, 8.0, 11.0):
        assert window(run, time) == pytest.approx(linux.at("cwnd", time), rel=0.02)


def test_reno_halves_its_window_once_for_twenty_packets_and_sends_each_again_once() -> None:
    linux = recorded("recovery")
    run = modelled({**linux.case, "seconds": 1.0}, "packets", **losing("recovery"))
    assert float(run["total_retransmits"]) == len(linux.resent) == 20
    assert float(run["loss_events"]) == 1
    for time in (0.5, 0.75, 0.99):
        assert window(run, time) == pytest.approx(linux.at("cwnd", time), rel=0.02)


def taken(run: xr.Dataset) -> np.ndarray:
    """Times at which the model's reader took something."""
    return run["time"].values[run["throughput"].values > 0]


def test_where_nothing_follows_a_loss_a_probe_does_after_two_smoothed_rtts() -> None:
    linux = recorded("tail_loss_probe")
    run = modelled(linux.case, "packets", interval=1e-3, **losing("tail_loss_probe"))
    assert float(run["timeouts"]) == float(run["loss_events"]) == 1
    assert float(run["total_retransmits"]) == len(linux.resent) == 10
    # from the last ACK before the silence to the first packet sent again, one RTT after the probe
    acks = linux.acks["time"].to_numpy()
    waited = linux.resent[0] - acks[acks < linux.resent[0] - 0.08][-1]
    again = run["time"].values[run["retransmits"].values > 0][0]
    probe = taken(run)[taken(run) < again - 0.04][-1]
    last = taken(run)[taken(run) < probe - 0.05][-1]
    assert again - last == pytest.approx(waited, abs=0.02)


def test_a_lost_probe_ends_in_a_timeout_that_starts_at_a_window_of_one() -> None:
    linux = recorded("timeout")
    run = modelled(linux.case, "packets", interval=1e-3, **losing("timeout"))
    # from the probe to the timeout; Linux' timers tick every 10 ms here, and its smoothed RTT is 8 ms longer
    assert np.diff(taken(run)).max() == pytest.approx(np.diff(linux.resent).max(), abs=0.03)
    assert float(run["cwnd"].min()) / MSS == linux.acks["cwnd"].min() == 1


@BOTH
@pytest.mark.parametrize("name", ["small_queue", "small_queue_fast"])
def test_a_local_sender_keeps_as_much_in_the_qdisc_as_linuxs_small_queue(name: str, engine: str) -> None:
    linux = recorded(name)
    settled = linux.acks[linux.acks["time"] > 1.0]
    carried = float(np.polyfit(settled["time"], settled["acked"], 1)[0])  # the token bucket's rate as it was kept
    run = modelled(linux.case, engine, qdisc="cake", qdisc_rate=carried)
    late = run["qdisc_backlog"].sel(time=slice(1.0, 5.8))
    seen = np.array([waiting for time, waiting in linux.backlog if 1.0 < time < 5.8])
    # whole blocks come and go; fluid ones do not, and its HyStart ends a round later
    assert float(late.mean()) == pytest.approx(seen.mean(), rel=0.2 if engine == "packets" else 0.45)
    assert float(run["dropped_qdisc"]) == 0 == float(run["dropped_ring"])
    if engine == "packets":
        assert window(run, 5.8) == pytest.approx(linux.at("cwnd", 5.8), rel=0.2)  # what holds it back is not the window
        low, high = np.quantile(seen, [0.05, 0.95])
        assert low - 2 <= float(late.quantile(0.05)) <= float(late.quantile(0.95)) <= high + 2
