"""Lines and bands of repetitions."""

from __future__ import annotations

import numpy as np
import pytest
from small_run import make_repeated

from tunbp.errors import OutputError
from tunbp.plots import bands, style
from tunbp.statistics import next_run_interval


def test_the_line_is_the_median_and_the_band_where_one_more_run_falls():
    _, ax = style.figure()
    runs = make_repeated()
    bands.draw_simulated(ax, runs, "ring", "received_rate", level=0.8)
    stock = runs["received_rate"].sel(variant="stock")
    drawn = {tuple(line.get_ydata()) for line in ax.lines if len(line.get_ydata()) == 3}
    assert tuple(stock.median("seed").to_numpy()) in drawn
    ends = [next_run_interval(values, 0.8) for values in stock.transpose("ring", "seed").to_numpy()]
    edges = {round(float(y), 3) for band in ax.collections for path in band.get_paths() for y in path.vertices[:, 1]}
    assert {round(end, 3) for pair in ends for end in (pair.low, pair.high)} <= edges


def test_a_band_of_doubt_has_an_edge_and_no_line():
    _, ax = style.figure()
    bands.draw_doubt(ax, make_repeated(), "ring", "received_rate", level=0.8)
    assert len(ax.collections) == 2
    assert not ax.lines
    assert all(band.get_zorder() < 1 for band in ax.collections)


def test_rows_without_a_value_are_left_out():
    _, ax = style.figure()
    runs = make_repeated()
    runs["received_rate"][:, 0, :] = np.nan
    bands.draw_simulated(ax, runs, "ring", "received_rate")
    assert all(np.isfinite(line.get_ydata()).all() for line in ax.lines)
    assert {len(line.get_ydata()) for line in ax.lines} == {2}


def test_a_column_that_is_not_there_is_named():
    _, ax = style.figure()
    with pytest.raises(OutputError, match="speed"):
        bands.draw_simulated(ax, make_repeated(), "ring", "speed")
