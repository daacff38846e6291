"""Judging predictions: coverage, scores, baselines, and the cells they are judged by."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm

from tunbp.evidence import baselines, error_sizes, held_out
from tunbp.evidence.held_out import CALIBRATION, HELD_OUT, Cell
from tunbp.evidence.predictive import coverage, judged, predictive
from tunbp.infer.discrepancy import discrepancy

RNG = np.random.default_rng(11)


def cells(rates, **known) -> list[Cell]:
    fields = {"rtt": 0.1, "ring": 500, "mss": 1448.0, **known}
    return [Cell("test", f"c{i}", "openvpn", fields, "stock", float(r), CALIBRATION) for i, r in enumerate(rates)]


@pytest.fixture(scope="module")
def sources() -> dict[str, list[Cell]]:
    return {name: make() for name, make in held_out.SOURCES.items()}


@pytest.mark.parametrize("source", held_out.SOURCES)
def test_every_cell_has_a_rate_a_ring_and_an_rtt(source, sources):
    found = sources[source]
    assert len({cell.name + cell.variant for cell in found}) == len(found)
    for cell in found:
        assert cell.measured > 0
        assert cell.known["rtt"] > 0
        assert cell.known["ring"] >= 1
        assert cell.use in (CALIBRATION, HELD_OUT)


def test_what_sets_the_error_and_what_judges_it_are_told_apart(sources):
    uses = {name: {cell.use for cell in found} for name, found in sources.items()}
    assert uses["native"] == uses["external"] == {HELD_OUT}
    assert uses["emulated"] == uses["wireguard"] == {CALIBRATION}
    assert uses["paper"] == {CALIBRATION, HELD_OUT}
    assert sum(cell.use == HELD_OUT for found in sources.values() for cell in found) >= 60


def test_native_predictions_know_the_floods_and_nothing_of_tcp(sources):
    cell = sources["native"][0]
    assert cell.known["drain_rate"] == pytest.approx(139e3, rel=0.02)
    assert cell.known["path_rate"] == pytest.approx(56.7e3, rel=0.02)
    assert cell.known["ack_cost"] == pytest.approx(6.6e-6, rel=0.1)
    assert not {"stall_rate", "burst_rate", "hystart", "path_buffer"} & cell.known.keys()


def test_intervals_of_draws_from_the_truth_cover_as_they_say():
    middle = RNG.normal(18, 1, 400)
    rates = np.exp(middle[:, None] + 0.3 * RNG.normal(size=(400, 256)))
    draws = xr.Dataset({"received_rate": (("cell", "draw"), rates)})
    table = judged(cells(np.exp(middle + 0.3 * RNG.normal(size=400))), draws)
    found = coverage(table).set_index("source").loc["all"]
    assert 0.85 < found["inside 90 %"] < 0.95
    assert 0.42 < found["inside 50 %"] < 0.58
    assert found["width"] == pytest.approx(np.exp(2 * 1.645 * 0.3), rel=0.05)
    # CRPS of a normal at its own truth, on average sigma / sqrt(pi)
    assert found["crps"] == pytest.approx(0.3 / np.sqrt(np.pi), rel=0.1)


def test_cells_that_differ_in_the_ring_share_a_batch_and_are_predicted_as_by_the_command():
    from tunbp.prediction import predict

    pair = [*cells([1e8], duration=3.0), *cells([2e8], duration=3.0, ring=25)]
    found = predictive(pair, 8)["received_rate"]
    alone = predict(pair[0].known, [25], product="openvpn", count=8)
    assert np.array_equal(found.isel(cell=1), alone.draws.received_rate.sel(ring=25, variant="stock"))


def test_the_size_of_an_error_is_found_again():
    truth = discrepancy()
    rate, ceiling, load = np.full((60, 1), 2e7), np.full((60, 1), 1e8), np.ones((60, 1))
    measured = truth.run(
        truth.expected(rate, ceiling, load, 500, *RNG.normal(size=(2, 60, 1))), load, RNG.uniform(size=(60, 1))
    )
    draws = xr.Dataset({k: (("cell", "draw"), v) for k, v in
                        (("simulated_rate", rate), ("ceiling", ceiling), ("load", load))})  # fmt: skip
    best = error_sizes.scores(cells(measured[:, 0]), draws).iloc[0]
    assert 0.5 < best["losses"] / truth.losses < 2.0


def test_baselines_are_the_formulas_with_the_spread_of_their_own_errors():
    known = cells([1e8, 2e8, 3e8])
    assert baselines.window_over_rtt(known[0], known) == pytest.approx(8 * 3e6 / 0.1)
    assert baselines.ring_over_rtt(known[0], known) == pytest.approx(8 * 500 * 1448 / 0.1)
    assert baselines.known_hosts(known[0], known) == 2e8
    assert np.isnan(baselines.loss_law(known[0], known))
    lossy = cells([1e6], path_loss=0.01)[0]
    assert baselines.loss_law(lossy, known) == pytest.approx(8 * 1448 / 0.1 * np.sqrt(1.5 / 0.01), rel=0.02)
    table = baselines.baseline_crps(known, known)
    assert table["loss law"].isna().all()
    spread = np.sqrt(np.mean(np.log(np.array([2, 1, 2 / 3])) ** 2))
    at = 0.0  # the middle cell is met: CRPS of a normal at its centre
    expected = spread * (at + 2 * norm.pdf(0) - 1 / np.sqrt(np.pi))
    assert table["median of known hosts"].iloc[1] == pytest.approx(expected, rel=0.05)
