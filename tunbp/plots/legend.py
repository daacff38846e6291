"""What was drawn on each axes, and the ways to say it: a legend, names beside the lines, a line with the set-up."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patheffects import AbstractPathEffect, withStroke

from tunbp.errors import OutputError
from tunbp.plots.style import Kind, VariantStyle, variant_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.text import Annotation, Text

HALO: list[AbstractPathEffect] = [withStroke(linewidth=2.4, foreground="white")]
"""White edge of texts and black marks, so that they are read over lines and dark colours too."""

GREY = "#555555"
"""Colour of what belongs to no variant."""

SHAPES, GAP = "os", 2.6
"""Markers that stand for any variant's in a legend, and how far they stand apart in their radii."""

_DRAWN: WeakKeyDictionary[Axes, dict[tuple[str, Kind], VariantStyle]] = WeakKeyDictionary()


def drew(ax: Axes, look: VariantStyle, kind: Kind) -> None:
    """Note that a variant was drawn as a kind of value, for `key`.

    Parameters
    ----------
    ax
        Axes that were drawn into.
    look
        Style of the variant.
    kind
        ``"simulated"``, ``"measured"`` or ``"published"``.
    """
    _DRAWN.setdefault(ax, {})[(look.label, kind)] = look


def key(target: Axes | Figure, source: Axes | Sequence[Axes] | None = None, **options: Any) -> Legend:
    """Add a legend of what was drawn: variants by colour and shape, kinds by how they are drawn.

    Parameters
    ----------
    target
        Axes that holds the legend, or a figure (then e.g. `loc="outside upper center", ncols=4`).
    source
        Axes whose contents are explained; default `target`, or all axes of a figure.
    **options
        Passed to `legend`; `handles` are added at the end.

    Returns
    -------
    Legend
        The legend, placed.

    Raises
    ------
    OutputError
        If nothing was drawn by `tunbp.plots` on these axes.
    """
    from matplotlib.figure import FigureBase

    if source is None:
        source = list(target.axes) if isinstance(target, FigureBase) else [target]
    drawn: dict[tuple[str, Kind], VariantStyle] = {}
    for ax in np.atleast_1d(np.asarray(source, dtype=object)).ravel():
        drawn.update(_DRAWN.get(ax, {}))
    if not drawn:
        raise OutputError("key of a figure: nothing was drawn by tunbp.plots on these axes")
    order: tuple[Kind, ...] = ("published", "measured", "simulated")
    kinds = sorted({kind for _, kind in drawn}, key=order.index)
    looks = {label: look for (label, _), look in drawn.items() if label}
    handles = [variant_handle(look, kinds) for look in looks.values()]
    if len(kinds) > 1:
        handles += [kind_handle(kind) for kind in kinds]
    return target.legend(handles=[*handles, *options.pop("handles", [])], **options)


def variant_handle(look: VariantStyle, kinds: Sequence[Kind]) -> Line2D:
    """Entry of a legend for a variant that was drawn as these kinds.

    Parameters
    ----------
    look
        Style of the variant.
    kinds
        Kinds of value that were drawn of it.

    Returns
    -------
    Line2D
        A handle without data.
    """
    hollow = "published" in kinds and "measured" not in kinds
    return Line2D(
        [], [], color=look.color, label=look.label,
        linestyle=look.linestyle if "simulated" in kinds else "none",
        marker="" if list(kinds) == ["simulated"] else look.marker,
        markerfacecolor="white" if hollow else look.color, markeredgecolor=look.color, markersize=4,
    )  # fmt: skip


def kind_handle(kind: Kind, shapes: str = SHAPES) -> Line2D:
    """Entry of a legend for a kind of value, in grey: a line, or markers of any variant's shape.

    Parameters
    ----------
    kind
        Kind of value.
    shapes
        Those that the figure has, side by side.

    Returns
    -------
    Line2D
        A handle without data.
    """
    if kind == "simulated":
        return Line2D([], [], color=GREY, label=kind)
    radii = (1.0, 0.72) if kind == "published" else (1.0,)
    return _marks(kind, shapes, *radii)


def fitted_handle(kind: Kind = "published", shapes: str = SHAPES) -> Line2D:
    """Entry of a legend for values that a model was fitted to, as `points.dot_inside` marks them.

    Parameters
    ----------
    kind, shapes
        As of `kind_handle`.

    Returns
    -------
    Line2D
        A handle without data.
    """
    return _marks(f"{kind}, model fitted to it", shapes, *((1.0, 0.72, 0.36) if kind == "published" else (1.0, 0.4)))


def _marks(label: str, shapes: str, *radii: float) -> Line2D:
    """Markers side by side, each of outlines in each other from the outside: filled, left out, filled."""
    from matplotlib.path import Path

    outlines = []
    for place, shape in enumerate(shapes):
        outline = np.asarray(Path.unit_regular_polygon({"o": 40, "s": 4}[shape]).vertices)
        if shape == "s":
            outline = outline @ np.array([[1, 1], [-1, 1]]) * 0.88  # on a side, not on a corner
        # every second one runs the other way round: that leaves its inside out
        outlines += [
            Path(radius * outline[:: -1 if i % 2 else 1] + [GAP * (place - (len(shapes) - 1) / 2), 0], closed=True)
            for i, radius in enumerate(radii)
        ]
    size = 2.4 * (2 + GAP * (len(shapes) - 1))
    return Line2D([], [], linestyle="none", marker=Path.make_compound_path(*outlines), color=GREY, markersize=size,
                  markeredgewidth=0, label=label)  # fmt: skip


def model_handle(label: str = "simulated", *, upright: bool = True) -> Line2D:
    """Entry of a legend for the model's value as a short black line across a mark.

    Parameters
    ----------
    label
        ``"simulated"``, or ``"predicted"`` where nothing was fitted to the values beside it.
    upright
        Across a row; False: across a column.

    Returns
    -------
    Line2D
        A handle without data.
    """
    return Line2D([], [], color="black", linestyle="none", marker="|" if upright else "_", markersize=9,
                  markeredgewidth=1.4, label=label)  # fmt: skip


SMALL = 6.5
"""Size of the type of set-up lines [points]."""
LETTERS = 24
"""Letters of that size in an inch."""


def set_up(figure: Figure, *facts: str) -> None:
    """Say below a figure in one small line what the values were got with: program, qdisc, round trip, txqueuelen.

    Parameters
    ----------
    figure
        The figure; the line becomes part of its layout.
    *facts
        What is the same in all panels, most telling first; empty ones are left out.
    """
    width = int(LETTERS * figure.get_figwidth())
    words = textwrap.fill("Set-up: " + "; ".join(fact for fact in facts if fact), width)
    figure.supxlabel(words, fontsize=SMALL, color=GREY)


def lead_to(figure: Figure, address: str) -> None:
    """Let a text of a figure lead to an address, in PDF and SVG: the line of its set-up, else the label of an x axis.

    Parameters
    ----------
    figure
        The figure as it was drawn.
    address
        Where the link leads.
    """
    labels = [ax.xaxis.label for ax in reversed(figure.axes) if ax.get_xlabel()]
    line = set_up_line(figure)
    for text in [line] if line is not None else labels[:1]:
        text.set_url(address)


def set_up_line(figure: Figure) -> Text | None:
    """Find the text that `set_up` wrote below a figure.

    Parameters
    ----------
    figure
        Any figure.

    Returns
    -------
    Text or None
        None where it wrote none.
    """
    words = figure.get_supxlabel()
    return next((text for text in figure.texts if words and text.get_text() == words), None)


def name_lines(
    ax: Axes, places: Mapping[str, tuple[float, float]], offset: tuple[float, float] = (4, 0), **options: Any
) -> list[Annotation]:
    """Write names of variants beside their lines, in their colour: read without looking up a legend.

    Parameters
    ----------
    ax
        Axes that hold the lines.
    places
        Variant -> point (x, y) in data coordinates that the text stands beside.
    offset
        From there to the text [points].
    **options
        Passed to `annotate`, e.g. `ha="right"`.

    Returns
    -------
    list[Annotation]
        One text per line.
    """
    texts = []
    for name, place in places.items():
        look = variant_style(name)
        text = ax.annotate(
            look.label, place, xytext=offset, textcoords="offset points", color=look.color,
            fontsize=7, va=options.pop("va", "center"), **options,
        )  # fmt: skip
        text.set_path_effects(HALO)
        texts.append(text)
    return texts
