"""`tunbp predict` as it is typed."""

from __future__ import annotations

import errno
import json
import os
import re

import pytest
from click.testing import CliRunner

from tunbp.cli import main, tunbp
from tunbp.cli.predict import FIRST, NOT_SET
from tunbp.cli.predict import predict as command
from tunbp.cli.predict_record import PredictionRecord, RefusalRecord, read
from tunbp.errors import OutputError, ParamsError
from tunbp.infer.priors import products
from tunbp.model.fields import FIELDS
from tunbp.prediction.products import key
from tunbp.quantities import show

FAST = ["--duration", "4s", "--draws", "16", "--rings", "25,1000"]
VPN = ["--rtt", "120ms", "--ring", "100", "--drain", "60k/s", "--window", "3MB"]


def predict(*options):
    return CliRunner().invoke(tunbp, ["predict", *options], catch_exceptions=True)


def record(*options):
    shown = predict(*options, "--json")
    assert shown.exit_code == 0, shown.output
    return json.loads(shown.stdout)


def test_a_path_gets_a_sentence_a_table_and_a_card():
    shown = predict(*VPN, *FAST)
    assert shown.exit_code == 0, shown.output
    assert "limit this tunnel" in shown.output.splitlines()[0] + shown.output.splitlines()[1]
    assert "\nDo: " in shown.output
    assert "reader speed 60 Kpps" in " ".join(shown.output.split())
    assert "From priors (16 draws)" in " ".join(shown.output.split())


def test_json_is_one_object_with_a_row_per_ring_and_variant():
    told = record(*VPN, *FAST)
    assert told["schema"] == 1
    assert [(row["ring"], row["variant"]) for row in told["rows"]] == [
        (ring, variant) for ring in (25, 100, 1000) for variant in ("stock", "backpressure")
    ]
    assert set(told["rows"][0]["received_rate"]) == {"median", "low50", "high50", "low90", "high90"}
    assert told["used"]["rtt"] == {"value": 0.12, "source": "given"}
    assert told["used"]["burst_rate"]["source"] == "prior"
    assert 0.0 <= told["gain"]["probability_above_10_percent"] <= 1.0
    assert all(row["measure"] for row in told["unknown"])
    assert [row["share"] for row in told["unknown"]] == sorted((r["share"] for r in told["unknown"]), reverse=True)


def test_the_json_follows_its_schema_also_where_it_refuses(tmp_path):
    schema = json.loads(predict("--json-schema").stdout)
    assert {"PredictionRecord", "RefusalRecord", "RemedyRecord"} <= set(schema["$defs"])
    assert isinstance(read(record(*VPN, *FAST)), PredictionRecord)
    (tmp_path / "ping.txt").write_text(
        "PING far (10.0.0.1) 56(84) bytes of data.\n64 bytes from far: icmp_seq=1 ttl=64 time=40.1 ms\n"
    )
    assert isinstance(read(record("--trace", str(tmp_path / "ping.txt"))), RefusalRecord)


def test_the_remedies_of_the_json_are_those_of_the_card():
    said, told = " ".join(predict(*VPN, *FAST).output.split()), record(*VPN, *FAST)
    assert said.startswith(told["verdict"])
    commands = [command for remedy in told["remedies"] for command in remedy["commands"]]
    assert commands
    assert all(f"`{command}`" in said for command in commands)
    rates = [remedy["received_rate"]["median"] for remedy in told["remedies"] if remedy["received_rate"]]
    assert rates
    assert all(show(rate, "bit/s", 3) in said for rate in rates)


def test_a_ring_that_nobody_named_has_no_row():
    told = record(*VPN[:2], "--drain", "60k/s", "--duration", "2s", "--draws", "16", "--rings", "25,1000")
    assert [row["ring"] for row in told["rows"]] == [25, 25, 1000, 1000]
    assert told["gain"]["ring"] == 500
    assert told["used"]["ring"] == {"value": 500, "source": "prior", "fixed": True}


def test_where_each_value_comes_from_is_one_of_four_words():
    told = record("--host", "path-openvpn", "--ring", "50", "--rings", "50", "--duration", "2s", "--draws", "16")
    assert {row["source"] for row in told["used"].values()} == {"given", "host", "prior"}
    assert {row["name"] for row in told["unknown"]} == {
        "drain_rate", "receive_window", "ack_interval", "stall_rate", "stall_mean", "burst_rate"
    }  # fmt: skip


def test_rates_may_be_given_in_bits_of_payload():
    used = record(*VPN[:4], "--drain", "80Mbit/s", "--path-rate", "40Mbit/s", "--mss", "1000B", *FAST)["used"]
    assert used["drain_rate"]["value"] == pytest.approx(10e3)
    assert used["path_rate"]["value"] == pytest.approx(5e3)


@pytest.mark.parametrize(("rate", "asked"), [("5k/s", True), ("40Mbit/s", False)])
def test_a_chain_s_packets_may_be_the_reader_s_own_and_a_link_s_bits_are_not(rate, asked):
    found = record(*VPN[:4], "--drain", "80k/s", "--path-rate", rate, *FAST)
    assert ({"shared", "lift"} <= {row["name"] for row in found["unknown"]}) is asked
    assert found["used"]["path_rate"]["source"] == "given"


def test_bandwidth_and_loss_are_other_names_of_path_rate_and_path_loss():
    used = record(*VPN, "--bandwidth", "5k/s", "--loss", "1%", *FAST)["used"]
    assert (used["path_rate"]["value"], used["path_loss"]["value"]) == (5e3, 0.01)


def test_the_warm_up_is_a_sixth_of_the_duration_unless_given():
    assert record(*VPN, *FAST)["used"]["warmup"]["value"] == pytest.approx(4 / 6)
    assert record(*VPN, *FAST, "--warmup", "0s")["used"]["warmup"]["value"] == 0.0


def test_an_rtt_of_zero_is_simulated_as_a_tenth_of_a_millisecond():
    assert record("--rtt", "0ms", *FAST)["used"]["rtt"]["value"] == 1e-4
    assert record("--rtt", "0", *FAST)["used"]["rtt"]["value"] == 1e-4


def test_a_figure_is_drawn(tmp_path):
    target = tmp_path / "path.svg"
    assert predict(*VPN, *FAST, "--plot", str(target)).exit_code == 0
    assert "<svg" in target.read_text()


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        (["--rtt", "120"], ParamsError, "--rtt: '120': the unit is missing"),
        (["--drain", "60"], ParamsError, "--drain: '60': the unit is missing"),
        (["--qdisc", "red"], ParamsError, "--qdisc: 'red' is not known"),
        (["--rtt", "90s"], ParamsError, "--rtt: 90 s is not allowed; allowed: at least 1 µs and at most 60 s"),
        (["--rtt", "1ns"], ParamsError, "--rtt: 1 ns is not allowed; allowed: at least 1 µs and at most 60 s"),
        (
            ["--window", "1e30"],
            ParamsError,
            "--window: 1.000e+18 TB is not allowed; allowed: at least 1 B and at most 1.074 GB",
        ),
        (["--ring", "1e12"], ParamsError, "--ring: 1000 G packets is not allowed; allowed: whole numbers, at least 1"),
        (["--path-loss", "200%"], ParamsError, "--path-loss: 200 % is not allowed; allowed: at least 0 % and at most"),
        (["--guest-rate", "0k/s"], ParamsError, "--guest-rate: 0 pps is not allowed; allowed: more than 0 pps"),
        (["--host", "moon"], ParamsError, "--host: 'moon' is not known"),
        (["--product", "ipsec"], ParamsError, "product: 'ipsec' is not known"),
        (["--draws", "100"], ParamsError, "draws: 100; allowed: powers of two"),
        (["--rings", "1,x"], ParamsError, "--rings: '1,x'"),
        (["--plot", "a.txt"], OutputError, "must end with"),
    ],
)
def test_a_wrong_option_is_named(options, error, says):
    result = predict(*options)
    assert isinstance(result.exception, error)
    assert says in str(result.exception)


def test_every_field_has_an_option_unless_another_option_or_nothing_sets_it():
    options = {parameter.name for parameter in command.params}
    assert options >= FIELDS.keys() - {*NOT_SET}
    assert options & {*NOT_SET} == {"warmup", "seed"}
    assert {*NOT_SET, *FIRST} <= FIELDS.keys()


def test_the_table_fits_a_terminal_of_80_columns_in_one_unit_whatever_the_rates():
    for path in (["--rtt", "1ms", "--product", "copy"], ["--rtt", "50ms", "--bandwidth", "10Mbit/s"]):
        shown = CliRunner(env={"COLUMNS": "80"}).invoke(tunbp, ["predict", *path, *FAST], catch_exceptions=False).output
        table = [line for line in shown.splitlines() if line.startswith((*" 0123456789", "ring "))]
        assert all(len(line) <= 80 for line in table)
        assert "…" not in shown
        assert len({word for line in table for word in line.split() if word.endswith("bit/s")}) == 1


def test_help_names_every_program():
    said = " ".join(CliRunner().invoke(tunbp, ["predict", "--help"]).output.split())
    named = re.search(r"reads the device: ([^.]*)\.", said)
    assert named
    assert sorted(map(key, named[1].split(", "))) == sorted(products())


def test_the_commands_are_for_the_host_that_sends():
    path = ["--rtt", "50ms", "--ring", "25", *FAST]
    sides = {"upload": "on this host, the client, which sends (upload)",
             "download": "on the server, the other end of the tunnel, which sends (download)"}  # fmt: skip
    for direction, side in sides.items():
        shown = CliRunner().invoke(tunbp, ["predict", *path, "--direction", direction], catch_exceptions=False)
        said = " ".join(shown.output.split())
        assert re.search(rf"oday: `ip link set dev tun0 txqueuelen \d+` {re.escape(side)}: ", said)


def test_a_link_s_buffer_may_be_a_time_at_its_rate():
    told = record("--rtt", "40ms", "--bandwidth", "1000/s", "--path-buffer", "300ms", "--rings", "25", *FAST)
    assert told["used"]["path_buffer"] == {"value": 300, "source": "given"}


def test_a_ping_that_does_not_change_is_said_to_stay():
    path = ["--rtt", "120ms", "--ring", "25", "--window", "300KB"]
    shown = CliRunner().invoke(tunbp, ["predict", *path, *FAST], catch_exceptions=False)
    assert "Price: ping under load stays 120 ms in the median" in " ".join(shown.output.split())


def test_a_card_with_all_that_a_ring_asks_for_stays_within_44_lines():
    path = ["--rtt", "120ms", "--ring", "100", "--draws", "16", "--duration", "4s"]
    shown = CliRunner(env={"COLUMNS": "80"}).invoke(tunbp, ["predict", *path])
    assert len(shown.output.splitlines()) <= 44


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG, errno.EROFS])
def test_a_figure_that_does_not_fit_is_one_line(monkeypatch, capsys, tmp_path, number):
    def full(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("tunbp.cli.predict.draw", full)
    with pytest.raises(SystemExit) as ended:
        main(["predict", *VPN, "--duration", "1s", "--draws", "8", "--rings", "100", "--plot", str(tmp_path / "w.svg")])
    assert ended.value.code == 1
    assert capsys.readouterr().err.strip().endswith(f"Error: {os.strerror(number)}; nothing was left half written")


def test_where_no_constants_give_the_run_no_table_and_no_advice_follow():
    shown = predict(*VPN, *FAST, "--measured", "2Gbit/s")
    assert shown.exit_code == 0, shown.output
    assert "Nobody said, so this is assumed: OpenVPN (--product)." in " ".join(shown.output.split())
    assert "The model without it: " in " ".join(shown.output.split())
    said = " ".join(shown.output.split())
    assert said.startswith("No answer: likely constants do not give this run, so that something else limits")
    assert "with the flag" not in said
    assert "`ip -s link show tun0` before and after" in said


def test_a_tcp_rate_that_fills_a_processor_is_a_ceiling_of_tcp_and_not_of_a_flood():
    bound = ["--rtt", "20ms", "--cpu-bound", "100Mbit/s", *FAST]
    tcp, flood = (record(*bound, *more)["rows"] for more in ([], ["--udp", "130Mbit/s"]))
    assert max(row["received_rate"]["high90"] for row in tcp) <= 100e6 * (1 + 1e-9)
    assert max(row["received_rate"]["high90"] for row in flood) > 100e6


def test_the_ring_of_a_program_that_forwards_is_on_this_host_in_either_direction():
    for direction in ("upload", "download"):
        shown = predict("--product", "open5gs", "--rtt", "20ms", "--ring", "25", "--direction", direction, *FAST)
        said = " ".join(shown.output.split())
        assert "on this host, for what others send into it (the downlink of a UPF)" in said
        assert "on the server" not in said
