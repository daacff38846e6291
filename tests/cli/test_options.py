"""Options that are made from the fields' rows."""

from __future__ import annotations

import ast

import click
import pytest
from click.testing import CliRunner

from tunbp.cli import options
from tunbp.errors import ParamsError

NAMES = {"drain_rate": "drain"}


@click.command()
@options.of(("rtt", "drain_rate", "path_loss", "hystart", "congestion", "streams"), NAMES, {"path_loss": "loss"})
def command(**given: object) -> None:
    """Print what was given."""
    click.echo(options.values(given, 1000.0, NAMES))


def typed(*arguments: str) -> dict[str, object]:
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    found: dict[str, object] = ast.literal_eval(done.output)
    return found


def test_what_is_not_given_is_left_out() -> None:
    assert typed() == {}


def test_quantities_are_read_in_si_units() -> None:
    assert typed("--rtt", "15ms", "--loss", "2%") == {"rtt": 0.015, "path_loss": 0.02}
    assert typed("--no-hystart", "--congestion", "reno", "--streams", "4") == {
        "hystart": False, "congestion": "reno", "streams": 4,
    }  # fmt: skip


def test_a_rate_in_bits_is_one_of_packets_of_the_payload() -> None:
    assert typed("--drain", "60k/s") == {"drain_rate": 60e3}
    assert typed("--drain", "80Mbit/s") == {"drain_rate": 10e3}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--loss", "200%"), "--path-loss: 200 % is not allowed; allowed: at least 0 % and at most 90 %"),
        (
            ("--rtt", "2min"),
            "--rtt: 120 s is not allowed; allowed: at least 1 µs and at most 60 s, or 0: none is added",
        ),
        (("--rtt", "1ns"), "--rtt: 1 ns is not allowed; allowed: at least 1 µs and at most 60 s, or 0: none is added"),
        (("--streams", "65"), "--streams: 65 is not allowed; allowed: whole numbers, at least 1 and at most 64"),
        (("--drain", "0k/s"), "--drain: 0 pps is not allowed; allowed: more than 0 pps"),
        (("--congestion", "vegas"), "--congestion: 'vegas' is not known; allowed: cubic, reno, bbr"),
    ],
)
def test_a_value_out_of_its_row_is_refused_with_what_is_allowed(arguments: tuple[str, ...], says: str) -> None:
    with pytest.raises(ParamsError) as caught:
        CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert str(caught.value).startswith(says)


def test_no_round_trip_at_all_means_that_nothing_is_added() -> None:
    assert typed("--rtt", "0s") == {"rtt": 0.0}


def test_help_shows_a_value_of_each_field_and_its_meaning() -> None:
    text = " ".join(CliRunner().invoke(command, ["--help"]).output.split())
    assert "--rtt 120ms Round-trip time without queueing." in text
    assert "--congestion cubic|reno|bbr" in text
    assert "--hystart / --no-hystart" in text


@pytest.mark.parametrize(("text", "packets"), [("300ms", 300), ("0.3 s", 300), ("500", 500), ("1k", 1000), ("1us", 1)])
def test_a_queue_is_packets_or_the_time_that_a_rate_takes_to_send_them(text, packets):
    assert options.queue(text, 1000.0, "--path-buffer", "--path-rate") == packets


@pytest.mark.parametrize(
    ("text", "rate", "says"),
    [
        ("300ms", None, "a time takes the rate that sends it: give --path-rate, or a number of packets"),
        ("1.5", 1000.0, "not a whole number"),
        ("3 furlongs", 1000.0, "unit 'furlongs' is not known"),
    ],
)
def test_a_queue_that_means_nothing_says_what_would(text, rate, says):
    with pytest.raises(ParamsError, match=says):
        options.queue(text, rate, "--path-buffer", "--path-rate")


def test_a_link_s_rate_is_found_where_it_was_typed_or_known():
    typed = {"path_buffer": "300ms", "path_rate": "11.584Mbit/s"}
    assert options.values(typed, 1448.0) == {"path_buffer": 300, "path_rate": pytest.approx(1000.0)}
    assert options.values({"path_buffer": "300ms"}, 1448.0, known={"path_rate": 2000.0}) == {"path_buffer": 600}
