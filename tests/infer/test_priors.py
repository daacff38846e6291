"""Priors of unknown constants, and draws from them."""

import numpy as np
import pytest

from tunbp.errors import ParamsError
from tunbp.evidence.datasets import data_path
from tunbp.infer.priors import ERRORS, NINETY, draws, priors, products
from tunbp.model.fields import FIELDS
from tunbp.model.scenario import Scenario
from tunbp.traces import open_trace


@pytest.mark.parametrize("product", products())
def test_every_prior_is_of_a_field_and_says_its_source_and_what_measures_it(product):
    for name, prior in priors(product).items():
        assert name in FIELDS
        assert prior.source
        assert prior.measure
        assert prior.second > 0


def test_an_unknown_product_is_refused_with_those_there_are():
    with pytest.raises(ParamsError, match=r"product: 'ipsec' is not known; allowed: openvpn, "):
        priors("ipsec")


def test_a_lognormal_has_its_median_and_its_90_percent_interval():
    speed = priors("openvpn")["drain_rate"]
    low, middle, high = speed.quantile(np.array([0.05, 0.5, 0.95]))
    assert middle == pytest.approx(speed.first)
    assert (middle / low, high / middle) == pytest.approx((speed.second, speed.second))
    assert pytest.approx(1.6449, abs=1e-4) == NINETY


def test_draws_are_the_same_for_the_same_seed_and_allowed_values_of_their_fields():
    first, again, other = (draws(priors(), Scenario().parameters(), 64, seed) for seed in (3, 3, 4))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["drain_rate"], other["drain_rate"])
    assert all(((first[name] > 0) & (first[name] < 1)).all() for name in ERRORS)
    for name in priors():
        for value in first[name]:
            Scenario(**{name: int(value) if FIELDS[name].integer else float(value)})


def test_relative_constants_follow_what_they_are_relative_to():
    known = Scenario(drain_rate=1e4).parameters()
    unknown = {name: prior for name, prior in priors().items() if name != "drain_rate"}
    drawn = draws(unknown, known, 256)
    assert np.median(drawn["far_rate"]) == pytest.approx(1.25e4, rel=0.05)
    assert (drawn["ack_cost"] >= 0.5 / 1e4).all()
    assert (drawn["ack_cost"] <= 1.0 / 1e4).all()


def test_a_program_without_a_far_end_has_no_prior_of_one():
    assert "far_rate" in priors("openvpn")
    assert "far_rate" not in priors("passt")


def test_pauses_are_those_that_a_probe_saw_beside_a_flood_of_udp():
    share = priors("openvpn")["stall_rate"]
    assert share.per == "stall_mean"
    low, high = (float(end) for end in share.quantile(np.array([0.0, 1.0])))
    seen = {}
    for rate in (10_000, 20_000, 30_000):
        run = open_trace(data_path("measured") / "probe_openvpn_native" / f"{rate}pps.nc")
        seen[rate] = float(run["pause_length"].sum() / run["duration"])
    assert seen[10_000] == pytest.approx(0.007, abs=5e-4)  # as its source says
    assert low < seen[10_000] < high < seen[20_000] < seen[30_000]  # as the chain fills its rate tells of them
    run = open_trace(data_path("measured") / "probe_openvpn_native" / "10000pps.nc")
    assert (float(run["pause_rate"]), float(run["pause_mean"])) == pytest.approx((22.2, 0.86e-3), rel=0.01)
