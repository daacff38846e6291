"""Quantities with units on the command line."""

from __future__ import annotations

import pytest

from tunbp.cli.units import Quantity
from tunbp.errors import ParamsError


def test_a_quantity_becomes_si_and_numbers_pass_through():
    assert Quantity("120ms", "s").convert("120 msec", None, None) == 0.12
    assert Quantity("120ms", "s").convert(0.5, None, None) == 0.5


def test_a_whole_number_is_asked_for_by_name():
    assert Quantity("500", "packet", whole=True).convert("1k", None, None) == 1000
    with pytest.raises(ParamsError, match="not a whole number"):
        Quantity("500", "packet", whole=True).convert("2.5", None, None)
