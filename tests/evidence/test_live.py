"""Bundled live measurements and their blind prediction."""

import pytest

from tunbp.errors import DataError
from tunbp.evidence import live
from tunbp.lab.statistics import medians, verdicts


@pytest.fixture(scope="module")
def runs():
    return live.measurements()


def verdict(dataset, variable):
    table = verdicts(dataset, [variable])
    return dict(zip(table["cell"], table["with backpressure"], strict=True))


def test_the_bundled_measurements_ran_on_a_kernel_with_the_flag(runs):
    assert set(runs) == {"ring", "openvpn", "pktgen"}
    table = live.conditions(runs)
    assert table["kernel"].str.startswith("7.3").all()
    assert (table["repetitions"] >= 3).all()
    for dataset in runs.values():
        wanted = dataset["variant"].to_numpy() == "backpressure"
        assert ((dataset["tun_flags"].to_numpy() & 0x80 != 0) == wanted).all()


def test_every_packet_of_the_ring_runs_is_accounted_for(runs):
    left = runs["ring"]["unaccounted"].dropna("run")
    assert left.sizes["run"] > 100
    assert (left == 0).all()


def test_with_a_qdisc_and_one_sender_backpressure_never_drops_in_the_ring(runs):
    ring = runs["ring"]
    held = ring.sel(run=(ring["variant"].to_numpy() == "backpressure") & (ring["qdisc"].to_numpy() != "noqueue"))
    assert held.sizes["run"] >= 50
    assert (held["dropped_ring"] == 0).all()
    decided = verdict(ring, "ring_drop_fraction")
    assert all(decided[f"steady-ring{size}-fq_codel"] == "lower" for size in (25, 100, 500, 1000))


def test_noqueue_drops_as_before(runs):
    assert verdict(runs["ring"], "ring_drop_fraction")["steady-ring500-noqueue"] == "undecided"
    ring = runs["ring"]
    flagged = ring.sel(run=(ring["qdisc"].to_numpy() == "noqueue") & (ring["variant"].to_numpy() == "backpressure"))
    assert (flagged["dropped_ring"] > 1000).all()


def test_tcp_gains_with_a_small_ring_and_the_rest_is_undecided(runs):
    decided = verdict(runs["openvpn"], "received_rate")
    assert decided.pop("120ms-ring25-cubic-fq_codel") == "higher"
    assert set(decided.values()) == {"undecided"}


def test_a_prediction_knows_only_stock_runs_of_the_ring(runs):
    known = live.speeds(runs["ring"])
    assert 300 < known.drain_rate < 1500  # OpenVPN in an emulated machine
    assert known.burst_rate > 5 * known.drain_rate
    with pytest.raises(DataError, match="no stock runs of mode 'openvpn_speed'"):
        live.speeds(runs["ring"].sel(run=runs["ring"]["mode"].to_numpy() == "steady"))


def test_the_burst_law_orders_rings_and_vanishes_above_the_burst(runs):
    law = live.predict_bursts(runs["ring"]).set_index("ring")["drop_fraction"]
    assert law[25] > law[100] > law[500]
    assert law[1000] == 0


def test_the_blind_prediction_is_near_where_the_reader_bounds_tcp(runs):
    tunnel = runs["openvpn"]
    predicted = live.predict_tunnel(tunnel, live.speeds(runs["ring"]), seeds=1)
    table = live.against(medians(tunnel, "received_rate"), predicted, "received_rate")
    # the spread of repetitions is about a factor 2
    assert table.loc[table["ring"] == 500, "error"].abs().max() < 0.3
    errors = table[table["ring"] == 25].set_index("variant")["error"]
    assert abs(errors["backpressure"]) < 0.3
    assert errors["stock"] > 0.5  # it is not told of the reader's pauses


def test_a_folder_without_measurements_says_how_to_make_them(tmp_path):
    with pytest.raises(DataError, match="tunbp lab run ring"):
        live.measurements(tmp_path)
