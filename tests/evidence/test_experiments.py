"""The laboratory's other experiments beside the model."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from tunbp.evidence import experiments, live
from tunbp.lab.experiments import video as lab_video


@pytest.fixture(scope="module")
def measured():
    return live.measurements()


def rows(table, **chosen):
    for name, value in chosen.items():
        table = table[table[name] == value]
    return table


def test_a_slow_uplink_is_predicted_from_its_set_up_alone(measured):
    table = experiments.beside(measured["shaped_native"], experiments.shaped)
    rates = rows(table, variable="received_rate")
    assert (rates["predicted"] / rates["measured"]).to_numpy() == pytest.approx(1, abs=0.01)
    pings = rows(table, variable="ping_mean_rtt")
    assert (pings["predicted"] / pings["measured"]).between(0.67, 1.5).all()
    assert (table["least"] <= table["measured"]).all()
    assert (table["measured"] <= table["most"]).all()


def test_frames_lose_what_fits_neither_into_the_ring_nor_where_it_stops_into_the_qdisc(measured):
    stock = measured["video_native"].isel(run=slice(0, 1)).assign_coords(ring=("run", [25]), bit_rate=("run", [20e6]))
    predict = experiments.video(drain_rate=50e3, burst_rate=100e3)
    lost = predict(stock, "stock")
    sizes = np.array([frame.packets for frame in lab_video.frames({**CELL, "duration": 600.0})])
    left = np.maximum(0, sizes * 0.5 - 25)
    assert lost["ring_drop_fraction"] == pytest.approx(left.sum() / sizes.sum(), rel=0.03)
    assert lost["broken_fraction"] == pytest.approx((left > 0).mean(), abs=0.03)
    assert lost["broken_key_fraction"] == 1
    patched = predict(stock, "backpressure")  # pfifo_fast is as long as the ring
    assert patched["ring_drop_fraction"] == 0
    assert patched["broken_fraction"] == pytest.approx((sizes * 0.5 > 2 * 25).mean(), abs=0.03)
    roomy = stock.assign_coords(qdisc=("run", ["fq_codel"]))
    assert set(predict(roomy, "backpressure").values()) == {0}


def test_native_video_loses_what_the_burst_law_says(measured):
    needed = {name: measured[name] for name in ("video_native", "ring_native", "speed_native")}
    assert 3e5 < experiments.push_rate(needed["ring_native"]) < 1e6  # a paced flood was seen at 0.6 to 0.95 M/s
    table = rows(experiments.every(needed), variable="ring_drop_fraction")
    small = table[table["cell"].str.contains("ring25-")]
    # the law has no time for the reader to wake: measured, up to 1.43 times as much is lost in a small ring
    assert (small["measured"] / small["predicted"]).between(1, 1.45).all()
    large = table[table["cell"].str.contains("ring500-")]
    assert (large["predicted"] - large["measured"]).abs().max() < 0.02


CELL = lab_video.VideoCell(ring=25, rtt=0.02, bit_rate=20e6).model_dump()


def test_the_laboratorys_video_is_the_one_that_is_predicted():
    assert (lab_video.PAYLOAD, lab_video.SPREAD) == (experiments.VIDEO_PAYLOAD, experiments.VIDEO_SPREAD)


def flood(**changed):
    """One stock run of a flood: 8 senders offer 400 K packets/s for a second, the reader takes 4 us for each."""
    known = {"protocol": "udp", "senders": 8, "queues": 1, "ring": 500, "qdisc": "pfifo_fast", "congestion": "cubic"}
    values = {"reader_cpu": 0.2, "delivered": 50e3, "sent": 400e3, "duration": 1.0}
    coords = {name: ("run", [value]) for name, value in (known | changed).items()}
    return xr.Dataset({name: ("run", [value]) for name, value in values.items()}, coords)


def test_a_flood_leaves_the_reader_its_share_of_the_processors_and_a_stopped_queue_leaves_it_one():
    predict = experiments.senders(cpus=2)
    stock = predict(flood(), "stock")
    assert stock["transmitted_rate"] == pytest.approx(250e3 * 2 / 9)
    assert stock["ring_drop_fraction"] == pytest.approx(1 - 250e3 * 2 / 9 / 400e3)
    alone = {"transmitted_rate": pytest.approx(250e3), "ring_drop_fraction": 0.0}
    assert predict(flood(qdisc="fq_codel"), "backpressure") == alone  # room for all that 8 sockets may send
    assert predict(flood(senders=4), "backpressure") == alone
    # 8 sockets of 92 packets each are more than a pfifo_fast of 500 takes: it drops, and nobody waits
    assert predict(flood(), "backpressure")["transmitted_rate"] == pytest.approx(250e3 * 2 / 9)
    assert np.isnan(predict(flood(queues=4), "stock")["transmitted_rate"])


def test_a_changed_driver_measured_with_the_flag_alone_is_predicted_from_the_unchanged_ones_stock_runs(measured):
    runs = measured["senders"]
    changed = runs.isel(run=runs["variant"].to_numpy() == "backpressure")
    table = experiments.every({"senders": runs, "senders_changed": changed})
    both, alone = (rows(table, measurement=name, variant="backpressure") for name in ("senders", "senders_changed"))
    assert alone["predicted"].to_list() == both["predicted"].to_list()
    assert set(rows(table, measurement="senders_changed")["variant"]) == {"backpressure"}
    assert experiments.every({"senders": changed}).empty  # nothing says how fast the reader is


def test_threads_that_share_the_processors_carry_what_all_of_them_leave_time_for(measured):
    runs = measured["wireguard_native"]
    cell = runs.isel(run=runs["cell"].to_numpy() == "0ms-ring500-cubic-pfifo_fast")
    parts = [cell[name] / cell["delivered"] for name in ("reader_cpu", "far_reader_cpu", "relay_cpu")]
    packets = 2 / sum(float(part.median()) for part in parts)
    found = experiments.wireguard(2)(cell, "stock")
    assert found["received_rate"] / 8 / 1368 == pytest.approx(packets, rel=0.1)
    assert found["received_rate"] > float(cell["received_rate"].median())  # iperf3 needs the processors too


def test_native_wireguard_go_carries_what_notebook_07_says(measured):
    floods = measured["speed_wireguard_native"]
    shares = {}
    for name in ("wireguard_native", "wireguard_sockets_native"):
        runs = measured[name]
        delayed = runs.isel(run=(runs["added_rtt"] > 0).to_numpy())
        for known in (None, floods):
            table = rows(experiments.beside(delayed, experiments.wireguard(2, known)), variable="received_rate")
            shares[name, known is None] = (table["measured"] / table["predicted"]).set_axis(table["cell"])
    rest, bare = (shares["wireguard_native", alone] for alone in (False, True))
    large = rest.index.str.contains("ring500")
    assert rest[large].between(0.65, 1.12).all()
    assert rest[~large].between(0.5, 0.75).all()
    assert bare.between(0.27, 0.57).all()
    busy = shares["wireguard_sockets_native", False]
    wide = busy.index.str.contains("sockets")
    assert busy[wide].between(0.48, 0.54).all()
    assert busy[~wide].between(0.7, 0.82).all()


def test_emulated_wireguard_go_carries_what_notebook_07_says(measured):
    runs = measured["wireguard"]
    table = rows(experiments.beside(runs, experiments.wireguard(experiments.cpus(runs))), variable="received_rate")
    share = (table["measured"] / table["predicted"]).set_axis(
        zip(table["cell"].str[6:12], table["variant"], strict=True)
    )
    small = share.pop(("ring25", "stock"))
    assert 30 < 1 / small < 36
    assert share.between(0.27, 0.5).all()
    stock = runs.isel(run=((runs["variant"] == "stock") & (runs["ring"] == 25)).to_numpy())
    assert stock.sizes["run"] == 4
    assert [int(end) for end in np.sort(stock["dropped_ring"])[[0, -1]]] == [6, 23]
    predicted = float(rows(table, variant="stock")["predicted"].iloc[0])
    assert [round(float(end)) for end in np.sort(predicted / stock["received_rate"])[[0, -1]]] == [33, 43]
    flag = runs.isel(run=(runs["variant"] == "backpressure").to_numpy())
    assert (flag["dropped_ring"] == 0).all()
    short = flag["received_rate"][(flag["ring"] == 25).to_numpy()]
    assert round(float(short.median() / stock["received_rate"].median())) == 14


def test_a_guest_behind_vhost_net_is_served_at_its_own_speed(measured):
    runs = measured["vhost"]
    table = experiments.beside(runs, experiments.vhost(experiments.vhost_rate(runs)))
    slow = table[table["cell"].str.contains("guest1000pps") & (table["variable"] == "transmitted_rate")]
    assert len(slow) >= 2
    assert (slow["predicted"] / slow["measured"]).to_numpy() == pytest.approx(1, abs=0.2)
    dropped = rows(table, variant="backpressure", variable="ring_drop_fraction")
    bare = dropped["cell"].str.endswith("noqueue")
    assert (dropped.loc[~bare, ["predicted", "most"]] == 0).all(axis=None)
    assert dropped.loc[bare, ["predicted", "least"]].min(axis=None) > 0.9  # without a qdisc the flag has no effect


def test_a_veth_stops_once_for_each_napi_poll_whatever_the_qdisc(measured):
    table = experiments.per_stop(measured["veth"])
    assert len(table) == 2
    assert (table["runs"] >= 3).all()
    assert (table["predicted"] / table["measured"]).to_numpy() == pytest.approx(1, abs=0.02)


def test_every_measurement_that_has_a_prediction_is_in_the_table(measured):
    table = experiments.every({name: measured[name] for name in ("openvpn", "shaped_native", "vhost")})
    assert set(table["measurement"]) == {"shaped_native", "vhost"}
    assert experiments.every({"openvpn": measured["openvpn"]}).empty


def test_shares_and_what_is_not_predicted_have_no_ratio():
    row = {"measured": 2.0, "predicted": 4.0, "units": "bit/s"}
    table = pd.DataFrame([row, row | {"units": "1"}, row | {"predicted": np.nan}, row | {"measured": 0.0}])
    assert experiments.rated(table)["ratio"].to_list() == [0.5]
    assert experiments.rated(pd.DataFrame()).empty
