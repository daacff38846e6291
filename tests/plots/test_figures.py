from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from tunbp.errors import OutputError
from tunbp.plots import figures, style

STOCK = style.VARIANTS["stock"].color.lower()
BACKPRESSURE = style.VARIANTS["backpressure"].color.lower()


@pytest.fixture
def ax():
    return style.figure()[1]


def test_published_values_are_open_and_measured_ones_filled(ax, table):
    figures.published(ax, table, "ring", "received_rate")
    figures.measured(ax, table, "ring", "received_rate")
    faces = [to_hex(line.get_markerfacecolor()) for line in ax.lines]
    assert faces == ["#ffffff", "#ffffff", STOCK, BACKPRESSURE]
    assert all(line.get_linestyle() == "None" for line in ax.lines)


def test_simulated_values_are_lines_of_the_median_with_their_band(ax, repeated):
    figures.simulated(ax, repeated, "ring", "received_rate", over="seed", level=0.8)
    line = next(line for line in ax.lines if to_hex(line.get_color()) == STOCK)
    np.testing.assert_allclose(line.get_ydata(), [1.6e6, 66.4e6, 177.1e6])
    assert line.get_marker() in ("", "None")
    band = next(part for part in ax.collections if to_hex(part.get_facecolor()[0]) == STOCK)
    ends = band.get_paths()[0].get_extents().get_points()[:, 1]
    # central 80 % of 11 seeds spread evenly over +-10 %
    np.testing.assert_allclose(ends, [1.6e6 * 0.92, 177.1e6 * 1.08])


def test_rows_without_a_value_are_left_out_not_drawn_as_zero(ax, table):
    figures.published(ax, table.assign(received_rate=[np.nan] + [1e6] * 5), "ring", "received_rate")
    assert len(ax.lines[0].get_xdata()) == 2


def test_a_single_variant_needs_no_column(ax, table):
    figures.measured(ax, table.drop(columns="variant"), "ring", "received_rate", variant="stock")
    assert to_hex(ax.lines[0].get_color()) == STOCK


def test_error_bars_span_low_to_high(ax, table):
    data = table.assign(low=table["received_rate"] * 0.8, high=table["received_rate"] * 1.1)
    figures.measured(ax, data, "ring", "received_rate", low="low", high="high")
    segments = ax.collections[0].get_segments()
    np.testing.assert_allclose(segments[1][:, 1], [66.4e6 * 0.8, 66.4e6 * 1.1])


def test_axes_are_labelled_from_the_schema(ax, table):
    figures.published(ax, table, "ring", "received_rate", shown="Gbit/s")
    assert ax.get_ylabel() == "Received rate (Gbit/s)"


@pytest.mark.parametrize("column", ["x", "y"])
def test_a_missing_column_is_named(ax, table, column):
    names = {"x": "ring", "y": "received_rate"} | {column: "nothing"}
    with pytest.raises(OutputError, match="'nothing' is not in the data: it has ring"):
        figures.published(ax, table, **names)


def test_data_that_is_no_table_is_refused(ax):
    with pytest.raises(OutputError, match="got list"):
        figures.published(ax, [1, 2], "x", "y")


def test_missing_bars_are_hatched_gaps_that_say_not_published(ax):
    data = pd.DataFrame(
        {"case": ["v7", "v7", "v8", "v8"], "variant": ["stock", "patched"] * 2,
         "transmitted_rate": [196e3, 185e3, np.nan, np.nan]}
    )  # fmt: skip
    figures.bars(ax, data, "case", "transmitted_rate")
    bars = [patch for patch in ax.patches if isinstance(patch, Rectangle) and patch.get_height() > 1]
    gaps = [patch for patch in ax.patches if to_hex(patch.get_edgecolor()) == figures.GAP_COLOR.lower()]
    assert sorted(patch.get_height() for patch in bars) == [185e3, 196e3]
    assert len(gaps) == 2
    assert all(gap.get_hatch() for gap in gaps)
    assert [text.get_text() for text in ax.texts] == ["not published"] * 2
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["v7", "v8"]


def test_bars_carry_the_model_as_a_line_across(ax):
    data = pd.DataFrame({"case": ["a"], "variant": ["stock"], "rate": [100.0], "model": [110.0]})
    data = data.assign(low=105.0, high=120.0)
    figures.bars(ax, data, "case", "rate", model="model", model_low="low", model_high="high", horizontal=True)
    across = ax.collections[0].get_segments()[0]
    np.testing.assert_allclose(across[:, 0], [110, 110])
    interval = ax.collections[1].get_segments()[0]
    np.testing.assert_allclose(interval[:, 0], [105, 120])
    assert ax.yaxis_inverted()


def test_time_series_sum_the_rates_of_streams():
    _, axes = style.figure(rows=2, sharex=True)
    time = np.arange(3.0)
    run = xr.Dataset(
        {"throughput": (("time", "stream"), [[1e6, 2e6]] * 3), "cwnd": ("time", [1e5, 2e5, 3e5])},
        {"time": time},
    )
    figures.time_series(axes, [(run, "measured", "stock")], ["throughput", "cwnd"], {"cwnd": "MB"})
    np.testing.assert_allclose(axes[0].lines[0].get_ydata(), [3e6] * 3)
    assert axes[1].get_ylabel() == "Congestion window (MB)"
    assert axes[1].get_xlabel() == "Time (s)"


def test_time_series_name_a_variable_that_is_missing():
    _, ax = style.figure()
    with pytest.raises(OutputError, match="'cwnd'"):
        figures.time_series(ax, [(xr.Dataset({"rtt": ("time", [1.0])}), "simulated", "stock")], ["cwnd"])


def test_a_heat_map_keeps_missing_cells_missing_and_labels_contours(ax):
    data = xr.DataArray(
        [[1e6, 2e6, 3e6], [2e6, np.nan, 4e6], [3e6, 4e6, 5e6]], dims=("rtt", "ring"),
        coords={"rtt": [0.01, 0.02, 0.2], "ring": [10.0, 20.0, 30.0]},
    )  # fmt: skip
    figures.heat_map(ax, data, "ring", "rtt", "Throughput", unit="bit/s", levels=[2.5e6])
    mesh = ax.collections[0]
    assert int(np.ma.count_masked(mesh.get_array())) == 1
    assert ax.patch.get_hatch() == "xxx"
    assert (ax.get_xscale(), ax.get_yscale()) == ("linear", "log")
    assert "2.5" in {text.get_text() for text in ax.texts}
    assert ax.figure.axes[1].get_ylabel() == "Throughput (Mbit/s)"


def test_a_heat_map_refuses_other_dims(ax):
    with pytest.raises(OutputError, match="dims"):
        figures.heat_map(ax, xr.DataArray([1.0], dims="ring"), "ring", "rtt", "x")


def test_intervals_show_the_reference_and_every_row(ax):
    data = pd.DataFrame({"what": ["a", "b"], "value": [1.1, 0.9], "low": [1.0, 0.8], "high": [1.2, 1.0]})
    figures.intervals(ax, data, "what", "value", "low", "high", reference=1.0)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["a", "b"]
    assert any(np.allclose(line.get_xdata(), 1.0) and len(line.get_xdata()) == 2 for line in ax.lines)


def test_the_key_names_variants_and_kinds_once(figure):
    legend = figure.axes[0].get_legend()
    texts = [text.get_text() for text in legend.get_texts()]
    assert sorted(texts[:2]) == ["backpressure", "stock"]
    assert texts[2:] == ["published", "measured", "simulated"]


@pytest.mark.parametrize(("kinds", "face"), [(("published",), "white"), (("published", "measured"), STOCK)])
def test_the_key_shows_a_variant_open_where_only_published_values_are(ax, table, kinds, face):
    figures.simulated(ax, table, "ring", "received_rate")
    for kind in kinds:
        figures.against(ax, table, "ring", "received_rate", kind=kind)
    handle = figures.key(ax).legend_handles[0]
    assert to_hex(handle.get_markerfacecolor()) == to_hex(face)


def test_broken_lines_lie_over_solid_ones_so_that_equal_values_show_both(ax, table):
    figures.simulated(ax, table, "ring", "received_rate")
    stock, backpressure = sorted(ax.lines, key=lambda line: to_hex(line.get_color()) != STOCK)
    assert stock.get_zorder() > backpressure.get_zorder()


@pytest.mark.parametrize(
    ("centers", "log", "edges"),
    [([1, 10, 100], True, [10**-0.5, 10**0.5, 10**1.5, 10**2.5]), ([1, 2, 4], False, [0.5, 1.5, 3, 5]),
     ([3], False, [2.5, 3.5])],
)  # fmt: skip
def test_cells_of_a_map_meet_half_way_as_the_axis_shows_it(centers, log, edges):
    np.testing.assert_allclose(figures.cell_edges(np.array(centers), log), edges)


def test_a_key_of_nothing_is_refused(ax):
    with pytest.raises(OutputError, match="nothing was drawn"):
        figures.key(ax)
