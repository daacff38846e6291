"""The table of qdiscs: limits as of the kernel, and what the laboratory uses without a model."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import xarray as xr

from tunbp import Scenario, simulate
from tunbp.errors import ScenarioError
from tunbp.evidence.live import measurement
from tunbp.model.engines.packets.batch import run
from tunbp.model.fields import FIELDS
from tunbp.model.qdiscs import CODEL_INTERVAL, CODEL_TARGET, NOT_SIMULATED, QDISCS, codel_times, fact, qdisc_limit


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("noqueue", 0),
        ("pfifo", 700),
        ("pfifo_fast", 700),
        ("fq_codel", 10240),
        ("fq", 100),
        ("cake", 6799),
        ("netem", 1000),
    ],
)
def test_a_qdisc_holds_what_the_kernel_lets_it_hold_unless_it_is_told(name: str, limit: int) -> None:
    assert qdisc_limit(name, None, 700, 1448) == limit
    assert qdisc_limit(name, np.nan, 700, 1448) == limit
    assert qdisc_limit(name, 5, 700, 1448) == (0 if name == "noqueue" else 5)


def test_limits_broadcast() -> None:
    found = qdisc_limit(["pfifo", "fq_codel"], [np.nan, 9], [[10], [20]], 1448)
    assert found.tolist() == [[10, 9], [20, 9]]


def test_packets_of_64_kb_fill_the_memory_of_fq_codel_before_its_limit_of_packets() -> None:
    assert qdisc_limit("fq_codel", None, 500, 45 * 1448) == 508  # kernel_facts 9: about 500 packets of 64 KB
    assert qdisc_limit("fq_codel", 100, 500, 45 * 1448) == 100
    assert qdisc_limit("pfifo", 1000, 500, 45 * 1448) == 1000


@pytest.mark.parametrize("engine", ["fluid", "packets"])
@pytest.mark.filterwarnings("ignore:fluid engine")
def test_a_full_qdisc_of_64_kb_packets_holds_no_more_than_its_memory(engine: str) -> None:
    video = Scenario(
        driver="backpressure", qdisc="fq_codel", source="frames", frame_rate=60.0, frame_packets=2000,
        iframe_packets=40_000, iframe_every=30, gso_segments=45, drain_rate=1e3, rtt=0.01, ring=500, duration=10.0,
    )  # fmt: skip
    found = simulate(video, engine)
    assert float(found.dropped_qdisc) > 1e6
    assert 508 * 45 < float(found.queued) <= (508 + 501) * 45


def test_facts_are_columns_of_the_rows() -> None:
    assert fact(list(QDISCS), "attached").tolist() == [name != "noqueue" for name in QDISCS]
    assert fact(["pfifo", "fq_codel"], "codel").tolist() == [False, True]


def test_a_scenario_takes_every_row_and_nothing_that_is_not_simulated() -> None:
    assert FIELDS["qdisc"].choices == tuple(QDISCS)
    assert not QDISCS.keys() & NOT_SIMULATED.keys()
    assert "txqueuelen for pfifo, txqueuelen for pfifo_fast, 10240 for fq_codel" in FIELDS["qdisc_limit"].none


# ---- fq: a queue of 100 packets per flow, and the pace of local TCP (net/sched/sch_fq.c)

ENGINES = ["fluid", "packets"]
LONG = {"drain_rate": 60e3, "rtt": 0.12, "ring": 100, "receive_window": 20e6, "duration": 30.0, "warmup": 5.0}
"""A path whose window is many times the ring: 7,200 packets in flight."""


def rate(engine: str, **fields: object) -> float:
    return float(simulate(Scenario(**{**LONG, **fields}), engine).received_rate)


@pytest.mark.parametrize("engine", ENGINES)
def test_fq_lets_a_local_window_through_a_ring_that_is_a_fraction_of_it(engine: str) -> None:
    paced, unpaced = rate(engine, qdisc="fq"), rate(engine, qdisc="fq_codel")
    assert paced > 2.0 * unpaced


@pytest.mark.parametrize("engine", ENGINES)
def test_fq_does_not_pace_what_it_forwards(engine: str) -> None:
    forwarded = {"origin": "forwarded"}
    assert rate(engine, qdisc="fq", **forwarded) == rate(engine, qdisc="pfifo", **forwarded)


def test_the_first_window_comes_as_one_burst_and_the_second_only_without_a_pace() -> None:
    windows = {**LONG, "burst_rate": 1e6, "warmup": 0.0}
    fullest = {}
    for trips, sent in ((1, 10), (2, 30)):
        found = [run({**windows, "qdisc": name, "duration": 0.115 * trips}) for name in ("pfifo", "fq")]
        assert [each["sent"] for each in found] == [sent, sent]
        fullest[trips] = [each["max_ring_occupancy"] for each in found]
    assert fullest[1] == [10, 10]
    assert fullest[2][0] > fullest[2][1] == 10


@pytest.mark.parametrize(("streams", "held"), [(1, 100), (3, 300)])
def test_fq_holds_a_hundred_packets_of_each_flow(streams: int, held: int) -> None:
    flood = Scenario(
        driver="7.3", qdisc="fq", source="open", origin="forwarded", offered_rate=1e5, streams=streams, ring=10,
        drain_rate=10.0, duration=0.05,
    )  # fmt: skip
    found = simulate(flood, "packets")
    assert float(found.queued) == held + 10 + 1  # ring, and the one in service
    assert float(found.dropped_qdisc) == float(found.sent) - float(found.queued)


# ---- cake: fq_codel's queues behind a shaper, GSO packets cut (net/sched/sch_cake.c)


def shaped(engine: str, **fields: object) -> xr.Dataset:
    return simulate(Scenario(**{**LONG, "qdisc": "cake", "qdisc_rate": 5e3, "rtt": 0.02, **fields}), engine)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("driver", ["stock", "7.3"])
@pytest.mark.parametrize("origin", ["local", "forwarded"])
def test_a_shaper_below_the_reader_keeps_the_ring_empty_whatever_the_driver_does(
    engine: str, driver: str, origin: str
) -> None:
    found = shaped(engine, driver=driver, origin=origin)
    assert float(found.received_rate) == pytest.approx(5e3 * 1448 * 8, rel=0.03)
    assert float(found.received_rate) <= 5e3 * 1448 * 8 * 1.0001
    assert float(found.dropped_ring) == 0
    assert float(found.ring_sojourn) < 1e-4
    assert 0.5e-3 < float(found.qdisc_sojourn) < 0.02


@pytest.mark.parametrize("engine", ENGINES)
def test_a_shaper_passes_its_rate_of_a_flood_and_its_queue_holds_four_megabytes(engine: str) -> None:
    found = shaped(engine, source="open", offered_rate=20e3, origin="forwarded", warmup=0.0)
    assert float(found.delivered) == pytest.approx(5e3 * 30.0, rel=1e-3)
    assert float(found.dropped_ring) == 0
    assert float(found.queued) == pytest.approx(4 * 2**20 // (1448 + 832), abs=3)


def test_pktgen_bypasses_the_shaper() -> None:
    found = shaped("packets", source="pktgen", offered_rate=20e3)
    assert float(found.received_rate) == pytest.approx(20e3 * 1448 * 8, rel=1e-3)


def test_cake_cuts_packets_of_64_kb_and_fq_codel_does_not() -> None:
    cut, whole = (rate("packets", qdisc=name, gso_segments=45) for name in ("cake", "fq_codel"))
    assert cut == rate("packets", qdisc="cake")
    assert whole > 1.5 * cut


def test_heads_that_a_full_fq_codel_drops_take_their_wait_with_them_and_no_more() -> None:
    """What gets through waits as long in the fluid engine, however many are dropped around it."""
    full = Scenario(
        driver="7.3", qdisc="fq_codel", qdisc_limit=100, ring=20, drain_rate=50e3, burst_rate=2e6, rtt=1e-3,
        source="open", offered_rate=xr.DataArray([100e3, 400e3], dims="load"), duration=2.0, warmup=1.0,
    )  # fmt: skip
    fluid, packets = (simulate(full, engine=engine)["qdisc_sojourn"] for engine in ENGINES)
    assert fluid.to_numpy() == pytest.approx(packets.to_numpy(), rel=0.12)
    # a limit of half a ring's time, where what is dropped is most
    short = simulate(full.replace(qdisc_limit=10, offered_rate=5e6))
    assert float(short["qdisc_sojourn"]) > 0.0


def test_a_rate_is_refused_where_the_qdisc_does_not_shape() -> None:
    with pytest.raises(ScenarioError, match="qdisc_rate: fq_codel does not shape; qdiscs that do: cake"):
        Scenario(qdisc="fq_codel", qdisc_rate=1e3)
    mixed = xr.DataArray(["pfifo", "cake"], dims="q")
    with pytest.raises(ScenarioError, match="pfifo does not shape"):
        Scenario(qdisc=mixed, qdisc_rate=1e3)
    assert Scenario(qdisc=mixed, qdisc_rate=xr.DataArray([np.nan, 1e3], dims="q"))


def test_codel_is_patient_where_a_packet_takes_longer_than_its_target() -> None:
    assert codel_times(np.nan) == (CODEL_TARGET, CODEL_INTERVAL)
    assert codel_times(100e3) == (CODEL_TARGET, CODEL_INTERVAL)
    target, interval = codel_times(100.0)  # 10 ms a packet: 4 of them; 100 ms and 1.5 packets less 5 ms
    assert (float(target), float(interval)) == pytest.approx((0.04, 0.11))


# ---- CoDel against the kernel: UDP into a reader of 2,000 packets/s, blocked by its socket buffer


@pytest.fixture(scope="module")
def rings() -> xr.Dataset:
    """The laboratory's runs of a slow reader behind a ring."""
    return measurement("ring")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("ring", "qdisc"), [(25, "fq_codel"), (100, "fq_codel"), (500, "fq_codel"), (500, "fq")])
def test_codel_drops_of_udp_what_linux_was_seen_to_drop(rings: xr.Dataset, engine: str, ring: int, qdisc: str) -> None:
    runs = rings.sel(run=(rings["cell"] == f"steady-ring{ring}-{qdisc}").values & (rings["variant"] != "stock").values)
    measured = runs["dropped_qdisc"].median()
    sent_by = Scenario(
        driver="7.3", qdisc=qdisc, ring=ring, source="open", offered_rate=float(runs["offered_rate"][0]),
        drain_rate=float(runs["reader_rate"][0]), mss=float(runs["size"][0]), burst_rate=1e5, rtt=1e-3,
        send_buffer=212992 / (1400 + 832 + 28) * 1400,  # net.core.wmem_default, in memory of packets of 1400 bytes
        duration=float(runs["duration"].median()),
    )  # fmt: skip
    found = float(simulate(sent_by, engine).dropped_qdisc)
    assert found == pytest.approx(float(measured), rel=0.25, abs=0.5)


def test_nothing_warns_of_many_flows_that_fq_has_room_for() -> None:
    many = Scenario(**{**LONG, "duration": 1.0, "warmup": 0.0}, driver="7.3", qdisc="fq", streams=64)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        simulate(many)  # 100 packets of each of 64, and the ring
