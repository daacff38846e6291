"""Figures of notebook 09: intervals against what was measured, observed against stated coverage, and contraction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import binom

from tunbp.notebooks.what_the_data_say.tables import SOURCE_NAMES, constant_name
from tunbp.notebooks.words import host_name, named
from tunbp.plots import style
from tunbp.plots.legend import GREY, HALO
from tunbp.plots.texts import Text
from tunbp.quantities import percent

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TEXTS = {
    "intervals": Text(
        "Predictive intervals and what was measured",
        "Each row is a configuration that nothing was fitted to, with the 90 % interval (thin), the 50 % interval "
        "(thick) and the median (bar) of its prediction, over what was measured (1): an interval that reaches the "
        "line held it. Rows right of the line are predicted too high, left of it too low; the named ones in black are "
        "missed. Rows are ordered by the median.",
        "Horizontal bars around a vertical line at one, one panel per source, all on the same logarithmic axis; nearly "
        "all bars cross the line.",
    ),
    "coverage": Text(
        "How often intervals hold what was measured",
        "Share of the held-out configurations (of their single runs, where these are known) inside the central "
        "interval of each level, by source. On the diagonal an interval says what it is; above it, it is wider than "
        "need be; below it, it is too narrow or misplaced. Grey: where 95 % of honest intervals would lie, were the "
        "rows of the smallest source independent; they share hosts and days, so the true range is wider.",
        "Lines over a square with its diagonal and a grey band around it; they rise along the diagonal.",
    ),
    "contraction": Text(
        "What the paper's rows say of each constant",
        "A line much shorter than the grey field: the paper's rows narrow this constant; one that fills it: they say "
        "nothing of it; one at an end: they contradict what was believed before (the prior). Lines: 90 % of the "
        "posterior, with its median, as quantiles of the prior. Relative: what is narrowed is the factor to the "
        "reader's speed or service time, not the constant in its unit. Sorted by how much of the variance is gone.",
        "One horizontal line with a dot per constant over the grey field of its prior, those that the rows narrow "
        "most at the top.",
    ),
}
"""Words of each figure, by its id."""

INTERVAL = "#8A8A8A"
"""Colour of intervals: sources are no variants of a driver."""
LINES = (("black", "-"), ("#5a5a5a", "--"), ("#9a9a9a", "-."), ("#5a5a5a", ":"))
"""Colour and dashes of sources, colour of hosts."""
LEVELS = np.linspace(0.05, 0.95, 19)
PRIOR_WIDTH = 0.9
"""Width of the grey field of a prior, in its quantiles."""


def held(covered: pd.DataFrame) -> str:
    """Sentence for a caption: how many rows each source's 90 % intervals hold.

    Parameters
    ----------
    covered
        `tunbp.evidence.predictive.coverage`.

    Returns
    -------
    str
        One sentence.
    """
    parts = covered[covered["source"] != "all"]
    told = [
        f"{SOURCE_NAMES[row['source']]} {percent(row['inside 90 %'], 2)} of {row['cells']}"
        for row in parts.to_dict("records")
    ]
    return f"The 90 % intervals hold: {', '.join(told)}."


def observed(part: pd.DataFrame) -> np.ndarray:
    """Share of one source's configurations (of their runs, where these are known) inside the interval of each level.

    Parameters
    ----------
    part
        Rows of one source of `tunbp.evidence.predictive.judged`.

    Returns
    -------
    ndarray
        One share per entry of `LEVELS`; a configuration counts once, however many runs it has.
    """
    away = [2 * np.abs(np.array(places.split(), float) - 0.5) for places in part["places"]]
    return np.array([np.mean([(runs <= level).mean() for runs in away]) for level in LEVELS])


def furthest(table: pd.DataFrame) -> str:
    """Sentence for a caption: how far each source's line is from the diagonal where it is furthest.

    Parameters
    ----------
    table
        As for `intervals`.

    Returns
    -------
    str
        One sentence.
    """
    told = []
    for source, part in table.groupby("source", sort=False):
        off = observed(part) - LEVELS
        at = int(np.abs(off).argmax())
        side = "above" if off[at] > 0 else "below"
        told.append(
            f"{SOURCE_NAMES[str(source)]} {100 * abs(off[at]):.0f} points {side} it at {percent(LEVELS[at], 2)}"
        )
    return f"Furthest from the diagonal: {', '.join(told)}."


def narrowed(table: pd.DataFrame) -> str:
    """Sentence for a caption: how many constants the rows narrow, and which one most.

    Parameters
    ----------
    table
        `tunbp.evidence.posteriors.contraction`.

    Returns
    -------
    str
        One sentence.
    """
    share = (table["place_high90"] - table["place_low90"]).to_numpy(float) / PRIOR_WIDTH
    half, least = int((share <= 0.5).sum()), int(share.argmin())
    return (
        f"Here {half or 'none'} of {len(table)} constants {'is' if half == 1 else 'are'} narrowed to half of the prior "
        f"or less; the shortest line is that of the {constant_name(table.iloc[least].to_dict())} "
        f"({percent(float(share[least]), 2)})."
    )


def intervals(table: pd.DataFrame) -> Figure:
    """Predictive intervals over the measured rate, one panel per source.

    Parameters
    ----------
    table
        Held-out rows of `tunbp.evidence.predictive.judged`.

    Returns
    -------
    Figure
        To be handed to `Output.figure`.
    """
    groups = list(table.groupby("source", sort=False))
    fig, axes = style.figure("text", 4.2, cols=len(groups), sharex=True)
    for ax, (source, part) in zip(np.ravel(axes), groups, strict=True):
        rows = part.assign(ratio=part["median"] / part["measured"]).sort_values("ratio").reset_index(drop=True)
        for low, high, width in (("low90", "high90", 0.8), ("low50", "high50", 2.6)):
            ends = rows[low] / rows["measured"], rows[high] / rows["measured"]
            ax.hlines(rows.index, *ends, color=np.where(rows["inside90"], INTERVAL, "black"), linewidth=width)
        ax.plot(rows["ratio"], rows.index, linestyle="none", marker="|", color="black")
        ax.axvline(1.0, color="black", linewidth=0.8)
        for place in np.flatnonzero(~rows["inside90"].astype(bool)):
            row = rows.iloc[place]
            # on the side of the line where the row's own interval is not
            side, shift = ("right", -3) if row["ratio"] > 1 else ("left", 3)
            text = ax.annotate(named(row["name"]), (1.0, float(place)), xytext=(shift, 0), textcoords="offset points",
                               ha=side, va="center", fontsize=6)  # fmt: skip
            text.set_path_effects(HALO)
        ax.set(xscale="log", yticks=[], title=f"{SOURCE_NAMES[str(source)]} ({len(rows)})")
        style.label_axis(ax.xaxis, "")
    fig.supxlabel("Predicted over measured rate", fontsize="medium")
    return fig


def coverage(table: pd.DataFrame) -> Figure:
    """Observed against stated coverage, one line per source.

    Parameters
    ----------
    table
        As for `intervals`.

    Returns
    -------
    Figure
        To be handed to `Output.figure`.
    """
    fig, ax = style.figure("column", 3.3)
    fewest = int(table.groupby("source").size().min())
    ax.fill_between(LEVELS, *(binom.ppf(end, fewest, LEVELS) / fewest for end in (0.025, 0.975)), color="#E4E4E4",
                    linewidth=0, zorder=0)  # fmt: skip
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
    for (source, part), (color, dashes) in zip(table.groupby("source", sort=False), LINES, strict=False):
        ax.plot(
            LEVELS, observed(part), color=color, linestyle=dashes, label=f"{SOURCE_NAMES[str(source)]} ({len(part)})"
        )
    ax.set(xlim=(0, 1), ylim=(0, 1.02))
    for at, side, words in (((0.02, 0.98), "left", "wider than need be"), ((0.98, 0.02), "right", "too narrow")):
        ax.text(*at, words, transform=ax.transAxes, ha=side, va="top" if side == "left" else "bottom", fontsize=7,
                style="italic")  # fmt: skip
    style.label_axis(ax.xaxis, "Level of the interval", "1", "%")
    style.label_axis(ax.yaxis, "Configurations inside", "1", "%")
    fig.legend(loc="outside upper center", ncols=2)
    return fig


def contraction(table: pd.DataFrame) -> Figure:
    """Where the posterior of every constant lies within its prior, hosts beside each other.

    Parameters
    ----------
    table
        `tunbp.evidence.posteriors.contraction`.

    Returns
    -------
    Figure
        To be handed to `Output.figure`.
    """
    table = table.assign(name=[constant_name(row) for row in table.to_dict("records")])
    order = list(table.groupby("name")["contraction"].mean().sort_values(ascending=False).index)
    fig, ax = style.figure("column", 0.9 + 0.2 * len(order))
    hosts = list(table.groupby("host", sort=False))
    ax.axvspan(
        0.5 - PRIOR_WIDTH / 2, 0.5 + PRIOR_WIDTH / 2, color="#E4E4E4", linewidth=0, zorder=0, label="prior, 90 %"
    )
    for number, ((host, part), (color, _), marker) in enumerate(zip(hosts, LINES, "osD^", strict=False)):
        at = part["name"].map(order.index) + 0.6 * ((number + 0.5) / len(hosts) - 0.5)
        ax.hlines(at, part["place_low90"], part["place_high90"], color=color, linewidth=1.0)
        ax.plot(part["place"], at, linestyle="none", marker=marker, color=color, label=host_name(str(host)))
    ax.axvline(0.5, color=GREY, linewidth=0.6, zorder=1)
    ax.set_yticks(range(len(order)), order)
    ax.set_ylim(len(order) - 0.4, -0.6)
    ax.grid(axis="y", visible=False)
    ax.set_xlim(0, 1)
    ax.set_xticks([0.05, 0.25, 0.5, 0.75, 0.95])
    style.label_axis(ax.xaxis, "Posterior, as quantiles of the prior", "1", "%")
    fig.legend(loc="outside upper center", ncols=2)
    return fig
