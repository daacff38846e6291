"""Our points of the Sobol sequence are scipy's."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import qmc

from tunbp.infer import sobol as module
from tunbp.infer.sobol import sobol


@given(st.integers(1, 64), st.integers(0, 10), st.integers(0, 2**32))
def test_points_are_those_of_scipy_bit_for_bit(dimensions, power, seed):
    expected = qmc.Sobol(dimensions, seed=seed).random(2**power)
    assert sobol(dimensions, 2**power, seed).tobytes() == expected.tobytes()


def test_a_scipy_without_its_table_is_asked_for_the_points_themselves(monkeypatch):
    expected = sobol(3, 8, seed=7)
    monkeypatch.setattr(module, "_file", lambda: Path("nowhere"))
    assert sobol(3, 8, seed=7).tobytes() == expected.tobytes()


@pytest.mark.parametrize("count", [1, 2, 1024])
def test_points_have_the_shape_that_was_asked_for(count):
    assert sobol(5, count, seed=0).shape == (count, 5)
