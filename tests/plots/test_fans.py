"""Fan charts of a prediction."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from tunbp.plots.fans import fans


@pytest.fixture
def draws():
    rng = np.random.default_rng(1)
    sizes = (40, 3, 2)
    coords = {"ring": [10, 100, 1000], "variant": ["stock", "backpressure"]}
    dims = ("draw", "ring", "variant")
    rates = {"received_rate": (dims, rng.lognormal(18, 0.3, sizes)), "latency": (dims, 0.1 + rng.random(sizes) / 50)}
    return xr.Dataset(rates, coords)


def test_the_picture_says_what_was_drawn_and_of_which_path(draws):
    used = {name: {"value": value} for name, value in
            {"rtt": 0.1, "qdisc": "fq", "streams": 2, "congestion": "bbr"}.items()}  # fmt: skip
    drawn = fans(draws, 100, used)
    assert "RTT 100 ms; qdisc fq; 2 TCP streams (BBR); 40 draws" in drawn.get_supxlabel().replace("\n", " ")
    [legend] = drawn.legends
    words = [text.get_text() for text in legend.get_texts()]
    assert words[2:] == ["50 % of draws", "90 % of draws", "txqueuelen now: 100", "round trip of the idle path"]
    assert 0.1 in [line.get_ydata()[0] for line in drawn.axes[2].lines]


def test_the_gain_is_that_of_each_draw(draws):
    draws["received_rate"].loc[{"variant": "backpressure"}] = 3 * draws["received_rate"].sel(variant="stock")
    [median] = [line for line in fans(draws, 100).axes[1].lines if len(line.get_xdata()) == 3]
    np.testing.assert_allclose(median.get_ydata(), 3.0)


def test_of_a_path_that_nothing_is_known_of_the_draws_alone_are_said(draws):
    drawn = fans(draws, 100)
    assert drawn.get_supxlabel().startswith("Set-up: predicted; 40 draws")
    assert "round trip" not in " ".join(text.get_text() for text in drawn.legends[0].get_texts())
