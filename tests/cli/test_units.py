"""Quantities with units on the command line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunbp.cli.units import BIT_RATE, PACKET_RATE, SIZE, TIME, Quantity, parse
from tunbp.errors import ParamsError


@pytest.mark.parametrize(
    ("text", "units", "value"),
    [
        ("120ms", TIME, 0.12), ("1.5 s", TIME, 1.5), ("60k/s", PACKET_RATE, 60e3), ("1.8M/s", PACKET_RATE, 1.8e6),
        ("6MB", SIZE, 6e6), ("6MiB", SIZE, 6 * 2**20), ("8Mbit/s", BIT_RATE, 8e6), ("5e1us", TIME, 5e-5),
    ],
)  # fmt: skip
def test_a_number_with_its_unit_becomes_si(text, units, value):
    assert parse(text, units, "--x")[0] == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "says"),
    [("120", "unit is missing, e.g. 120s"), ("120MS", "did you mean 120ms"), ("fast", "not a number"),
     ("5 parsec", "unit 'parsec' is not known"), ("1e999s", "not a number")],
)  # fmt: skip
def test_a_wrong_quantity_says_what_would_be_right(text, says):
    with pytest.raises(ParamsError, match=says):
        parse(text, TIME, "--rtt")


def test_a_whole_number_is_asked_for_by_name():
    with pytest.raises(ParamsError, match="not a whole number"):
        Quantity("500", {"": 1.0}, whole=True).convert("2.5", None, None)


@given(st.floats(1e-6, 1e6), st.sampled_from(list(TIME)))
def test_what_is_printed_is_read_back(value, unit):
    assert parse(f"{value!r}{unit}", TIME, "x")[0] == pytest.approx(value * TIME[unit])
