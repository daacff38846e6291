"""Samples of the unit cube, slice by slice."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import qmc

from tunbp.sweep.sample import Latin, Sobol, sequence


@pytest.mark.parametrize("kind", [Sobol, Latin])
def test_slices_in_any_order_are_those_of_the_whole(kind: type[Sobol] | type[Latin]) -> None:
    whole = kind(3, 64, 7).take(0, 64)
    sample = kind(3, 64, 7)
    for start, stop in ((32, 48), (0, 16), (16, 32), (48, 64), (8, 24)):
        np.testing.assert_array_equal(sample.take(start, stop), whole[start:stop])


def test_a_sobol_sequence_is_spread_more_evenly_than_chance() -> None:
    random = np.random.default_rng(1).random((256, 4))
    assert qmc.discrepancy(Sobol(4, 256, 1).take(0, 256)) < 0.3 * qmc.discrepancy(random)


def test_each_row_and_column_of_a_latin_hypercube_has_one_point() -> None:
    points = Latin(2, 50, 3).take(0, 50)
    assert all(sorted((50 * column).astype(int)) == list(range(50)) for column in points.T)


def test_the_same_design_is_made_once() -> None:
    assert sequence("sobol", 2, 8, 1) is sequence("sobol", 2, 8, 1)
    assert isinstance(sequence("latin", 2, 8, 1), Latin)
