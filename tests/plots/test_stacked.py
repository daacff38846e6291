"""A wide figure on a phone: its panels below each other, and afterwards the figure as it was."""

from __future__ import annotations

import io

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from tunbp.plots import points, style
from tunbp.plots.legend import key, model_handle, set_up
from tunbp.plots.stacked import stacked

mpl.use("Agg")


@pytest.fixture
def wide(table) -> Figure:
    fig, axes = style.figure("text", 4.0, 2, 2, sharex=True, sharey="row")
    for number, ax in enumerate(axes.flat):
        points.draw_published(ax, table, "ring", "received_rate")
        ax.set(xlabel="", ylabel="", title=f"panel {number}")
    for ax in axes[:, 0]:
        style.label_axis(ax.yaxis, "Throughput", "bit/s")
    for ax in axes[-1]:
        style.label_field(ax.xaxis, "ring")
    handles = [model_handle(words) for words in ("simulated by the model", "predicted before it was measured")]
    key(fig, loc="outside upper center", ncols=4, handles=handles)
    set_up(fig, "OpenVPN from Germany to the USA over a path of 120 ms", "one TCP stream", "all values published")
    return fig


def drawn(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def test_panels_lie_below_each_other_in_the_order_in_which_they_are_read(wide):
    with stacked(wide):
        wide.draw_without_rendering()
        boxes = [ax.get_position() for ax in wide.axes]
        assert wide.get_figwidth() == style.COLUMN_WIDTH
        assert [box.y1 for box in boxes] == sorted((box.y1 for box in boxes), reverse=True)
        assert len({round(box.x0, 6) for box in boxes}) == 1
        assert min(box.height * wide.get_figheight() for box in boxes) > 1.0


def test_each_panel_has_the_numbers_and_labels_that_its_neighbours_had(wide):
    with stacked(wide):
        assert {ax.get_ylabel() for ax in wide.axes} == {"Throughput (Mbit/s)"}
        assert {ax.get_xlabel() for ax in wide.axes} == {"txqueuelen (packets)"}
        wide.draw_without_rendering()
        for ax in wide.axes:
            assert any(label.get_visible() and label.get_text() for label in ax.get_xticklabels())
            assert any(label.get_visible() and label.get_text() for label in ax.get_yticklabels())


def test_legend_and_set_up_are_no_wider_than_the_column(wide):
    words = wide.get_supxlabel().replace("\n", " ")
    with stacked(wide):
        wide.draw_without_rendering()
        [legend] = [one for one in wide.legends if one.get_visible()]
        [line] = [text for text in wide.texts if text.get_text() == wide.get_supxlabel()]
        for part in (legend, line):
            assert part.get_window_extent().width <= wide.bbox.width
        assert wide.get_supxlabel().replace("\n", " ") == words
        assert len(legend.get_texts()) == 4


def test_afterwards_the_figure_is_drawn_as_before_byte_for_byte(wide):
    before = drawn(wide)
    with stacked(wide):
        assert drawn(wide) != before
    assert drawn(wide) == before
