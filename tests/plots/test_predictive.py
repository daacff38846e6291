from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tunbp.errors import OutputError
from tunbp.plots import predictive, style

ROW = {"low90": [1.0], "low50": [2.0], "median": [3.0], "high50": [4.0], "high90": [5.0], "at": [0.5]}


@pytest.mark.parametrize("horizontal", [True, False])
def test_an_interval_is_a_thin_bar_a_thick_one_and_the_median(horizontal):
    _, ax = style.figure()
    predictive.draw_predictive(ax, pd.DataFrame(ROW), "at", horizontal=horizontal)
    along, across = (0, 1) if horizontal else (1, 0)
    ends = {bars.get_linewidth()[0]: np.array(bars.get_segments()[0]) for bars in ax.collections}
    thin, thick = (ends[width] for width in sorted(ends))
    assert thin[:, along].tolist() == [1.0, 5.0]
    assert thick[:, along].tolist() == [2.0, 4.0]
    [median] = ax.lines
    assert [median.get_xydata()[0][place] for place in (along, across)] == [3.0, 0.5]


def test_the_legend_names_median_and_bars_in_the_widths_that_are_drawn():
    _, ax = style.figure()
    predictive.draw_predictive(ax, pd.DataFrame(ROW), "at")
    middle, half, most = predictive.predictive_handles()
    assert [handle.get_label() for handle in (middle, half, most)] == ["predicted: median", "50 %", "90 %"]
    assert {half.get_linewidth(), most.get_linewidth()} == {bars.get_linewidth()[0] for bars in ax.collections}
    assert middle.get_marker() == ax.lines[0].get_marker()


def test_a_missing_end_is_named():
    _, ax = style.figure()
    with pytest.raises(OutputError, match="'low90'"):
        predictive.draw_predictive(ax, pd.DataFrame(ROW).drop(columns="low90"), "at")
