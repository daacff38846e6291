from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.colors import to_hex

from tunbp.errors import OutputError
from tunbp.plots import bands, legend, maps, points, series, style

STOCK = style.VARIANTS["stock"].color.lower()
BACKPRESSURE = style.VARIANTS["backpressure"].color.lower()


@pytest.fixture
def ax():
    return style.figure()[1]


def test_a_value_that_nobody_published_is_a_gap_in_the_figure():
    table = pd.DataFrame({"ring": [10.0, 100.0, 500.0], "received_rate": [1e6, np.nan, 3e6], "variant": "stock"})
    for draw in (points.draw_published, points.draw_measured):
        _, ax = style.figure()
        draw(ax, table, "ring", "received_rate")
        drawn = [line.get_xdata() for line in ax.lines if len(line.get_xdata())]
        assert drawn
        assert all(sorted(xs) == [10.0, 500.0] for xs in drawn)
        assert all(line.get_linestyle() in ("None", "none", "") for line in ax.lines), "nothing joins across the gap"


def test_published_values_are_open_and_measured_ones_filled(ax, table):
    points.draw_published(ax, table, "ring", "received_rate")
    points.draw_measured(ax, table, "ring", "received_rate")
    faces = [to_hex(line.get_markerfacecolor()) for line in ax.lines]
    assert faces == ["#ffffff", "#ffffff", STOCK, BACKPRESSURE]
    assert all(line.get_linestyle() == "None" for line in ax.lines)


def test_simulated_values_are_lines_of_the_median_with_their_band(ax, repeated):
    bands.draw_simulated(ax, repeated, "ring", "received_rate", level=0.8)
    line = next(line for line in ax.lines if to_hex(line.get_color()) == STOCK)
    np.testing.assert_allclose(line.get_ydata(), [1.6e6, 66.4e6, 177.1e6])
    assert line.get_marker() in ("", "None")
    band = next(part for part in ax.collections if to_hex(part.get_facecolor()[0]) == STOCK)
    ends = band.get_paths()[0].get_extents().get_points()[:, 1]
    # a twelfth seed falls between the 1.2th and the 10.8th of 11 (spread evenly over +-10 %) in 80 % of cases
    np.testing.assert_allclose(ends, [1.6e6 * 0.904, 177.1e6 * 1.096])


def test_doubt_is_a_band_without_a_line_behind_what_is_simulated(ax, repeated):
    bands.draw_doubt(ax, repeated, "ring", "received_rate", level=0.8)
    assert not ax.lines
    band = next(part for part in ax.collections if to_hex(part.get_facecolor()[0]) == STOCK)
    ends = band.get_paths()[0].get_extents().get_points()[:, 1]
    np.testing.assert_allclose(ends, [1.6e6 * 0.904, 177.1e6 * 1.096])  # as of the seeds above
    bands.draw_simulated(ax, repeated, "ring", "received_rate")
    assert band.get_zorder() < min(part.get_zorder() for part in [*ax.lines, *ax.collections[2:]])


def test_rows_without_a_value_are_left_out_not_drawn_as_zero(ax, table):
    points.draw_published(ax, table.assign(received_rate=[np.nan] + [1e6] * 5), "ring", "received_rate")
    assert len(ax.lines[0].get_xdata()) == 2


def test_a_single_variant_needs_no_column(ax, table):
    points.draw_measured(ax, table.drop(columns="variant"), "ring", "received_rate", variant="stock")
    assert to_hex(ax.lines[0].get_color()) == STOCK


def test_error_bars_span_low_to_high(ax, table):
    data = table.assign(low=table["received_rate"] * 0.8, high=table["received_rate"] * 1.1)
    points.draw_measured(ax, data, "ring", "received_rate", low="low", high="high")
    segments = ax.collections[0].get_segments()
    np.testing.assert_allclose(segments[1][:, 1], [66.4e6 * 0.8, 66.4e6 * 1.1])


def test_axes_are_labelled_from_the_schema(ax, table):
    bands.draw_simulated(ax, table, "ring", "received_rate", shown="Gbit/s")
    assert ax.get_ylabel() == "Received rate (Gbit/s)"
    assert ax.get_xlabel() == "txqueuelen (packets)"


@pytest.mark.parametrize("column", ["x", "y"])
def test_a_missing_column_is_named(ax, table, column):
    names = {"x": "ring", "y": "received_rate"} | {column: "nothing"}
    with pytest.raises(OutputError, match="'nothing' is not in the data: it has ring"):
        points.draw_published(ax, table, **names)


def test_data_that_is_no_table_is_refused(ax):
    with pytest.raises(OutputError, match="got list"):
        points.draw_published(ax, [1, 2], "x", "y")


def test_time_series_sum_the_rates_of_streams():
    _, axes = style.figure(rows=2, sharex=True)
    time = np.arange(3.0)
    run = xr.Dataset(
        {"throughput": (("time", "stream"), [[1e6, 2e6]] * 3), "cwnd": ("time", [1e5, 2e5, 3e5])},
        {"time": time},
    )
    series.time_series(axes, [(run, "measured", "stock")], ["throughput", "cwnd"], {"cwnd": "MB"})
    np.testing.assert_allclose(axes[0].lines[0].get_ydata(), [3e6] * 3)
    assert axes[1].get_ylabel() == "Congestion window (MB)"
    assert axes[1].get_xlabel() == "Time (s)"


def test_time_series_name_a_variable_that_is_missing():
    _, ax = style.figure()
    with pytest.raises(OutputError, match="'cwnd'"):
        series.time_series(ax, [(xr.Dataset({"rtt": ("time", [1.0])}), "simulated", "stock")], ["cwnd"])


def test_a_heat_map_refuses_other_dims(ax):
    with pytest.raises(OutputError, match="dims"):
        maps.heat_map(ax, xr.DataArray([1.0], dims="ring"), "ring", "rtt", "x")


def test_the_key_names_variants_and_kinds_once(figure):
    legend = figure.axes[0].get_legend()
    texts = [text.get_text() for text in legend.get_texts()]
    assert sorted(texts[:2]) == ["backpressure", "stock"]
    assert texts[2:] == ["published", "measured", "simulated"]


@pytest.mark.parametrize(("kinds", "face"), [(("published",), "white"), (("published", "measured"), STOCK)])
def test_the_key_shows_a_variant_open_where_only_published_values_are(ax, table, kinds, face):
    bands.draw_simulated(ax, table, "ring", "received_rate")
    for kind in kinds:
        getattr(points, f"draw_{kind}")(ax, table, "ring", "received_rate")
    handle = legend.key(ax).legend_handles[0]
    assert to_hex(handle.get_markerfacecolor()) == to_hex(face)


def test_broken_lines_lie_over_solid_ones_so_that_equal_values_show_both(ax, table):
    bands.draw_simulated(ax, table, "ring", "received_rate")
    stock, backpressure = sorted(ax.lines, key=lambda line: to_hex(line.get_color()) != STOCK)
    assert stock.get_zorder() > backpressure.get_zorder()


def test_a_key_of_nothing_is_refused(ax):
    with pytest.raises(OutputError, match="nothing was drawn"):
        legend.key(ax)


def test_fitted_values_carry_a_dot(ax, table):
    data = table[table["variant"] == "stock"].assign(role=["fitted", "held out", "fitted"])
    points.draw_published(ax, data, "ring", "received_rate", fitted="role")
    dots = ax.lines[-1]
    np.testing.assert_allclose(dots.get_xdata(), [10, 1000])
    # smaller than the open marker around it, and black: seen in the lightest colour too
    assert dots.get_markersize() < ax.lines[-2].get_markersize() / 2
    assert dots.get_color() == "black"


def test_measured_values_that_a_model_was_fitted_to_carry_a_white_dot(ax, table):
    data = table[table["variant"] == "stock"].assign(role=["fitted", "held out", "held out"])
    points.draw_measured(ax, data, "ring", "received_rate", fitted="role")
    np.testing.assert_allclose(ax.lines[-1].get_xdata(), [10])
    assert ax.lines[-1].get_color() == "white"


@pytest.mark.parametrize("kind", ["published", "measured"])
def test_the_legend_says_what_a_dot_inside_means(kind):
    assert legend.fitted_handle(kind).get_label() == f"{kind}, model fitted to it"


def test_rows_of_estimates_that_were_fitted_carry_the_dot_too(ax):
    data = pd.DataFrame({"what": ["a", "b"], "value": [1.1, 0.9], "role": ["held out", "fitted"]})
    points.estimates(ax, data, "what", "value", kind="published", fitted="role", shift=0.1)
    dots = next(line for line in ax.lines if line.get_markersize() == 1.6)
    assert dots.get_xydata().tolist() == [[0.9, 1.1]]


def test_the_set_up_stands_in_one_small_line_below_the_figure(ax):
    legend.set_up(ax.figure, "OpenVPN", "", "120 ms")
    below = ax.figure.get_supxlabel()
    assert below == "Set-up: OpenVPN; 120 ms"
    legend.set_up(ax.figure, *["a long fact of a set-up"] * 8)
    assert max(map(len, ax.figure.get_supxlabel().splitlines())) <= 84


def test_the_models_value_is_left_out_where_there_is_none(ax):
    points.model_mark(ax, np.nan, 1.0, 0.3)
    assert not ax.lines
    points.model_mark(ax, 2.0, 1.0, 0.25, upright=False)
    assert ax.lines[0].get_xydata().tolist() == [[1.75, 1.0], [2.25, 1.0]]


def test_runs_show_every_run_and_their_median_with_its_exact_interval(ax):
    values = [3.0, 1.0, 2.0, 5.0, 4.0]
    data = pd.DataFrame({"cell": "a", "variant": "stock", "rate": values})
    points.runs(ax, data, "cell", "rate")
    [ticks] = [line for line in ax.lines if line.get_marker() == "_"]
    assert sorted(ticks.get_ydata()) == sorted(values)
    assert set(ticks.get_xdata()) == {-points.LANE}, "beside the median, which would hide one of them"
    drawn = {tuple(np.asarray(line.get_ydata(), float)) for line in ax.lines}
    assert (1.0, 5.0) in drawn, "the interval of five values ends at their least and greatest"
    assert any(3.0 in ys for ys in drawn)


def test_runs_of_two_variants_stand_beside_the_median_of_their_own(ax):
    data = pd.DataFrame({"cell": "a", "variant": ["stock", "backpressure"] * 5, "rate": np.arange(10.0) + 1})
    points.runs(ax, data, "cell", "rate", horizontal=True)
    places = {line.get_color(): set(line.get_ydata()) for line in ax.lines if line.get_marker() == "|"}
    medians = {line.get_color(): line.get_ydata() for line in ax.lines if line.get_marker() in "os"}
    for color, [place] in places.items():
        assert place == pytest.approx(float(medians[color][0]) - points.LANE)


def test_estimates_show_reference_model_and_every_row(ax):
    data = pd.DataFrame(
        {"what": ["a", "b"], "value": [1.1, 0.9], "low": [1.0, 0.8], "high": [1.2, 1.0], "model": [1.3, np.nan]}
    )
    points.estimates(ax, data, "what", "value", "low", "high", model="model", reference=1.0)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["a", "b"]
    upright = [
        line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 2 and len(set(line.get_xdata())) == 1
    ]
    assert sorted(upright) == [1.0, 1.3]


def test_a_heat_map_keeps_missing_cells_missing_and_labels_contours(ax):
    data = xr.DataArray(
        [[1e6, 2e6, 3e6], [2e6, np.nan, 4e6], [3e6, 4e6, 5e6]], dims=("rtt", "ring"),
        coords={"rtt": [0.01, 0.02, 0.04], "ring": [10.0, 20.0, 40.0]},
    )  # fmt: skip
    maps.heat_map(ax, data, "ring", "rtt", "Throughput", unit="bit/s", levels=[2.5e6], ticks=([10, 20], [0.02]))
    mesh = ax.collections[0]
    assert int(np.ma.count_masked(mesh.get_array())) == 1
    assert ax.patch.get_hatch() == "xxx"
    assert "2.5" in {text.get_text() for text in ax.texts}
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["10", "20"]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["20"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("txqueuelen (packets)", "Round-trip time (ms)")
    assert ax.figure.axes[1].get_ylabel() == "Throughput (Mbit/s)"
    assert not ax.yaxis_inverted()


def test_contours_are_smoothed_and_cells_are_not(ax):
    rng = np.random.default_rng(1)
    levels = np.outer(np.ones(12), np.geomspace(1, 100, 12)) * rng.lognormal(0, 0.3, (12, 12))
    coords = {"rtt": np.geomspace(0.01, 0.1, 12), "ring": np.geomspace(10, 1000, 12)}
    data = xr.DataArray(levels, dims=("rtt", "ring"), coords=coords)

    def drawn(smooth):
        _, ax = style.figure()
        maps.heat_map(ax, data, "ring", "rtt", "Ratio", log=True, levels=[10.0], smooth=smooth)
        mesh, lines = ax.collections[:2]
        steps = [np.abs(np.diff(part[:, 0])).sum() for part in lines.get_paths()[0].to_polygons(closed_only=False)]
        return np.asarray(mesh.get_array()).ravel(), sum(steps)

    (rough, long), (smooth, short) = drawn(0.0), drawn(1.5)
    np.testing.assert_array_equal(rough, smooth)
    assert short < long / 2


def test_a_contour_carries_its_name_on_its_line(ax):
    coords = {"rtt": np.geomspace(0.01, 0.1, 12), "ring": np.geomspace(10, 1000, 12)}
    data = xr.DataArray(np.outer(np.geomspace(1, 100, 12), np.ones(12)), dims=("rtt", "ring"), coords=coords)
    maps.heat_map(ax, data, "ring", "rtt", "Ratio", log=True, levels=[10.0])
    [name] = ax.texts
    assert name.get_text() == "10×"
    line = np.concatenate(
        [part for path in ax.collections[1].get_paths() for part in path.to_polygons(closed_only=False)]
    )
    assert abs(line[:, 1] - name.get_position()[1]).min() < 0.1


def test_a_value_between_cells_lies_between_them_by_its_logarithm():
    np.testing.assert_allclose(maps.place([10, 100, 1000], [10, 31.6227766, 1000]), [0.5, 1.0, 2.5])


def test_lines_are_named_in_their_colour(ax, table):
    bands.draw_simulated(ax, table, "ring", "received_rate")
    (text,) = legend.name_lines(ax, {"patched": (100.0, 183.5e6)})
    assert text.get_text() == "backpressure"
    assert to_hex(text.get_color()) == BACKPRESSURE


def test_facets_have_the_width_of_the_text(table):
    from tunbp.plots.facets import facets

    grid = facets(table, 2.0, col="variant")
    np.testing.assert_allclose(grid.figure.get_size_inches(), [style.TEXT_WIDTH, 2.0])
    assert set(grid.axes_dict) == {"stock", "patched"}
