"""The same figure one column wide, its panels below each other: a phone shows it whole."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from tunbp.plots.legend import LETTERS, set_up_line
from tunbp.plots.style import COLUMN_WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.gridspec import SubplotSpec
    from matplotlib.legend import Legend

AROUND = 0.6
"""Height of a panel's title, ticks and label [inch]."""
LINE = 0.17
"""Height of a line of the legend or of the set-up [inch]."""


@contextmanager
def stacked(figure: Figure) -> Iterator[Figure]:
    """Put the panels of a figure below each other for as long as the block lasts, then back where they were.

    Panels keep their height. One that shares an axis with its neighbour gets numbers and label of its own, and the
    legend as many columns as fit.

    Parameters
    ----------
    figure
        Panels of a grid, with a constrained layout.

    Yields
    ------
    Figure
        The same one, `COLUMN_WIDTH` wide.
    """
    figure.draw_without_rendering()
    width, height = figure.get_size_inches()
    specs = {ax: spec for ax in figure.axes if ax.get_visible() and (spec := ax.get_subplotspec())}
    panels = list(specs)
    heights = [height * ax.get_position().height for ax in panels]
    grid = figure.add_gridspec(len(panels), 1, height_ratios=heights)
    with ExitStack() as undo:
        undo.callback(figure.set_size_inches, width, height)
        figure.set_size_inches(COLUMN_WIDTH, height)
        labels = [_labels(ax, specs) for ax in panels]
        for number, (ax, (x, y)) in enumerate(zip(panels, labels, strict=True)):
            undo.callback(ax.set_subplotspec, specs[ax])
            undo.callback(ax.set, xlabel=ax.get_xlabel(), ylabel=ax.get_ylabel())
            ax.set_subplotspec(grid[number])
            ax.set(xlabel=x, ylabel=y)
            for axis, side in ((ax.xaxis, "labelbottom"), (ax.yaxis, "labelleft")):
                undo.callback(axis.set_tick_params, "both", **{side: axis.get_tick_params()[side]})
                axis.set_tick_params("both", **{side: True})
        lines = sum(_refit(figure, legend, undo) for legend in list(figure.legends))
        if (words := set_up_line(figure)) is not None:
            undo.callback(words.set_text, words.get_text())
            words.set_text(textwrap.fill(words.get_text(), int(LETTERS * COLUMN_WIDTH)))
            lines += words.get_text().count("\n") + 1
        figure.set_size_inches(COLUMN_WIDTH, sum(heights) + AROUND * len(panels) + LINE * lines)
        yield figure


def _labels(ax: Axes, specs: Mapping[Axes, SubplotSpec]) -> tuple[str, str]:
    """Labels of a panel's axes; one that has none is read at the lowest panel of its column, or the left of its row."""
    below = [other for other, spec in specs.items() if spec.colspan == specs[ax].colspan]
    beside = [other for other, spec in specs.items() if spec.rowspan == specs[ax].rowspan]
    return ax.get_xlabel() or below[-1].get_xlabel(), ax.get_ylabel() or beside[0].get_ylabel()


def _refit(figure: Figure, legend: Legend, undo: ExitStack) -> int:
    """Put a legend with the same entries in its place that is no wider than the figure; returns its lines."""
    undo.callback(legend.set, visible=True, in_layout=True)
    legend.set(visible=False, in_layout=False)
    handles = [handle for handle in legend.legend_handles if handle is not None]
    names = [text.get_text() for text in legend.get_texts()]
    for columns in range(len(handles), 0, -1):
        fitted = figure.legend(handles, names, loc="outside upper center", ncols=columns)
        if columns == 1 or fitted.get_window_extent().width <= figure.bbox.width:
            break
        fitted.remove()
    undo.callback(fitted.remove)
    return -(-len(handles) // columns)
