"""Numbers with units: what people write is read, what is shown is read back and means something."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunbp import schema
from tunbp.errors import OutputError, ParamsError
from tunbp.quantities import KINDS, clock, decimals, fixed, label_unit, parse, show, show_range, significant

VALUES = st.floats(1e-9, 1e14)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("100Mbit", "bit/s", 1e8), ("100Mbps", "bit/s", 1e8), ("1.2Gbps", "bit/s", 1.2e9), ("12.5MB/s", "bit/s", 1e8),
        ("100mbit", "bit/s", 1e8), ("8 Mibit/s", "bit/s", 8 * 2**20), ("64k", "byte", 64e3), ("64K", "byte", 64e3),
        ("64KiB", "byte", 65536.0), ("1400B", "byte", 1400.0), ("1448", "byte", 1448.0), ("6 MByte", "byte", 6e6),
        ("15ms", "s", 0.015), ("15 msec", "s", 0.015), ("0.5us", "s", 5e-7), ("5 μs", "s", 5e-6), ("1e3us", "s", 1e-3),
        ("120MS", "s", 0.12), ("2 min", "s", 120.0), ("30kpps", "packet/s", 30e3), ("45k/s", "packet/s", 45e3),
        ("1_500_000", "packet/s", 1.5e6), ("1%", "%", 0.01), ("0.5 per cent", "%", 0.005), ("500", "packet", 500.0),
        ("1k packets", "packet", 1000.0), ("2/min", "1/s", 2 / 60),
    ],
)  # fmt: skip
def test_what_people_write_is_read_exactly(text, unit, value):
    assert parse(text, unit) == (value, unit)


def test_a_value_that_may_be_one_of_two_kinds_says_which_it_is():
    assert parse("60k/s", "packet/s", "bit/s") == (60e3, "packet/s")
    assert parse("700Mbit", "packet/s", "bit/s") == (7e8, "bit/s")


@pytest.mark.parametrize(
    ("text", "units", "says"),
    [
        ("120", ["s"], "unit is missing, e.g. 120ms, 120s"),
        ("100", ["bit/s"], "unit is missing, e.g. 100Mbit/s"),
        ("60", ["packet/s", "bit/s"], "unit is missing, e.g. 60Kpps, 60Mbit/s"),
        ("1", ["%"], "unit is missing, e.g. 1%"),
        ("12.5mb/s", ["bit/s"], "two meanings: write 12.5Mbit/s or 12.5MB/s"),
        ("1,5ms", ["s"], "a point and no commas"),
        ("1 2 ms", ["s"], "a point and no commas"),
        ("fast", ["s"], "not a number"),
        ("nan s", ["s"], "not a number"),
        ("1e999s", ["s"], "not a number"),
        ("5 parsec", ["s"], "unit 'parsec' is not known; e.g. 5ms, 5s"),
        ("5ms", ["bit/s"], "unit 'ms' is not known; e.g. 5Mbit/s"),
    ],
)
def test_a_wrong_quantity_says_what_would_be_right(text, units, says):
    with pytest.raises(ParamsError, match=rf"^--x: .*{re.escape(says)}"):
        parse(text, *units, name="--x")


@given(st.sampled_from(list(KINDS)), VALUES, st.integers(2, 6))
def test_what_is_shown_is_read_back_to_the_digits_shown(unit, value, digits):
    read, found = parse(show(value, unit, digits).replace(",", ""), unit)
    assert found == unit
    assert read == pytest.approx(value, rel=0.51 * 10 ** (1 - digits))


@given(st.sampled_from([(unit, name) for unit, kind in KINDS.items() for name in kind.sizes]), st.floats(1e-6, 1e6))
def test_every_unit_is_read_back(named, value):
    unit, name = named
    if name or KINDS[unit].bare:
        assert parse(f"{value!r} {name}", unit)[0] == pytest.approx(value * KINDS[unit].sizes[name], rel=1e-12)


@given(st.text(max_size=12), st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=3, unique=True))
def test_any_text_is_a_finite_number_or_refused(text, units):
    try:
        value, unit = parse(text, *units)
    except ParamsError:
        return
    assert math.isfinite(value)
    assert unit in units


@given(st.sampled_from(list(KINDS)), VALUES)
def test_no_more_digits_are_shown_than_asked_for(unit, value):
    shown = show(value, unit)
    digits = re.sub(r"[^0-9]", "", re.split(r"[ /e]", shown)[0]).strip("0")
    assert len(digits) <= (4 if value != round(value) or value >= KINDS[unit].whole else 6), shown


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (98.33e6, "bit/s", "98.33 Mbit/s"), (999.96e3, "bit/s", "1 Mbit/s"), (-4e5, "bit/s", "-400 Kbit/s"),
        (6.4e-7, "s", "640 ns"), (0.094006, "s", "94.01 ms"), (300.0, "s", "300 s"), (0.0, "packet/s", "0 pps"),
        (184_647_250, "packet", "184.6 M packets"), (15539, "packet", "15,539 packets"), (2130, "1", "2130"),
        (12.5, "packet", "12.5 packets"), (1448, "byte", "1448 B"), (6e6, "byte", "6 MB"), (0.05, "%", "5 %"),
        (1.0, "1/s", "1/s"), (0.5724, "1", "0.5724"), (math.nan, "s", "-"), (math.inf, "s", "inf s"),
        (2.5, "byte/packet", "2.5 byte/packet"),
    ],
)  # fmt: skip
def test_a_value_is_shown_with_the_unit_that_suits_it(value, unit, text):
    assert show(value, unit) == text


def test_both_ends_of_an_interval_have_one_unit():
    assert show_range(0.031, 0.042, "%") == "3.1 to 4.2 %"
    assert show_range(0.0009, 0.012, "s") == "0.9 to 12 ms"


@given(VALUES, st.integers(1, 6))
def test_decimals_show_as_many_significant_digits_as_asked(value, digits):
    shown = float(fixed(value, decimals(value, digits)).replace(",", ""))
    assert abs(shown - value) <= max(0.5000001 * 10 ** (math.floor(math.log10(value)) - digits + 1), 0.5 * (value >= 1))


def test_numbers_are_shown_without_exponent_in_the_range_of_everyday():
    assert [significant(x) for x in (0.0, 1e-5, 0.5, 123456.0, -2.0)] == ["0", "0.00001", "0.5", "123,500", "-2"]
    assert significant(6.626e-34) == "6.626e-34"


def test_a_column_has_one_unit_and_percent_is_one_of_a_share():
    assert label_unit("bit/s") == ("Mbit/s", 1e6)
    assert label_unit("bit/s", "Gbit/s") == ("Gbit/s", 1e9)
    assert label_unit("1", "%") == ("%", 0.01)
    with pytest.raises(OutputError, match="furlong"):
        label_unit("s", "furlong")


def test_every_unit_of_the_schema_that_counts_something_has_a_kind():
    assert {variable.units for variable in schema.VARIABLES.values()} <= KINDS.keys()


def test_a_time_to_wait_is_shown_as_on_a_clock():
    assert [clock(seconds) for seconds in (0, 59.6, 3725)] == ["0:00:00", "0:01:00", "1:02:05"]


@pytest.mark.parametrize("units", [("s",), ("bit/s",), ("packet/s", "bit/s"), ("byte",)])
def test_zero_needs_no_unit(units):
    assert parse("0", *units) == (0.0, units[0])
    assert parse("0.0", *units)[0] == 0.0
