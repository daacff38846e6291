"""What the socket of a far reader loses: the law, the floods it is known from, and the TCP runs that it was not."""

import numpy as np
import pytest

from tunbp import Scenario
from tunbp.evidence import live, sockets
from tunbp.evidence.sockets import Pauses


@pytest.fixture(scope="module")
def floods():
    return live.measurement("speed_wireguard_native")


def test_the_share_lost_is_that_of_exponential_pauses_that_outlast_the_socket():
    rng, known, rate, held = np.random.default_rng(3), Pauses(0.1, 2e-3), 20e3, 30
    lengths = rng.exponential(known.mean, 200_000)
    lost = np.maximum(0.0, lengths * rate - held).sum()
    whole = lengths.sum() / known.share * rate  # time in which pauses take that share
    assert known.lost(rate, held) == pytest.approx(lost / whole, rel=0.02)


def test_a_socket_holds_what_its_buffer_counts_a_packet_for(floods):
    assert sockets.held_packets(floods) == 92
    asked = floods.assign_coords(socket_buffer=("run", np.full(floods.sizes["run"], 7 << 20)))
    assert sockets.held_packets(asked) == 6371
    before = floods.drop_vars("socket_buffer")  # measured before cells said it
    assert sockets.held_packets(before) == 92


def test_pauses_are_found_again_from_floods_that_lost_by_the_law(floods):
    known = Pauses(0.2, 1.5e-3)
    pace = floods["offered_rate"].to_numpy()
    lost = floods["delivered"].to_numpy() * [known.lost(max(rate, 1.0), 92) for rate in pace]
    found = sockets.pauses(floods.assign(dropped_far=("run", lost)))
    assert (found.share, found.mean) == pytest.approx((known.share, known.mean), rel=1e-6)


def test_paced_floods_lose_in_the_socket_and_nothing_in_the_ring(floods):
    table = sockets.paced(floods).set_index("rate")
    assert table.loc[10e3, "lost"] < 10 < table.loc[20e3, "lost"] < table.loc[40e3, "lost"] / 10
    paced = floods.isel(run=(floods["offered_rate"] > 0).to_numpy())
    assert (paced["dropped_ring"] == 0).all()
    found = sockets.pauses(floods)
    for rate, row in table.loc[20e3:].iterrows():  # three rates, two numbers; runs of one rate differ by more
        assert 1 / 1.5 < found.lost(rate, 92) / row["share"] < 1.5


def test_the_floods_pauses_say_what_tcp_lost_in_the_same_socket_in_the_same_hour_and_too_much_for_one_at_rest(floods):
    found = sockets.pauses(floods)
    lost, expected = {}, {}
    for name in ("wireguard_sockets_native", "wireguard_native"):
        runs = live.measurement(name)
        kept = (runs["ring"] == 500).to_numpy() & (runs["added_rtt"] > 0).to_numpy()
        if "socket_buffer" in runs.coords:
            kept &= (runs["socket_buffer"] == 0).to_numpy()
        part = runs.isel(run=kept).sel(time=slice(3.0, None))  # slow start and its recovery are over
        assert part.sizes["run"] == 10
        sent = part["tx_packets"].diff("time").fillna(0.0).to_numpy()
        lost[name] = float(part["retransmits"].sum())
        expected[name] = sum(count * found.lost(max(count / 0.2, 1.0), 92) for count in sent.ravel())
    assert expected["wireguard_sockets_native"] == pytest.approx(lost["wireguard_sockets_native"], rel=0.2)
    assert 3 < expected["wireguard_native"] / lost["wireguard_native"] < 5


def test_sockets_of_7_mib_lose_nothing_and_carry_three_times_as_much():
    runs = live.measurement("wireguard_sockets_native")
    large = (runs["socket_buffer"] > 0).to_numpy()
    assert (runs["dropped_far"].to_numpy()[large] == 0).all()
    assert (runs["dropped_far"].to_numpy()[~large] > 50).all()
    assert (runs["dropped_ring"].to_numpy()[~large] == 0).all()
    rates = runs["received_rate"]
    for rtt, times in ((0.06, 3.15), (0.12, 2.98)):
        here = (runs["added_rtt"] == rtt).to_numpy()
        with_large, own = (np.sort(rates.to_numpy()[here & kind]) for kind in (large, ~large))
        assert len(own) == len(with_large) == 5
        assert with_large[0] > 1.8 * own[-1]
        assert np.median(with_large) / np.median(own) == pytest.approx(times, rel=0.01)


def test_tcp_settles_where_the_losses_of_its_rate_leave_it():
    path = Scenario(rtt=0.06, drain_rate=100e3, path_rate=60e3, duration=10.0, mss=1368, receive_window=16e6)
    found = Pauses(0.15, 1e-3)
    carried = {}
    for held in (30, 92, 10_000):
        result = sockets.settled(path, found, held)
        carried[held] = float(result["received_rate"].median()) / 8 / 1368
    assert carried[30] < carried[92] < carried[10_000]
    assert carried[10_000] > 0.7 * 60e3  # nothing is lost, ten seconds from slow start
