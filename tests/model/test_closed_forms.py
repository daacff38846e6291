"""The fluid engine against textbook formulas."""

from __future__ import annotations

import pytest

from tests.model.closed_forms import COLUMNS, closed_forms

LIMITS = {
    "receive window / RTT": 0.005,
    "bandwidth-delay product": 1e-6,
    "standing queue": 0.005,
    "wake-cycle law": 1e-6,
    # saws of the engine's own making: the laws assume one loss event per saw, no queue at its foot, all slots in sight
    "CUBIC loss law": 0.15,
    "Mathis loss law": 0.06,
    "burst law": 0.10,
}


@pytest.fixture(scope="module")
def table():
    return closed_forms()


def test_the_table_has_every_law(table):
    assert list(table.columns) == list(COLUMNS)
    assert set(table["law"]) == set(LIMITS)


@pytest.mark.parametrize("law", LIMITS)
def test_the_engine_agrees_with_the_law(table, law):
    errors = table[table["law"] == law].set_index("case")["error"].abs()
    assert (errors <= LIMITS[law]).all(), errors.to_string()
