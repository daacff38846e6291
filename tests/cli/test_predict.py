"""`tunbp predict` as it is typed."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from tunbp.cli import tunbp
from tunbp.errors import OutputError, ParamsError

FAST = ["--duration", "5s", "--seeds", "1", "--rings", "10,1000"]
VPN = ["--rtt", "120ms", "--ring", "100", "--drain", "60k/s", "--window", "3MB", "--ack-interval", "10ms"]


def predict(*options):
    return CliRunner().invoke(tunbp, ["predict", *options], catch_exceptions=True)


def test_a_path_gets_a_table_and_a_recommendation():
    shown = predict(*VPN, *FAST)
    assert shown.exit_code == 0, shown.output
    assert "Set IFF_BACKPRESSURE" in shown.output
    assert "reader 60 Kpps" in shown.output
    assert "receive window" in shown.output


def test_json_has_the_points_the_scenario_and_the_advice():
    told = json.loads(predict(*VPN, *FAST, "--json").output)
    assert told["scenario"]["rtt"] == 0.12
    assert [p["ring"] for p in told["points"]] == [10, 100, 1000] * 2
    assert told["advice"]["set_flag"] is True
    stock, pushed = (
        next(p for p in told["points"] if p["variant"] == v and p["ring"] == 100) for v in ("stock", "backpressure")
    )
    assert pushed["received_rate"] > 3 * stock["received_rate"]


def test_the_readers_speed_may_be_given_in_bits():
    told = json.loads(predict(*VPN[:4], "--drain", "80Mbit/s", "--mss", "1000B", *FAST, "--json").output)
    assert told["scenario"]["drain_rate"] == pytest.approx(10e3)


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
        (["--rtt", "90s"], ParamsError, "--rtt: 90 is not allowed"),
        (["--host", "moon"], ParamsError, "--host: 'moon' is not known"),
        (["--rings", "1,x"], ParamsError, "--rings: '1,x'"),
        (["--plot", "a.txt"], OutputError, "must end with"),
    ],
)
def test_a_wrong_option_is_named(options, error, says):
    result = predict(*options, *FAST[:4])
    assert isinstance(result.exception, error)
    assert says in str(result.exception)
