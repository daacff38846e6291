"""Figures of notebook 09: intervals against what was measured, observed against stated coverage, and contraction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import seaborn as sns

from tunbp.plots import style
from tunbp.plots.texts import Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEXTS = {
    "intervals": Text(
        "Predictive intervals and what was measured",
        "Each row is a configuration that nothing was fitted to: the 90 % interval (thin), the 50 % interval (thick) "
        "and the median (bar) of the prediction, over what was measured (1). Rows are ordered by the median. Rows far "
        "from 1 on the right are predicted too high.",
        "Horizontal bars around a vertical line at one, one panel per source.",
    ),
    "coverage": Text(
        "How often intervals hold what was measured",
        "Share of the held-out configurations inside the central interval of each level, by source. On the diagonal an "
        "interval says what it is; above it, it is wider than need be.",
        "Lines near the diagonal of a square.",
    ),
    "contraction": Text(
        "What the paper's rows say of each constant",
        "1 - variance of the posterior over that of the prior, per host: near 0 the rows say nothing of a constant, "
        "near 1 they fix it. Negative values are chance, or a posterior wider than the prior.",
        "A grid of dots, one row per constant, one colour per host.",
    ),
}
"""Words of each figure, by its id."""

LEVELS = np.linspace(0.05, 0.95, 19)


def intervals(table: pd.DataFrame) -> Figure:
    """Predictive intervals over the measured rate, one panel per source.

    Parameters
    ----------
    table
        Held-out rows of `tunbp.evidence.predictive.judged`.
    """
    groups = list(table.groupby("source", sort=False))
    fig, axes = style.figure("text", 4.2, cols=len(groups))
    for ax, (source, part) in zip(np.ravel(axes), groups, strict=True):
        rows = part.assign(ratio=part["median"] / part["measured"]).sort_values("ratio").reset_index(drop=True)
        for low, high, width in (("low90", "high90", 0.8), ("low50", "high50", 2.6)):
            ax.hlines(rows.index, rows[low] / rows["measured"], rows[high] / rows["measured"], linewidth=width)
        ax.plot(rows["ratio"], rows.index, linestyle="none", marker="|", color="black")
        ax.axvline(1.0, color="black", linewidth=0.8)
        ax.set(xscale="log", yticks=[], title=f"{source} ({len(rows)})")
    fig.supxlabel("Predicted over measured rate", fontsize="medium")
    return fig


def coverage(table: pd.DataFrame) -> Figure:
    """Observed against stated coverage, one line per source.

    Parameters
    ----------
    table
        As for `intervals`.
    """
    fig, ax = style.figure("column", 3.0)
    ax.plot([0, 1], [0, 1], color="0.6", linewidth=0.8)
    lines = [
        {"stated": level, "observed": float((2 * (part["place"] - 0.5).abs() <= level).mean()), "source": source}
        for source, part in table.groupby("source", sort=False)
        for level in LEVELS
    ]
    sns.lineplot(pd.DataFrame(lines), x="stated", y="observed", hue="source", style="source", ax=ax)
    ax.set(xlabel="Level of the interval", ylabel="Share of the runs inside", xlim=(0, 1), ylim=(0, 1))
    return fig


def contraction(table: pd.DataFrame) -> Figure:
    """Contraction of every constant by host.

    Parameters
    ----------
    table
        `tunbp.evidence.posteriors.contraction`.
    """
    fig, ax = style.figure("column", 3.2)
    sns.stripplot(table, x="contraction", y="constant", hue="host", jitter=False, ax=ax)
    ax.axvline(0.0, color="black", linewidth=0.6)
    ax.set(xlabel="1 - variance / variance of the prior", ylabel="")
    return fig
