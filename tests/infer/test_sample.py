"""The posterior of a host's constants against known answers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import kstest

from tunbp.infer import sample as sampling
from tunbp.infer.discrepancy import discrepancy
from tunbp.infer.priors import NINETY, priors
from tunbp.infer.sobol import sobol
from tunbp.infer.truth import covered, ranks

FLOOD = {"source": "open", "offered_rate": 1e6, "rtt": 0.01, "duration": 0.5, "mss": 1448.0, "ring": 100,
         "driver": "stock"}  # fmt: skip
SPEED = {"drain_rate": priors("passt")["drain_rate"]}


def floods(*measured: float) -> sampling.Rows:
    """Rows of a flood: what comes out is the reader's speed."""
    names = [f"flood {place}" for place in range(len(measured))]
    return sampling.Rows(names, [FLOOD] * len(measured), np.array(measured) * 8.0 * 1448.0, SPEED)


@pytest.fixture(scope="module")
def found():
    return sampling.sample(floods(50e3, 52e3, 51e3), 256)


def weighted(rows, count=4096):
    """5, 50 and 95 % of the one constant of some rows: draws of its prior, weighted by how well they reproduce them."""
    sizes = discrepancy()
    drawn = sampling.constants(rows, ndtri(np.clip(sobol(1, count, 0), 1e-9, 1.0 - 1e-9)))
    found = sampling.simulated(rows, drawn, 0)
    log = sizes.log_of(rows.measured, sizes.means(found.rate, found.ceiling, found.load, rows.rings)).sum(axis=1)
    (values,) = drawn.values()
    order = np.argsort(values)
    share = np.cumsum(np.exp(log - log.max())[order])
    return values[order][np.searchsorted(share / share[-1], (0.05, 0.5, 0.95))]


def test_a_flood_tells_the_reader_s_speed_as_weights_on_the_prior_have_it(found):
    speeds = found["drain_rate"].to_numpy()
    assert np.quantile(speeds, (0.05, 0.5, 0.95)) == pytest.approx(weighted(floods(50e3, 52e3, 51e3)), rel=0.04)
    spread = np.std(np.log(speeds))
    sizes = discrepancy()
    assert 0.5 < spread / (np.hypot(sizes.capacity, sizes.replicate) / np.sqrt(3)) < 2.0
    assert float(found["contraction"].sel(constant="drain_rate")) > 0.95


def test_every_stage_keeps_half_of_the_draws_effective_and_moves_them(found):
    assert (found["effective"] >= 127.0).all()
    assert found["power"].to_numpy()[-1] == 1.0
    assert (np.diff(found["power"]) > 0).all()
    assert (found["accepted"] > 0.05).all()


def test_the_same_seed_gives_the_same_bits(found):
    assert sampling.sample(floods(50e3, 52e3, 51e3), 256).identical(found)


def test_a_state_that_is_there_is_continued_to_the_same_bits(tmp_path):
    class StoppedError(Exception):
        pass

    def stop(stage, *_):
        raise StoppedError

    state = tmp_path / "state.npz"
    rows, few = floods(50e3, 52e3, 51e3), {"count": 64, "pool": 2}
    whole = sampling.sample(rows, **few)
    assert whole.sizes["stage"] > 1
    with pytest.raises(StoppedError):
        # the report of the first stage comes before the state is kept: that of the second leaves one stage behind
        sampling.sample(rows, **few, state=state, report=lambda n, *_: stop(n) if n == 2 else None)
    assert state.exists()
    assert sampling.sample(rows, **few, state=state).identical(whole)


def test_rows_that_say_nothing_of_a_constant_leave_its_prior():
    rows = floods(51e3)
    unknown = {**SPEED, "receive_window": priors()["receive_window"]}
    told = sampling.sample(sampling.Rows(rows.names, rows.known, rows.measured, unknown), 256)
    assert abs(float(told["contraction"].sel(constant="receive_window"))) < 0.35
    sizes, speed = discrepancy(), SPEED["drain_rate"]
    spread = np.hypot(sizes.capacity, np.sqrt(3.0) * sizes.replicate) / (np.log(speed.second) / NINETY)
    assert float(told["contraction"].sel(constant="drain_rate")) == pytest.approx(1.0 - spread**2, abs=0.08)


def test_intervals_hold_a_known_truth_as_often_as_they_say():
    table = ranks(floods(1.0, 1.0), sets=150, pool=1024)
    assert kstest(table["drain_rate"], "uniform").pvalue > 1e-3
    assert 0.83 <= covered(table)["drain_rate"] <= 0.96  # 0.9; 0.5 and 99.5 % of the binomial of 150
