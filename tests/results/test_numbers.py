from __future__ import annotations

import math

import pytest

from tunbp.errors import OutputError
from tunbp.results.numbers import Number, from_record, macro_name, macros


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (Number("a", 57.2, "%"), "57.2 %"),
        (Number("a", 171.68e6, "bit/s", 2.1e6), "171.7 ± 2.1 Mbit/s"),
        (Number("a", 0.0053, "s", (0.004, 0.006)), "5.3 [4.0, 6.0] ms"),
        (Number("a", 184.5e3, "packet/s"), "184 Kpps"),
        (Number("a", 184.5e3, "packet/s", digits=4), "184.5 Kpps"),
        (Number("a", 5.1e-6, "s", shown="µs", digits=2), "5.1 µs"),
        (Number("a", 15539, "1", digits=5), "15,539"),
        (Number("a", 2.0), "2"),
        (Number("a", 50.0, "packet"), "50 packets"),
        (Number("a", -0.001, "1", 0.5), "0.00 ± 0.50"),
        (Number("a", math.nan, "bit/s"), "missing Mbit/s"),
    ],
)
def test_numbers_read_as_people_write_them(number, text):
    assert str(number) == text


@pytest.mark.parametrize(
    ("name", "command"),
    [("openvpn_gain", r"\OpenvpnGain"), ("gain_500", r"\GainFiveZeroZero"), ("tapV7", r"\TapVSeven")],
)
def test_commands_are_letters_only(name, command):
    assert macro_name(name) == command


@pytest.mark.parametrize("name", ["", "5gain", "gain-500", "größe", "a b"])
def test_names_that_tex_cannot_have_are_refused(name):
    with pytest.raises(OutputError, match="letters, digits and underscores"):
        macro_name(name)


def test_macros_carry_uncertainty_and_unit():
    text = macros([Number("rate", 171.68e6, "bit/s", 2.1e6, "received rate"), Number("gain", -3.0, "%")])
    assert r"\newcommand{\Rate}{\ensuremath{171.7 \pm 2.1}~Mbit/s}" in text
    assert r"\newcommand{\RateValue}{\ensuremath{171.7}}" in text
    assert r"\newcommand{\Gain}{\ensuremath{-3.00}~\%}" in text
    assert "% received rate" in text


def test_macros_separate_thousands_without_a_space_and_keep_intervals():
    text = macros([Number("packets", 15539, digits=5), Number("latency", 0.0053, "s", (0.004, 0.006))])
    assert r"\newcommand{\Packets}{\ensuremath{15{,}539}}" in text
    assert r"\newcommand{\Latency}{\ensuremath{5.3} \ensuremath{[4.0, 6.0]}~ms}" in text


def test_two_names_of_one_command_are_refused():
    with pytest.raises(OutputError, match="rename one"):
        macros([Number("gain_5", 1.0), Number("gainFive", 2.0)])
    with pytest.raises(OutputError, match=r"\\GainValue: rename one"):
        macros([Number("gain", 1.0), Number("gain_value", 2.0)])


def test_a_number_survives_its_record():
    number = Number("a", 0.0053, "s", (0.004, 0.006), "latency", "µs", 4)
    assert from_record("a", number.record()) == number
