"""Importance weights and what is read off weighted draws, against known answers."""

import numpy as np
import pytest
from scipy.stats import norm

from tunbp.infer import posterior

RNG = np.random.default_rng(5)


def test_quantiles_with_equal_weights_are_those_of_numpy():
    values = RNG.normal(size=101)
    mine = posterior.quantiles(values, np.full(101, 1 / 101), (0.05, 0.5, 0.95))
    assert mine == pytest.approx(np.quantile(values, (0.05, 0.5, 0.95), method="hazen"))


def test_a_measured_value_gives_the_conjugate_posterior():
    """Prior N(0, 1), one measurement of 1 with sigma 0.5: mean 0.8, standard deviation 0.447."""
    draws = norm.ppf((np.arange(20000) + 0.5) / 20000)
    weight, k = posterior.smoothed(norm.logpdf(1.0, draws, 0.5))
    mean = float(np.average(draws, weights=weight))
    spread = float(np.sqrt(np.average((draws - mean) ** 2, weights=weight)))
    assert (mean, spread) == pytest.approx((0.8, 0.4472), abs=2e-3)
    assert k < 0.5
    chosen = draws[posterior.systematic(weight, 2000)]
    assert (chosen.mean(), chosen.std()) == pytest.approx((0.8, 0.4472), abs=2e-3)


def test_a_value_that_no_draw_reproduces_leaves_few_effective_draws():
    draws = 0.1 * RNG.normal(size=256)
    assert posterior.effective(posterior.smoothed(norm.logpdf(2.3, draws, 0.02))[0]) < 4.0
    assert posterior.effective(posterior.smoothed(norm.logpdf(0.0, draws, 10.0))[0]) > 250.0


def test_shares_of_variance_are_those_of_a_linear_model_and_zero_for_a_constant_without_effect():
    x, y, z = RNG.uniform(size=(3, 4096))
    equal = np.full(4096, 1 / 4096)
    outcome = 3.0 * x + 1.0 * y
    assert posterior.share_of_variance(x, outcome, equal) == pytest.approx(0.9, abs=0.03)
    assert posterior.share_of_variance(y, outcome, equal) == pytest.approx(0.1, abs=0.03)
    assert posterior.share_of_variance(z, outcome, equal) < 0.005
