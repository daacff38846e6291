"""What a legend says of what was drawn."""

from __future__ import annotations

import pytest
from matplotlib.colors import same_color
from small_run import make_repeated, make_table

from tunbp.errors import OutputError
from tunbp.plots import bands, legend, points, style


def labels(found):
    return [text.get_text() for text in found.get_texts()]


def test_variants_come_first_and_kinds_after_them_where_there_are_several():
    _, ax = style.figure()
    bands.draw_simulated(ax, make_repeated(), "ring", "received_rate")
    one_kind = labels(legend.key(ax))
    points.draw_published(ax, make_table(), "ring", "received_rate")
    assert labels(legend.key(ax)) == [*one_kind, "published", "simulated"]
    assert len(one_kind) == 2


def test_a_figures_legend_explains_all_of_its_axes_and_each_variant_once():
    fig, axes = style.figure(cols=2)
    for ax in axes.ravel():
        bands.draw_simulated(ax, make_repeated(), "ring", "received_rate")
    found = labels(legend.key(fig, loc="outside upper center"))
    assert len(found) == len(set(found)) == 2


def test_axes_on_which_nothing_was_drawn_have_no_legend():
    _, ax = style.figure()
    with pytest.raises(OutputError, match=r"nothing was drawn by tunbp\.plots"):
        legend.key(ax)


@pytest.mark.parametrize(("kinds", "line", "marker", "filled"), [
    (["simulated"], True, False, None), (["measured"], False, True, True), (["published"], False, True, False),
    (["published", "measured"], False, True, True), (["published", "simulated"], True, True, False),
])  # fmt: skip
def test_published_values_are_hollow_measured_ones_filled_and_simulated_ones_lines(kinds, line, marker, filled):
    look = style.variant_style("stock")
    handle = legend.variant_handle(look, kinds)
    assert (handle.get_linestyle() != "None") == line
    assert (handle.get_marker() not in ("", "None")) == marker
    if filled is not None:
        assert same_color(handle.get_markerfacecolor(), look.color if filled else "white")


def test_names_stand_beside_lines_in_their_colour():
    _, ax = style.figure()
    (text,) = legend.name_lines(ax, {"stock": (1.0, 2.0)}, ha="right")
    look = style.variant_style("stock")
    assert (text.get_text(), text.xy, text.get_ha()) == (look.label, (1.0, 2.0), "right")
    assert same_color(text.get_color(), look.color)
