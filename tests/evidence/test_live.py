"""Bundled live measurements and their blind prediction."""

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tunbp.errors import DataError
from tunbp.evidence import live
from tunbp.lab.statistics import compare, medians, verdicts
from tunbp.quantities import percent, show


@pytest.fixture(scope="module")
def runs():
    return live.measurements()


def verdict(dataset, variable):
    table = verdicts(dataset, [variable])
    return dict(zip(table["cell"], table["with backpressure"], strict=True))


def test_the_bundled_measurements_ran_on_a_kernel_with_the_flag(runs):
    runs = {name: runs[name] for name in ("ring", "openvpn", "pktgen")}
    table = live.conditions(runs)
    assert table["kernel"].str.startswith("7.3").all()
    assert (table["repetitions"] >= 5).all()
    for dataset in runs.values():
        wanted = dataset["variant"].to_numpy() == "backpressure"
        assert ((dataset["tun_flags"].to_numpy() & 0x80 != 0) == wanted).all()


def test_a_figure_says_on_which_kernel_and_machine_it_was_measured(runs):
    assert live.place(runs["openvpn"]) == "Linux 7.3.4, emulated machine"
    assert live.place(runs["openvpn_native"]) == "Linux 6.18.44, real machine"


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
    # what overloads the ring, by the mean rate or by its bursts
    overloaded = {cell for cell in decided if cell.startswith(("steady", "sparse")) and not cell.endswith("noqueue")}
    overloaded |= {f"burst-ring{size}-fq_codel" for size in (25, 100, 500)} | {"openvpn_speed-ring500-fq_codel"}
    assert {cell for cell, word in decided.items() if word == "lower"} == overloaded


def test_noqueue_drops_as_before(runs):
    ring = runs["ring"]
    flagged = ring.sel(run=(ring["qdisc"].to_numpy() == "noqueue") & (ring["variant"].to_numpy() == "backpressure"))
    assert (flagged["dropped_ring"] > 1000).all()
    table = verdicts(ring, ["ring_drop_fraction"]).set_index("cell")
    found = table.loc["steady-ring500-noqueue"]
    assert found["with backpressure"] == "undecided"
    # whatever the flag does without a qdisc, it is little beside what it does with any qdisc
    reach = max(-found["low"], found["high"])
    assert reach < 0.03
    assert (table.loc[[f"steady-ring500-{q}" for q in ("pfifo", "pfifo_fast", "fq", "fq_codel")], "high"] < -0.6).all()


def test_cubic_gains_on_every_path_and_bbr_is_undecided(runs):
    tunnel = runs["openvpn"]
    table = verdicts(tunnel, ["received_rate"]).set_index("cell")
    for path, factor in (("120ms-ring25", 10), ("120ms-ring100", 5), ("120ms-ring500", 2), ("60ms-ring500", 1.5)):
        found = table.loc[f"{path}-cubic-fq_codel"]
        assert found["pairs"] >= 5
        assert found["with backpressure"] == "higher"
        assert found["backpressure"] > factor * found["stock"]
    assert table.loc["120ms-ring500-bbr-fq_codel", "with backpressure"] == "undecided"
    held = tunnel.sel(run=tunnel["variant"].to_numpy() == "backpressure")
    assert (held["dropped_ring"] == 0).all()


def test_a_prediction_knows_only_stock_runs_of_the_ring(runs):
    known = live.speeds(runs["ring"])
    assert 5e3 < known.drain_rate < 20e3  # OpenVPN on an emulated processor of 10^9 instructions/s
    assert known.burst_rate > 5 * known.drain_rate
    with pytest.raises(DataError, match="no stock runs of mode 'openvpn_speed'"):
        live.speeds(runs["ring"].sel(run=runs["ring"]["mode"].to_numpy() == "steady"))


def test_the_burst_law_orders_rings_and_vanishes_above_the_burst(runs):
    law = live.predict_bursts(runs["ring"]).set_index("ring")["drop_fraction"]
    assert law[1000] == 0
    ring = runs["ring"]
    bursts = ring.sel(run=(ring["mode"].to_numpy() == "burst") & (ring["variant"].to_numpy() == "stock"))
    seen = medians(bursts, "drop_fraction").set_index("ring")["drop_fraction"]
    assert (seen - law).abs().max() < 0.02  # share of packets; nothing is fitted


def test_the_blind_prediction_is_near_with_acks_in_bunches_only(runs):
    tunnel = runs["openvpn"]
    predicted = live.predict_both(tunnel, live.speeds(runs["ring"]), seeds=1)
    table = live.compare(medians(tunnel, "received_rate"), predicted, "received_rate")
    flagged, stock = (table[table["variant"] == name] for name in ("backpressure", "stock"))
    assert flagged["error"].abs().max() < 0.2  # the reader's speed, which holds these, scatters by 30 % between runs
    near = (1 + stock["error"]).between(0.5, 2)
    # the row of CUBIC, ring 500, 120 ms is 2.4 times too high (1.64 times before PRR): docs/gaps.md
    assert near.sum() == len(near) - 1
    smooth = stock["evenly_spaced"] / stock["received_rate"]
    assert (smooth[(stock["congestion"] == "cubic") & (stock["added_rtt"] == 0.12)] > 3).all()


def test_one_measurement_is_the_same_alone(runs):
    assert live.measurement("speed_native").identical(runs["speed_native"])
    with pytest.raises(DataError, match=r"no measurement 'spede': lab_openvpn, .*lab_speed_native"):
        live.measurement("spede")


def test_a_folder_without_measurements_says_how_to_make_them(tmp_path):
    with pytest.raises(DataError, match="tunbp lab run ring"):
        live.measurements(tmp_path)


def test_the_native_matrix_has_every_cell_five_times_over_a_punctual_relay(runs):
    native = runs["openvpn_native"]
    repetitions = native["repetition"].groupby("cell").max()
    assert repetitions.sizes["cell"] == 25
    assert (repetitions >= 5).all()
    plain = native.sel(run=(native["congestion"] == "cubic").to_numpy() & (native["windows"] == "raised").to_numpy())
    cells = set(zip(plain["ring"].to_numpy().tolist(), plain["added_rtt"].to_numpy().tolist(), strict=True))
    assert cells == {(ring, rtt) for ring in (25, 100, 500, 1000, 5000) for rtt in (0.0, 0.06, 0.12)}
    assert (native["tun_flags"].to_numpy() & 0x80 == 0).all()  # stock
    assert (native["relay_overflow"] == 0).all()
    assert (native["relay_late_fraction"] <= 0.01).all()


def test_native_cubic_was_paced_as_the_hosts_default_was_bbr_and_emulated_cubic_was_not(runs):
    native, emulated = runs["openvpn_native"], runs["openvpn"]
    assert (live.paced(native) == (native["congestion"].to_numpy() == "cubic")).all()
    assert not live.paced(emulated).any()
    told = native.assign_coords(pacing=("run", np.zeros(native.sizes["run"], int)))
    assert not live.paced(told).any()  # what a cell says goes before the host


def test_of_the_native_senders_those_of_tcp_paced(runs):
    native = runs["senders_native"]
    assert (live.paced(native) == (native["protocol"].to_numpy() == "tcp")).all()
    assert not live.paced(runs["senders"]).any()


def test_the_costs_of_the_native_chain_were_measured_without_tcp(runs):
    costs = runs["speed_native"]
    assert "congestion" not in costs.coords
    flood = costs.sel(run=(costs["cell"] == "data-flood-ring500").to_numpy())
    assert flood.sizes["run"] >= 3
    # what comes out at the far end was taken from the ring before
    assert (flood["chain_rate"] <= flood["transmitted_rate"] * 1.01).all()
    # a flood leaves a process no time to wait, so a packet of it takes less than one that comes alone
    single = costs.sel(run=(costs["cell"] == "data-5000pps-ring500").to_numpy())
    assert float(flood["reader_cost"].median()) < float(single["reader_cost"].median())


PAGE = Path(__file__).parents[2] / "docs" / "laboratory.md"


def median(dataset, name, **wanted):
    kept = np.logical_and.reduce([dataset[key].to_numpy() == value for key, value in wanted.items()])
    return float(dataset[name].isel(run=kept).median())


def test_the_page_says_what_pktgen_measured_on_one_processor(runs):
    found = runs["pktgen_one_processor"]
    lines = re.findall(r"^\| `(\w+)`, (?:through|past) the qdisc \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    assert [mode for mode, _ in lines] == ["queue_xmit", "start_xmit"]
    for mode, said in lines:
        stock, flag = ({"xmit_mode": mode, "variant": variant} for variant in ("stock", "backpressure"))
        rates = [show(median(found, "transmitted_rate", **which), "packet/s", 3) for which in (stock, flag)]
        shares = [percent(median(found, "ring_drop_fraction", **which), 2) for which in (stock, flag)]
        dropped = f"{round(median(found, 'dropped_qdisc', **flag), -3):.0f}"
        assert said.split(" | ") == [*rates, *shares, dropped]
    table = verdicts(found, ["transmitted_rate"])
    assert (table["with backpressure"] == "lower").all()
    ends = [round(-end / 1e3, 1) for row in table.to_dict("records") for end in (row["high"], row["low"])]
    assert ends == [2.9, 3.4, 0.4, 1.0]


def test_the_page_says_what_vhost_video_and_veth_measured(runs):
    rate = partial(median, runs["vhost"], "transmitted_rate", guest_rate=0)
    rates = [
        round(rate(ring=ring, load="udp", variant=variant) / 1e3, 1)
        for ring in (25, 1)
        for variant in ("stock", "backpressure")
    ]
    assert rates == pytest.approx([33, 48, 1.7, 4.0], rel=0.02)
    gains = [rate(load=mode, variant="backpressure") / rate(load=mode, variant="stock") - 1 for mode in
             ("queue_xmit", "start_xmit")]  # fmt: skip
    assert gains == pytest.approx([-0.04, 0.07], abs=0.005)
    video = partial(median, runs["video"], ring=25)
    assert video("ring_drop_fraction", variant="stock") == pytest.approx(0.56, abs=0.005)
    assert video("broken_fraction", variant="stock") == 1
    assert video("ring_drop_fraction", variant="backpressure") == 0
    assert video("broken_fraction", variant="backpressure") == pytest.approx(0.79, abs=0.005)
    waits = [median(runs["veth"], "sparse_latency", qdisc=qdisc) for qdisc in ("pfifo_fast", "fq_codel")]
    assert waits == pytest.approx([0.041, 0.017], abs=0.0006)
    assert median(runs["veth"], "ring_drop_fraction", qdisc="noqueue") == pytest.approx(0.5, abs=0.03)


def test_the_page_says_what_wireguard_go_carried(runs):
    found = runs["wireguard"]
    rates = {
        (ring, variant): sorted(round(float(rate) / 1e6, ring == 25 and variant == "stock") for rate in part)
        for ring in (25, 500)
        for variant in ("stock", "backpressure")
        for part in [
            found["received_rate"].to_numpy()[((found["ring"] == ring) & (found["variant"] == variant)).to_numpy()]
        ]
    }
    assert rates == {
        (25, "stock"): [2.8, 3.4, 3.7, 3.7],
        (25, "backpressure"): [45, 48, 50, 59],
        (500, "stock"): [36, 37, 40, 47, 53],
        (500, "backpressure"): [33, 35, 38, 43],
    }
    change = next(pair.difference for pair in compare(found, "received_rate") if "ring500" in pair.cell)
    assert change.count == 4
    assert [-round(end / 1e6) for end in (change.high, change.estimate, change.low)] == [2, 7, 12]
    lost = found["dropped_far"].to_numpy()[(found["dropped_ring"] == 0).to_numpy()]
    assert (lost.min(), lost.max()) == (33, 501)


def test_the_price_in_ping_stands_beside_what_it_buys(runs):
    table = live.prices(runs["openvpn"]).set_index("setup")
    cell = table.loc["120 ms, ring 25, CUBIC"]
    every = live.single_runs(runs["openvpn"])
    own = (
        every[every["setup"] == "120 ms, ring 25, CUBIC"]
        .groupby("variant")[["ping_mean_rtt", "received_rate"]]
        .median()
    )
    assert cell["ping_factor"] == own.loc["backpressure", "ping_mean_rtt"] / own.loc["stock", "ping_mean_rtt"]
    assert cell["rate_factor"] == own.loc["backpressure", "received_rate"] / own.loc["stock", "received_rate"]
    assert (table["runs"] >= 5).all()


def test_a_file_is_read_again_when_it_changes_and_nobody_shares_what_was_read(tmp_path):
    ring, veth = (next(path for path in live.paths() if path.parent.name == name) for name in ("lab_ring", "lab_veth"))
    file = tmp_path / "lab_own.nc"
    file.write_bytes(ring.read_bytes())
    (first,) = live.measurements(tmp_path).values()
    first["ring"].values[:] = -1
    (again,) = live.measurements(tmp_path).values()
    assert (again["ring"] > 0).all()
    file.write_bytes(veth.read_bytes())
    assert list(live.measurements(tmp_path)) == ["veth"]
