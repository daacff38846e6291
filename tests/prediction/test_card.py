"""The card says nothing that its own table contradicts, in one unit a sentence."""

import re

import numpy as np
import pytest

from tunbp.prediction import predict
from tunbp.prediction.card import card
from tunbp.prediction.causes import READER, RING, SHAPER, WINDOW
from tunbp.prediction.conditioning import Observation
from tunbp.prediction.phrases import sure, words
from tunbp.prediction.sides import EITHER, THERE
from tunbp.quantities import percent, show


@pytest.fixture(scope="module")
def loss():
    return predict({"rtt": 0.1, "path_loss": 0.01, "duration": 12.0, "warmup": 4.0}, [25], count=32)


@pytest.fixture(scope="module")
def short():
    return predict({"rtt": 0.08, "ring": 100, "duration": 4.0, "warmup": 0.5}, [], count=32)


def test_an_interval_is_told_in_the_unit_of_its_middle():
    found = predict({"rtt": 0.05, "duration": 4.0, "warmup": 0.5}, [], count=32)
    for middle, ends in re.findall(r"[\d.]+ ([KMG]bit/s) \(90 %: [\d.]+ to [\d.]+ ([KMG]bit/s)\)", str(card(found))):
        assert middle == ends


def test_bbr_is_advised_with_what_it_carries_and_what_limits_then(loss):
    said = str(card(loss))
    carries = re.search(r"90-bbr\.conf.* With it: ([\d.]+) Mbit/s \(90 %: .*\) instead of [\d.]+ Mbit/s; then ", said)
    now = loss.quantiles("received_rate", loss.ring, "stock")["median"]
    bbr = predict({"rtt": 0.1, "path_loss": 0.01, "duration": 12.0, "warmup": 4.0, "congestion": "bbr"}, [], count=32)
    asked = bbr.quantiles("received_rate", loss.ring, "stock")
    assert now < asked["low90"] < 1e6 * float(carries[1]) < asked["high90"]


def test_what_remedies_bring_can_be_left_out_for_a_rough_picture(loss):
    said = str(card(loss, more=False))
    assert "With it" not in said
    assert "Window and programs then allow up to " in said


def test_where_the_path_loses_more_than_a_small_ring_the_ring_widens_nothing(loss):
    small, usual = (loss.quantiles("received_rate", ring, "stock") for ring in (25, 500))
    assert small["high90"] / small["low90"] < 1.6 * usual["high90"] / usual["low90"]


def test_what_waits_before_a_slow_link_is_said_with_its_remedy():
    found = predict({"rtt": 0.04, "path_rate": 860.0, "duration": 6.0, "warmup": 1.0}, [], count=32)
    said = str(card(found))
    assert "`tc qdisc replace dev UPLINK root cake bandwidth 9464kbit`" in said, (
        "below the line's rate, if that was said"
    )
    assert "`Bandwidth=9464K` below `[CAKE]` in UPLINK's file of /etc/systemd/network/*.network" in said
    assert "The link's own buffer is assumed: " in said
    assert "9.96 Mbit/s was taken as payload, as iperf3 prints it: some 10.7 Mbit/s on the line" in said
    assert "If it is the line's own rate: `--bandwidth 9.29Mbit/s`. If not, CAKE may take 10144kbit." in said


def test_a_constant_is_named_as_people_call_it():
    assert (words("path_rate"), words("byte_cost")) == ("link rate", "byte cost")


def test_the_ring_that_is_enough_does_not_hang_on_which_longer_ones_were_simulated():
    path = {"rtt": 0.12, "drain_rate": 60e3, "duration": 8.0, "warmup": 2.0, "pacing": False}
    few, many = (
        card(predict(path, rings, count=32)) for rings in ([1000, 2000, 5000], [100, 1000, 2000, 3000, 5000, 10_000])
    )
    assert few.ring == many.ring == 2000


def test_what_helps_in_less_than_half_of_the_cases_is_worth_a_try_whatever_the_seed():
    short = {"rtt": 0.03, "ring": 500, "streams": 8, "duration": 6.0, "warmup": 1.0, "reader_policy": "separate"}
    for seed in (0, 1):
        found = predict(short, [100, 1000, 5000], product="wireguard-go", count=32, seed=seed)
        told = card(found, program="wireguard-go")
        rates = [found.quantiles("received_rate", ring, "stock")["median"] for ring in (500, told.ring)]
        if told.ring == 500:
            assert "ip link set" not in str(told)
        else:
            assert f"Worth a try today: `ip link set dev wg0 txqueuelen {told.ring}`" in str(told)
            assert f"{show(rates[1], 'bit/s', 3)} instead of {show(rates[0], 'bit/s', 3)} in the median" in str(told)


def test_wireguard_go_is_told_of_the_socket_that_is_not_simulated():
    path = {"rtt": 0.06, "ring": 500, "duration": 2.0, "reader_policy": "separate", "drain_rate": 6e4}
    told = str(card(predict(path, [], product="wireguard-go", count=8), program="wireguard-go"))
    assert "UDP socket at 92 packets" in told
    assert "`sysctl -w net.core.rmem_default=8388608` at both ends" in told
    assert "92 packets" not in str(card(predict(path, [], count=8)))


def test_a_ring_that_is_longer_than_the_path_needs_may_be_shorter():
    found = predict({"rtt": 0.035, "ring": 5000, "duration": 6.0, "warmup": 1.0, "drain_rate": 2e4}, [500], count=32)
    rate, ping = ([found.quantiles(name, ring, "stock")["median"] for ring in (500, 5000)]
                  for name in ("received_rate", "latency"))  # fmt: skip
    assert rate[0] >= 0.9 * rate[1]
    assert ping[0] <= 0.8 * ping[1]
    said = card(found)
    assert "a shorter one, 500, costs little and shortens the ping" in said.verdict
    assert "Today: `ip link set dev tun0 txqueuelen 500` on this host" in str(said)


def test_a_run_at_the_rate_that_fills_the_program_s_processor_is_held_by_that():
    path = {"rtt": 0.1, "drain_rate": 35e3, "ack_cost": 2e-5, "duration": 6.0, "warmup": 1.0}
    run = Observation({"received_rate": 300e6})
    found = predict(path, [1000], count=32, observed=[run], at_most=300e6)
    assert found.quantiles("received_rate", 1000, "backpressure")["high90"] <= 300e6
    told = card(found)
    assert told.holds == {READER: 1.0}
    assert "neither a longer ring nor the flag IFF_BACKPRESSURE (Linux 7.3) gains anything" in told.verdict
    assert "ip link set" not in str(told)


def test_a_ping_whose_upper_end_grows_is_not_said_to_stay():
    found = predict({"rtt": 0.12, "ring": 100, "drain_rate": 1e4, "duration": 8.0, "warmup": 2.0}, [5000], count=32)
    now, then = (found.quantiles("latency", ring, "stock") for ring in (100, 5000))
    assert then["high90"] > 1.2 * now["high90"]
    middle, worst = ([show(q[name], "s", 2) for q in (now, then)] for name in ("median", "high90"))
    assert middle[0] != middle[1]
    price = str(card(found)).partition("Price: ping under load ")[2]
    assert price.startswith(f"{middle[1]} with txqueuelen 5000")
    assert f" instead of {middle[0]}; in one case of twenty over {worst[1]}" in price


def test_a_device_is_a_stand_in_where_nobody_said_its_name():
    found = predict({"rtt": 0.08, "ring": 100, "duration": 4.0, "warmup": 0.5}, [5000], count=32)
    said = "tun0 stands for the tunnel's device: `ip -br link` lists yours."
    assert card(found).advice[-1].endswith(said)
    assert not any("stands for" in line for line in card(found, "tun3").advice)


def test_commands_name_the_device_as_its_program_does():
    found = predict({"rtt": 0.08, "ring": 100, "duration": 4.0, "warmup": 0.5}, [5000], count=32)
    assert "`ip link set dev wg0 txqueuelen 5000`" in str(card(found, program="wireguard-go"))
    assert "`ip link set dev tun3 txqueuelen 5000`" in str(card(found, "tun3"))


def test_behind_a_qdisc_that_shapes_neither_ring_nor_flag_is_advised():
    shaped = {"rtt": 0.04, "qdisc": "cake", "qdisc_rate": 2000.0, "drain_rate": 60e3, "duration": 6.0, "warmup": 1.0}
    told = card(predict(shaped, [5000], count=32))
    assert next(iter(told.holds)) == SHAPER
    limit = "the rate to which the qdisc shapes limits this tunnel: neither a longer ring nor the flag"
    assert told.verdict.endswith(f"{limit} IFF_BACKPRESSURE (Linux 7.3) helps.")
    assert "ip link set" not in str(told)
    assert "tunbp backpressure" not in str(told)


def test_the_verdict_comes_first_and_says_what_limits_and_what_helps_with_their_probabilities():
    run = Observation({"received_rate": 47e6})
    found = predict({"rtt": 0.02, "ring": 100, "duration": 4.0, "warmup": 1.0}, [2000], count=32, observed=[run])
    told = card(found)
    main, share = next(iter(told.holds.items()))
    gain = found.gain()["probability_above_10_percent"]
    assert (main, told.ring) == (RING, 2000)
    assert str(told).startswith(told.verdict)
    assert told.verdict.startswith(f"{sure(share).capitalize()} drops in the ring limit this tunnel")
    assert f"txqueuelen 2000 ({100 * (gains(found, 2000) > 0.1).mean():.0f} %)" in told.verdict
    assert f"the flag IFF_BACKPRESSURE (Linux 7.3) ({100 * gain:.0f} %)" in told.verdict


def gains(found, ring):
    rates = found.draws["expected_rate"].sel(variant="stock")
    return (rates.sel(ring=ring) / rates.sel(ring=found.ring)).to_numpy() - 1.0


def test_a_ring_is_chosen_by_a_rule_that_is_said_and_kept_where_a_distribution_looks():
    found = predict({"rtt": 0.08, "ring": 100, "duration": 4.0, "warmup": 0.5}, [5000], count=32)
    said = str(card(found))
    assert "It is the longest of the table: `--rings` shows longer ones." in said
    assert "`txqueuelen 5000` in OpenVPN's config below /etc/openvpn" in said
    assert "/etc/systemd" not in said, "one place: OpenVPN sets its own later than udev"


def test_pacing_is_named_where_the_flag_helps_and_senders_of_the_same_host_do_not_pace():
    path = {"rtt": 0.12, "ring": 100, "drain_rate": 60e3, "duration": 6.0, "warmup": 1.0}
    cubic, paced = (predict({**path, **more}, [], count=32) for more in ({}, {"qdisc": "fq"}))
    said = "Pacing spares the ring, too, where TCP begins on its host: `tc qdisc replace dev tun0 root fq`"
    assert said in str(card(cubic))
    assert "acing" not in str(card(paced))
    # as the model has it
    rates = [found.quantiles("received_rate", 100, "stock")["median"] for found in (cubic, paced)]
    assert rates[1] > 1.1 * rates[0]


def test_drops_of_the_start_which_the_table_leaves_out_are_named_with_the_tail_of_later_ones():
    found = predict({"rtt": 0.12, "ring": 500, "duration": 8.0, "warmup": 2.0, "pacing": False}, [1000], count=64)
    lost = found.draws["drop_fraction"].sel(ring=500, variant="stock").to_numpy()
    told = card(found)
    assert next(iter(told.holds)) == RING
    assert np.median(lost) < 1e-4
    worst = percent(float(np.quantile(lost, 0.9)), 2)
    said = "Drops of the first 2 s, which `lost` leaves out, can slow TCP for long; later ones are"
    assert f"{said} {worst} or more in one case of ten." in told.basis


def test_the_ring_limits_as_probably_as_the_flag_helps(short):
    told = card(short)
    chance = short.gain()["probability_above_10_percent"]
    assert told.holds.get(RING, 0.0) == chance > 0.25
    assert f"({100 * chance:.0f} %)" in told.verdict


def test_the_program_s_kernel_module_is_named_where_the_ring_limits(short):
    assert "May help as well (not predicted here): its kernel module (DCO: " in str(card(short))
    assert "openvpn-dco-dkms" in str(card(short))


def test_no_longer_ring_is_judged_where_none_was_predicted(short):
    assert "a longer ring" not in card(short).verdict


def test_which_host_is_meant_is_open_where_nobody_said_who_sends(short):
    found = predict({"rtt": 0.08, "ring": 100, "duration": 4.0}, [5000], count=32)
    said, download = (str(card(found, side=side)) for side in (EITHER, THERE))
    either = "on the end that sends (upload: the client; download: the server)"
    assert f"txqueuelen 5000` {either}: " in said
    assert "It takes Linux 7.3 on the end that sends;" in said
    assert "txqueuelen 5000` on the server, the other end of the tunnel, which sends (download): " in download
    assert "It takes Linux 7.3 on the server;" in download


def test_where_the_ring_limits_one_line_shows_whether_it_drops_on_the_host_and_device_that_are_meant(short):
    watch = "`ip -s link show wg0; sleep 10; ip -s link show wg0`"
    assert f"on the server, start a transfer during {watch}" in str(card(short, "wg0", side=THERE))
    inside = str(card(short, program="passt"))
    assert "`nsenter --net --target PID ip -s link show DEVICE; sleep 10; nsenter --net --target PID ip" in inside


def test_where_the_ring_does_not_limit_nobody_is_told_to_look_for_its_drops(loss):
    assert "sleep 10" not in str(card(loss))


def test_ring_and_window_that_both_hold_a_path_have_a_remedy_each_in_the_order_of_their_chances():
    path = {"rtt": 0.12, "ring": 500, "drain_rate": 35e3, "ack_cost": 2e-5, "duration": 20.0, "warmup": 3.0}
    found = predict(path, [1000, 2000, 5000], count=64, at_most=300e6)
    told = card(found)
    assert min(told.holds[RING], told.holds[WINDOW]) >= 0.2
    places = {place: name for place, name, _ in re.findall(r"(\d)\. Against ([\w ]+) \((\d+) %\)[.:] ", str(told))}
    names = {RING: "drops in the ring", WINDOW: "the window of TCP", READER: "OpenVPN itself"}
    assert list(places.values()) == [names[cause] for cause, share in told.holds.items() if share >= 0.2]
    both = re.search(rf"; with txqueuelen {told.ring} as well: ([\d.]+) Mbit/s", str(told))
    now = found.quantiles("received_rate", 500, "stock")["median"]
    assert float(both[1]) * 1e6 > 1.05 * now


def test_cake_is_advised_with_the_ping_and_the_rate_that_it_leaves():
    found = predict({"rtt": 0.04, "path_rate": 860.0, "duration": 6.0, "warmup": 1.0}, [], count=32)
    rate, ping, before = re.search(
        r"Simulated on .*: ([\d.]+) Mbit/s .* of [\d.]+ Mbit/s, ping under load ([\d.]+) ms instead of ([\d.]+) ms",
        str(card(found)),
    ).groups()
    assert 0.9 < float(rate) / (0.95 * 860 * 8 * 1448 / 1e6) < 1.1
    assert float(ping) < 45 < float(before)


def test_a_faster_program_with_a_prior_is_compared_with_the_flood_and_one_without_is_not_guessed():
    flood = {"source": "open", "offered_rate": 2e4, "rtt": 1e-3, "duration": 1.0, "drain_rate": 1e4}
    tap = str(card(predict(flood, [], product="qemu-tap", count=8), program="qemu-tap"))
    assert re.search(
        r"vhost-net is assumed to take [\d.]+ to [\d.]+ [KM]pps, and this flood is 20 Kpps: all of it would pass", tap
    )
    vpn = str(card(predict(flood, [], count=8)))
    assert "Gain: not known." in vpn


@pytest.mark.parametrize(("rate", "says"), [(1e6, "Slower than likely: if a link"), (80e9, "Faster than likely: did")])
def test_a_run_that_nothing_explains_is_told_in_which_direction(rate, says):
    path = {"rtt": 0.05, "duration": 4.0, "warmup": 0.5, "drain_rate": 6e4}
    told = card(predict(path, [], count=32, observed=[Observation({"received_rate": rate})]))
    assert told.verdict.startswith("No answer")
    assert told.advice[0].startswith(says)


def test_a_run_that_the_model_was_fitted_to_is_no_test_of_it_and_may_be_a_link_s():
    run = Observation({"received_rate": 400e6})
    path = {"rtt": 0.02, "ring": 5000, "duration": 4.0, "warmup": 1.0}
    told = card(predict(path, [], count=32, observed=[run]))
    assert "OpenVPN itself or a link behind it limits this tunnel" in told.verdict
    assert "Your run: 400 Mbit/s. The model, fitted to it and so not tested by it: " in str(told)
    stated = predict({**path, "path_rate": 60e3}, [], count=32, observed=[run])
    assert "or a link behind it" not in card(stated).verdict


def test_a_guessed_window_is_the_same_in_every_card_and_a_link_is_named_where_it_was_given():
    path = {"rtt": 0.2, "ring": 5000, "duration": 9.0, "warmup": 4.0, "drain_rate": 1e5}
    found = [predict({**path, **more}, [], count=32, seed=seed) for seed, more in ((0, {}), (1, {"path_rate": 5e4}))]
    said = [str(card(one)) for one in found]
    assert all("2.5 to 6 MB / 200 ms = 100 to 240 Mbit/s (guessed: " in words for words in said)
    assert "The programs allow " in said[0]
    assert "The programs and link allow " in said[1]
    assert not any("receive window (" in words for words in said), "how to measure it is said once"
