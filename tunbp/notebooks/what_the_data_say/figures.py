"""Figures of notebook 09: intervals against what was measured, observed against stated coverage, and contraction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import binom

from tunbp.model.fields import FIELDS
from tunbp.plots import style
from tunbp.plots.legend import GREY
from tunbp.plots.texts import Text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TEXTS = {
    "intervals": Text(
        "Predictive intervals and what was measured",
        "Each row is a configuration that nothing was fitted to, with the 90 % interval (thin), the 50 % interval "
        "(thick) and the median (bar) of its prediction, over what was measured (1): an interval that reaches the "
        "line held it. Rows right of the line are predicted too high, left of it too low. Rows are ordered by the "
        "median.",
        "Horizontal bars around a vertical line at one, one panel per source, all on the same logarithmic axis.",
    ),
    "coverage": Text(
        "How often intervals hold what was measured",
        "Share of the held-out configurations inside the central interval of each level, by source. On the diagonal an "
        "interval says what it is; above it, it is wider than need be; below it, it is too narrow or misplaced. Grey: "
        "where 95 % of honest intervals would lie, were the rows of the smallest source independent; they share hosts "
        "and days, so the true range is wider.",
        "Lines over a square with its diagonal and a grey band around it.",
    ),
    "contraction": Text(
        "What the paper's rows say of each constant",
        "The further right, the more the rows say of a constant: 1 - variance of the posterior over that of the "
        "prior is 0 where they say nothing and 1 where they fix it. Negative values are chance, or a posterior wider "
        "than the prior.",
        "Dot plot, one row per constant, sorted.",
    ),
}
"""Words of each figure, by its id."""

INTERVAL = "#8A8A8A"
"""Colour of intervals: sources are no variants of a driver."""
LINES = (("black", "-"), ("#5a5a5a", "--"), ("#9a9a9a", "-."), ("#5a5a5a", ":"))
"""Colour and dashes of sources, colour of hosts."""
LEVELS = np.linspace(0.05, 0.95, 19)

SOURCES = {
    "openvpn_native": "our OpenVPN runs",
    "external": "runs of others",
    "paper": "the paper's other rows",
    "openvpn": "our OpenVPN runs, emulated",
    "wireguard_native": "our wireguard-go runs",
}
"""What figures call a source."""


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
        f"{SOURCES[row['source']]} {round(row['cells'] * row['inside 90 %'])} of {row['cells']}"
        for row in parts.to_dict("records")
    ]
    return f"The 90 % intervals hold: {', '.join(told)}."


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
            ax.hlines(rows.index, *ends, color=INTERVAL, linewidth=width)
        ax.plot(rows["ratio"], rows.index, linestyle="none", marker="|", color="black")
        ax.axvline(1.0, color="black", linewidth=0.8)
        ax.set(xscale="log", yticks=[], title=f"{SOURCES[str(source)]} ({len(rows)})")
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
        observed = [float((2 * (part["place"] - 0.5).abs() <= level).mean()) for level in LEVELS]
        ax.plot(LEVELS, observed, color=color, linestyle=dashes, label=f"{SOURCES[str(source)]} ({len(part)})")
    ax.set(xlim=(0, 1), ylim=(0, 1.02))
    style.label_axis(ax.xaxis, "Level of the interval", "1", "%")
    style.label_axis(ax.yaxis, "Configurations inside", "1", "%")
    fig.legend(loc="outside upper center", ncols=2)
    return fig


def contraction(table: pd.DataFrame) -> Figure:
    """Contraction of every constant by host.

    Parameters
    ----------
    table
        `tunbp.evidence.posteriors.contraction`.

    Returns
    -------
    Figure
        To be handed to `Output.figure`.
    """
    order = table.groupby("constant")["contraction"].mean().sort_values(ascending=False).index
    names = {name: FIELDS[name].long_name if name in FIELDS else name.replace("_", " ") for name in order}
    fig, ax = style.figure("column", 0.9 + 0.2 * len(order))
    for (host, part), (color, _), marker in zip(table.groupby("host", sort=False), LINES, "osD^", strict=False):
        rows = part.set_index("constant")["contraction"]
        at = [place for place, name in enumerate(order) if name in rows.index]
        ax.plot(rows.reindex(order).dropna(), at, linestyle="none", marker=marker, color=color, label=host)
    ax.set_yticks(range(len(order)), list(names.values()))
    ax.set_ylim(len(order) - 0.4, -0.6)
    ax.grid(axis="y", visible=False)
    ax.axvline(0.0, color="black", linewidth=0.6)
    ax.set_xlabel("1 − posterior variance / prior variance")
    fig.legend(loc="outside upper center", ncols=2)
    return fig
