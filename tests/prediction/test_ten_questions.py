"""Ten questions of people with a tunnel, as they are typed, and what the card must answer."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner

from tunbp.cli import tunbp
from tunbp.prediction import path
from tunbp.prediction.phrases import SUBJECTS
from tunbp.quantities import show

FEW = ["--draws", "32", "--duration", "8s"]

SNAPSHOT = """\
3: tun0: <POINTOPOINT,MULTICAST,NOARP,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UNKNOWN mode DEFAULT qlen 500
    link/none
    RX: bytes  packets  errors  dropped overrun mcast
    184467440 2517823  0       0       0       0
    TX: bytes  packets  errors  dropped carrier collsns
    8123456789 6084526 0       2642    0       0
"""
"""What `ip -s link show tun0` prints."""


@pytest.fixture(scope="module", autouse=True)
def once():
    """A question that is asked for its card and for its numbers is computed once."""
    answers, predict = {}, path.predict

    def remembered(known, rings, **options):
        key = repr((known, rings, options))
        if key not in answers:
            answers[key] = predict(known, rings, **options)
        return answers[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(path, "predict", remembered)
        yield


def ask(*options: str) -> str:
    """The card as one line of words; with 128 draws each has 41 lines at most, with few some name three causes."""
    shown = CliRunner().invoke(tunbp, ["predict", *options, *FEW], catch_exceptions=False)
    assert shown.exit_code == 0
    assert len(shown.output.splitlines()) <= 44
    return " ".join(shown.output.split())


def record(*options: str) -> dict:
    shown = CliRunner().invoke(tunbp, ["predict", *options, *FEW, "--json"], catch_exceptions=False)
    return json.loads(shown.stdout)


def remedy(told: dict, name: str) -> dict:
    return next(each for each in told["remedies"] if each["name"] == name)


def stock(told: dict, ring: int) -> dict:
    return next(row for row in told["rows"] if (row["ring"], row["variant"]) == (ring, "stock"))


def test_1_openvpn_at_20_ms_with_a_ring_of_100_and_47_mbit_s_is_held_by_the_ring_set_a_longer_one():
    said = ask("--product", "openvpn", "--rtt", "20ms", "--ring", "100", "--measured", "47Mbit/s")
    assert re.match(
        r"[\w ]+ \(\d+ %\) drops in the ring limit this tunnel, unless a link .*; txqueuelen \d+ \(\d+ %\) or the flag",
        said,
    )
    assert "Your run: 47 Mbit/s. The model, fitted to it and so not tested by it: " in said
    assert "kernel module (DCO: OpenVPN 2.6 " in said
    assert "A link of about that rate behind it: give --path-rate." in said
    assert re.search(r"faster\. Do: set txqueuelen \d+: [\d.]+ Mbit/s instead of [\d.]+ Mbit/s\.", said)
    assert int(re.search(r"`ip link set dev tun0 txqueuelen (\d+)`", said)[1]) >= 1000
    assert "`txqueuelen 2000` in OpenVPN's config below /etc/openvpn." in said
    assert "`ip -s link show tun0; sleep 10; ip -s link show tun0`" in said


def test_2_a_busy_openvpn_at_120_ms_gets_a_wide_interval_a_probability_and_what_narrows_it():
    options = ["--rtt", "120ms", "--ring", "500", "--cpu-bound", "300Mbit/s"]
    told = record(*options)
    rate = stock(told, 500)["received_rate"]
    assert rate["low90"] < 117e6 < rate["high90"], "the published value of such a path"
    assert rate["high90"] / rate["low90"] > 1.5
    assert 0.05 < told["gain"]["probability_above_10_percent"] < 0.99
    said = ask(*options)
    assert "IFF_BACKPRESSURE" in said
    assert "The other end, which is guessed, makes " in said
    assert re.search(r"What would say more: [\w -]+ \([\d.]+ % of the spread\): ", said)
    assert re.search(r"1\. Against .* 2\. Against .*; with txqueuelen \d+ as well: [\d.]+ Mbit/s", said), "two causes"


def test_3_a_radio_link_of_10_mbit_s_is_the_bottleneck_and_nothing_is_to_be_gained():
    said = ask("--bandwidth", "10Mbit/s", "--rtt", "40ms", "--ring", "500")
    verdict = (
        "(100 %) the link limits this tunnel: neither a longer ring nor the flag IFF_BACKPRESSURE (Linux 7.3) helps."
    )
    assert said.startswith(f"Almost certainly {verdict}")
    assert "ip link set" not in said
    told = remedy(record("--bandwidth", "10Mbit/s", "--rtt", "40ms", "--ring", "500"), "cake")
    assert told["latency"]["median"] < 0.042
    assert told["commands"] == ["tc qdisc replace dev UPLINK root cake bandwidth 9500kbit"]
    assert "It takes Linux 7.3" not in said
    assert "for a download the far side" in said
    assert re.search(r"Simulated on the device of the tunnel: .* ping under load 40 ms instead of \d+ ms", said)
    assert "UPLINK root cake bandwidth 9500kbit`" in said, "below the line's rate, if it was the line's that was said"
    assert "If it is the line's own rate: `--bandwidth 9.33Mbit/s`. If not, CAKE may take 10182kbit." in said


def test_4_random_loss_over_300_ms_asks_for_bbr_which_its_own_prediction_supports():
    options = ["--rtt", "300ms", "--loss", "1%", "--ring", "500"]
    said = ask(*options)
    verdict = "(100 %) random loss on the path limits this tunnel: neither a longer ring nor the flag IFF_BACKPRESSURE"
    assert said.startswith(f"Almost certainly {verdict}")
    assert "What helps more: try BBR where TCP sends (upload: the client; download: the server; " in said
    assert "limits (what to do next: ask again with `--congestion bbr`)" in said
    cubic, bbr = (stock(record(*options, "--congestion", control), 500) for control in ("cubic", "bbr"))
    assert bbr["received_rate"]["low90"] > cubic["received_rate"]["high90"]
    carries = re.search(r"With it: ([\d.]+) Mbit/s \(90 %: [^)]*\) instead of [\d.]+ [KM]bit/s; then ", said)
    assert bbr["received_rate"]["low90"] < 1e6 * float(carries[1]) < bbr["received_rate"]["high90"]
    assert bbr["received_rate"]["median"] > 10 * cubic["received_rate"]["median"]
    told = remedy(record(*options), "bbr")
    assert told["commands"] == ["sysctl -w net.ipv4.tcp_congestion_control=bbr"]
    assert show(told["received_rate"]["median"], "bit/s", 3) == f"{carries[1]} Mbit/s", "the card's own number"
    assert SUBJECTS[next(iter(told["held_by"]))][0] in said.partition("; then ")[2]
    assert "try BBR" not in ask(*options, "--congestion", "bbr")


def test_5_a_guest_that_reads_139_of_237_mbit_s_loses_41_percent_whatever_the_ring():
    options = [
        "--product",
        "qemu-tap",
        "--rtt",
        "0ms",
        "--ring",
        "1000",
        "--udp",
        "237Mbit/s",
        "--measured",
        "139Mbit/s",
    ]
    said = ask(*options)
    assert re.match(r"Almost certainly \(\d+ %\) QEMU \(tap\) itself limits this tunnel", said)
    lost = stock(record(*options), 1000)["drop_fraction"]
    assert lost["low90"] < 1 - 139 / 237 < lost["high90"]
    assert "% of what is sent is lost; a longer ring only delays" in said
    assert "vhost-net is assumed to take " in said
    assert "`ip -s link show tap0; sleep 10; ip -s link show tap0`" in said
    assert all(int(size) < 1000 for size in re.findall(r"txqueuelen (\d+)`", said)), "a longer ring only delays"


def test_6_a_socket_buffer_of_64_kb_at_100_ms_is_5_mbit_s_and_is_raised_first():
    said = ask("--product", "openvpn", "--send-buffer", "64KB", "--rtt", "100ms", "--ring", "500")
    assert said.startswith("Almost certainly (100 %) the window of TCP limits this tunnel: neither a longer ring nor")
    assert "64 KB / 100 ms = 5.12 Mbit/s: raise the socket buffers first." in said
    assert "In OpenVPN: delete `sndbuf` and `rcvbuf` from both configs" in said
    assert "with `proto udp` (its default), they limit no window" in said
    assert "`nstat -az UdpRcvbufErrors` at the far end" in said
    assert re.search(r"tcp_rmem='4096 131072 (\d+)'` and `sysctl -w net.ipv4.tcp_wmem='4096 16384 \1'` \(to", said)
    assert "where `sysctl net.ipv4.tcp_rmem net.ipv4.tcp_wmem` prints a third number below this, and only there" in said
    assert re.search(r"Price: up to \d+ MB of memory a connection and end\.", said)
    assert float(re.search(r"With [\d.]+ MB at txqueuelen 500: ([\d.]+) Mbit/s \(90 %: .*instead of 5", said)[1]) > 50
    assert re.search(
        r"; then [\w %()]+ \(what to do next: ask again with `--window [\d.]+MB --send-buffer [\d.]+MB`\)", said
    )
    assert "ip link set" not in said


def test_7_wireguard_go_with_8_streams_is_mostly_held_by_its_reader():
    said = ask("--product", "wireguard-go", "--streams", "8", "--rtt", "20ms", "--ring", "500", "--rings", "500")
    assert re.match(r"([\w ]+ \(\d+ %\) )?wireguard-go itself", said)
    assert "WireGuard of the kernel (if `modprobe wireguard` succeeds: `wg-quick down wg0`, end wireguard-go" in said
    assert "(0 %) is likely" not in said
    assert "Gain: not known" in said


def test_8_pasta_with_an_mtu_of_1500_pays_for_packets_and_is_told_to_raise_the_mtu():
    said = ask("--product", "passt", "--mtu", "1500", "--rtt", "0ms", "--ring", "1000", "--rings", "1000")
    verdict = r"\((9\d|100) %\) pasta or slirp4netns itself limits this tunnel; neither a longer ring"
    assert re.match(rf"Almost certainly {verdict} nor the flag IFF_BACKPRESSURE \(Linux 7.3\) helps\.", said)
    assert "in pasta_options of containers.conf" in said
    assert "Do: raise the MTU: " in said
    assert "podman: `podman inspect --format '{{.State.Pid}}' NAME`" in said
    assert "a larger MTU" in said
    assert "`nsenter --net --target PID ip -br link`, as root" in said
    assert re.search(
        r"with an MTU of 65520: [\d.]+ Gbit/s \(90 %: .*\) instead of [\d.]+ [MG]bit/s \(what a byte", said
    )


def test_9_a_upf_with_500_packets_is_held_by_its_ring_and_4096_are_better():
    options = ["--product", "upf", "--rtt", "30ms", "--ring", "500", "--rings", "4096"]
    said = ask(*options)
    assert re.match("(.* )?[Dd]rops in the ring", said.partition(";")[0])
    assert "`ip link set dev ogstun txqueuelen 4096`" in said
    assert "on this host, start a transfer during `ip -s link show ogstun; sleep 10; ip -s link show ogstun`" in said
    told = record(*options)
    assert stock(told, 4096)["received_rate"]["median"] > stock(told, 500)["received_rate"]["median"]
    assert "OpenVPN" not in said


def test_10_one_snapshot_of_counters_does_not_tell_whether_it_is_the_ring(tmp_path):
    (tmp_path / "ip.txt").write_text(SNAPSHOT)
    said = ask("--trace", str(tmp_path / "ip.txt"))
    assert (
        "one snapshot of counters does not tell whether it is the ring now: the ring of tun0 has overflowed at times "
        "(it dropped 2642 of 6087168 packets since it came up" in said.lower()
    )
    assert "sleep 10; ip -s link show tun0 > after.txt; tunbp predict --trace before.txt --trace after.txt`" in said
    assert "`tunbp lab probe tun0`" in said
    assert "came up, which says nothing of now." in said
    assert "No prediction follows from this alone: it takes a rate (`--measured 50Mbit/s`) and an RTT" in said
    assert record("--trace", str(tmp_path / "ip.txt"))["cannot"]


@pytest.mark.parametrize(("dropped", "answer"), [(2742, "Yes, the ring overflows"), (2642, "It is not the ring")])
def test_10_two_snapshots_in_their_order_answer_whether_it_is_the_ring(tmp_path, dropped, answer):
    later = SNAPSHOT.replace("2642", str(dropped)).replace("6084526", "6094526")
    assert later != SNAPSHOT
    for name, words in (("one.txt", SNAPSHOT), ("two.txt", later)):
        (tmp_path / name).write_text(words)
    both = ["--trace", str(tmp_path / "one.txt"), "--trace", str(tmp_path / "two.txt")]
    assert f"{answer}: between the snapshots tun0 dropped {'100' if dropped > 2642 else 'none'} of 10" in ask(*both)
    if dropped > 2642:  # with a rate they choose among the draws
        said = record(*both, "--measured", "60Mbit/s", "--rtt", "40ms", "--draws", "32")
        lost = [
            row["drop_fraction"]["median"] for row in said["rows"] if row["variant"] == "stock" and row["ring"] == 500
        ]
        assert 1e-3 < lost[0] < 0.1


def test_10_the_same_snapshot_twice_tells_nothing_and_what_was_given_is_not_asked_for(tmp_path):
    for name in ("one.txt", "two.txt"):
        (tmp_path / name).write_text(SNAPSHOT)
    both = ["--trace", str(tmp_path / "one.txt"), "--trace", str(tmp_path / "two.txt")]
    said = ask(*both)
    assert said.startswith("No packet entered tun0 between the two files: they are swapped or the same")
    assert "not the ring" not in said
    (tmp_path / "two.txt").write_text(SNAPSHOT.replace("2642", "2719").replace("6084526", "6115017"))
    said = ask(*both, "--rtt", "40ms")
    assert "it takes a rate (`--measured 50Mbit/s`), with your values." in said
    assert "--rtt" not in said
    said = ask(*both, "--rtt", "40ms", "--measured", "20Mbit/s")
    assert said.startswith("The ring overflows (0.25 % of the packets): try `ip link set dev tun0 txqueuelen 1000`")
    assert "--trace" not in said


def test_6_both_buffers_of_64_kb_are_raised_together_and_never_lowered():
    options = ["--rtt", "100ms", "--ring", "500", "--window", "64KB", "--send-buffer", "64KB"]
    told = remedy(record(*options), "socket buffers")
    assert told["changes"].keys() == {"receive_window", "send_buffer"}
    assert told["received_rate"]["median"] > 50e6
    assert len(told["commands"]) == 2, "one of the two may be large already"
    said = ask(*options)
    assert "Do: larger socket buffers at both ends: " in said
    assert said.index("with `proto udp` (its default), they limit no window") < said.index("Payload rates")
    assert "limit no window" not in ask("--rtt", "20ms", "--ring", "100", "--window", "64MB"), "another cause"


@pytest.mark.parametrize("ring", [100, 1000])
def test_no_ring_is_advised_that_the_table_shows_no_faster(ring):
    told = record("--rtt", "60ms", "--ring", str(ring))
    said = ask("--rtt", "60ms", "--ring", str(ring))
    found = re.search(r"`ip link set dev tun0 txqueuelen (\d+)`", said)
    if found:
        assert (
            stock(told, int(found[1]))["received_rate"]["median"] > 1.05 * stock(told, ring)["received_rate"]["median"]
        )
    else:
        best = max(row["received_rate"]["median"] for row in told["rows"] if row["variant"] == "stock")
        assert best < 1.4 * stock(told, ring)["received_rate"]["median"]
