"""What holds each draw of a prediction, on draws made by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import xarray as xr

from tunbp.prediction import causes as by
from tunbp.prediction.causes import causes
from tunbp.prediction.distribution import Prediction


def made(rate: list[float], ring_share: list[float], unknown: tuple[str, ...] = (), loss: float = 0.0) -> Prediction:
    """Draws at one ring: reader 100, link 200, window 1000 Mbit/s."""
    draws = xr.Dataset(
        {
            "simulated_rate": (("ring", "variant", "draw"), [[rate]]),
            "ring_share": (("ring", "variant", "draw"), [[ring_share]]),
            "ceiling": (("stage", "draw"), np.repeat([[1000.0], [100.0], [200.0]], len(rate), axis=1)),
        },
        coords={"ring": [500], "variant": ["stock"], "stage": ["window", "reader", "link"]},
    )
    used = {"path_loss": {"value": loss}}
    prediction = SimpleNamespace(draws=draws, ring=500, variant="stock", unknown=dict.fromkeys(unknown), used=used)
    return cast(Prediction, prediction)


def both(prediction: Any) -> Any:
    """The same draws with backpressure, too."""
    rates = prediction.draws[["simulated_rate", "ring_share"]].isel(variant=0, drop=True)
    prediction.draws = prediction.draws.drop_dims("variant").merge(rates.expand_dims(variant=["stock", "backpressure"]))
    return prediction


def test_a_draw_near_the_lowest_ceiling_is_held_by_that_stage() -> None:
    assert causes(made([99.0, 86.0], [0.0, 0.0])) == {by.READER: 1.0}


def test_a_draw_below_it_is_held_by_drops_or_growth_and_the_largest_share_comes_first() -> None:
    found = causes(made([40.0, 50.0, 60.0, 99.0], [1e-3, 1e-3, 0.0, 0.0]))
    assert found == {by.RING: 0.5, by.GROWTH: 0.25, by.READER: 0.25}
    assert next(iter(found)) == by.RING


@pytest.mark.parametrize("used", [{}, {"qdisc": {"value": "noqueue"}}, {"source": {"value": "open"}}])
def test_the_ring_holds_what_backpressure_makes_a_tenth_faster_and_nothing_else(used: dict[str, Any]) -> None:
    prediction: Any = made([40.0, 95.0, 99.0, 50.0], [0.0, 0.0, 1e-3, 1e-3])
    prediction = both(prediction)
    prediction.gains = lambda ring: np.array([1.0, 0.15, 0.0, 0.05])
    prediction.used = prediction.used | used
    if used:  # there the flag does not say what the ring costs
        assert causes(prediction) == {by.READER: 0.5, by.RING: 0.25, by.GROWTH: 0.25}
    else:
        assert causes(prediction) == {by.RING: 0.5, by.READER: 0.25, by.GROWTH: 0.25}
        assert causes(prediction)[by.RING] == np.mean(prediction.gains(None) > 0.1)


def test_with_loss_on_the_path_fewer_ring_drops_than_that_are_no_cause() -> None:
    assert causes(made([40.0], [1e-4], loss=1e-3)) == {by.LOSS: 1.0}
    prediction: Any = both(made([40.0, 40.0], [1e-4, 1e-2], loss=1e-3))
    prediction.gains = lambda ring: np.array([0.2, 0.2])  # by chance, in the first
    assert causes(prediction) == {by.LOSS: 0.5, by.RING: 0.5}


def test_a_link_is_a_cause_only_where_its_rate_was_given() -> None:
    def behind(unknown: tuple[str, ...]) -> dict[str, float]:
        prediction: Any = made([49.0], [0.0], unknown)
        prediction.draws["ceiling"].loc[{"stage": "link"}] = 50.0
        return causes(prediction)

    assert behind(()) == {by.LINK: 1.0}
    assert behind(("path_rate",)) == {by.READER: 1.0}


def test_a_qdisc_that_shapes_to_less_than_all_stages_holds_every_draw() -> None:
    prediction: Any = made([79.0, 78.0], [0.0, 0.0])
    slow = prediction.draws["ceiling"].sel(stage="reader") * 0.8
    ceiling = xr.concat([prediction.draws["ceiling"], slow.assign_coords(stage="shaper")], "stage")
    prediction.draws = prediction.draws.drop_dims("stage").assign(ceiling=ceiling)
    assert causes(prediction) == {by.SHAPER: 1.0}
