"""Figures of notebook 09: intervals against what was measured, observed against stated coverage, and contraction."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from scipy.stats import binom

from tunbp.notebooks.what_the_data_say.tables import SOURCE_NAMES, constant_name, prior_words
from tunbp.notebooks.words import host_name, named
from tunbp.plots import style
from tunbp.plots.legend import GREY, set_up
from tunbp.plots.predictive import GREY as INTERVAL
from tunbp.plots.predictive import draw_predictive, predictive_handles
from tunbp.plots.texts import Text
from tunbp.quantities import percent, significant

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TEXTS = {
    "intervals": Text(
        "Predictive intervals and what was measured",
        "Each row is a configuration that nothing was fitted to, with the 90 % interval (thin), the 50 % interval "
        "(thick) and the median (bar) of its prediction, over what was measured (1): an interval that reaches the "
        "line held it. Rows right of the line are predicted too high, left of it too low; the ones in black "
        "are missed: their median lies outside (coverage counts single runs). Rows are ordered by the median; "
        "path: Germany–USA; names of VPNs and tun programs that others measured as in data/external; "
        "numbers in the table `predicted`. Predictions use priors, not constants "
        "fitted to neighbouring rows: one that is missed here may be met in openvpn_throughput.",
        "Horizontal bars around a vertical line at one, one panel per source, all on the same logarithmic axis; nearly "
        "all bars cross the line.",
    ),
    "coverage": Text(
        "How often intervals hold what was measured",
        "Share of the held-out configurations (of their single runs, where these are known) inside the central "
        "interval of each level, one panel per source. On the diagonal an interval says what it is; above it, it is "
        "too wide; below it, it is too narrow or misplaced. Grey: where the line of intervals that are what they "
        "say lies in 95 % of cases by chance, were configurations independent and each one run; they share hosts and "
        "days, so the true range is another.",
        "Three squares with a diagonal, a grey band around it and a line that rises along it.",
    ),
    "contraction": Text(
        "What the paper's rows say of each constant",
        "A line much shorter than the grey field: the paper's rows narrow this constant; one that fills it: they say "
        "nothing of it; one at an end: they contradict what was believed before (the prior). Lines: 90 % of the "
        "posterior, with its median, as quantiles of the prior; values in their units are in the table `posterior`. "
        "×: what is narrowed is the factor to the near reader's speed or service time, not the constant in its "
        "unit. Wake cost: what a stop and wake takes of the reader's time; wake-up latency: until a sleeping reader "
        "runs; pauses: how often the reader is interrupted, and for how long. Sorted by how much variance is gone.",
        "One horizontal line with a dot per constant over the grey field of its prior, those that the rows narrow "
        "most at the top.",
    ),
}
"""Words of each figure, by its id."""

LINES = (("black", "-"), ("#5a5a5a", "--"), ("#9a9a9a", "-."), ("#5a5a5a", ":"))
"""Colour (and dashes) of hosts."""
NOTHING_FITTED = "predicted from what was known of each path and from priors, nothing fitted to these rows"
"""Set-up of the held-out configurations."""
LEVELS = np.linspace(0.05, 0.95, 19)
PRIOR_WIDTH = 0.9
"""Width of the grey field of a prior, in its quantiles."""


def held(judges: pd.DataFrame) -> str:
    """Sentence for a caption: how many configurations each source's 90 % intervals hold, and of how many single runs.

    Parameters
    ----------
    judges
        Held-out rows of `tunbp.evidence.predictive.judged`.

    Returns
    -------
    str
        One sentence.
    """
    told = []
    for source, part in judges.groupby("source", sort=False):
        inside = float(observed(part)[np.isclose(LEVELS, 0.9)][0])
        runs = f" ({percent(inside, 2)} of single runs)" if (part["places"].str.count(" ") > 0).any() else ""
        told.append(f"{SOURCE_NAMES[str(source)]} {int(part['inside90'].sum())} of {len(part)}{runs}")
    return f"The 90 % intervals hold: {', '.join(told)}."


def seen(stored: pd.DataFrame) -> str:
    """Sentence for a caption: what the predictions held that were stored before runs of others were looked at.

    Parameters
    ----------
    stored
        `tunbp.evidence.prediction_bounds.external_check`.

    Returns
    -------
    str
        One sentence.
    """
    return (
        f"The runs of others had been compared once before: the predictions stored until then held "
        f"{int(stored['inside'].sum())} of {len(stored)}, and what they did not know was added after that."
    )


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


PITCH = 0.135
"""Height of a row of `intervals`, inches."""


def intervals(table: pd.DataFrame) -> Figure:
    """Predictive intervals over the measured rate, one panel per source, each row with its name.

    The source with most rows has the left side, the others stand above each other on the right.

    Parameters
    ----------
    table
        Held-out rows of `tunbp.evidence.predictive.judged`.

    Returns
    -------
    Figure
        To be handed to `Output.figure`.
    """
    groups = {str(source): part for source, part in table.groupby("source", sort=False)}
    most = max(groups, key=lambda source: len(groups[source]))
    others = [source for source in groups if source != most] or [most]
    sizes = [len(groups[source]) for source in others]
    fig, axes = style.figure("text", 1.2 + PITCH * sum(sizes), len(others), 1 + (len(groups) > 1), squeeze=False,
                             sharex=True, gridspec_kw={"height_ratios": sizes})  # fmt: skip
    places = dict(zip(others, axes[:, -1], strict=True))
    if len(groups) > 1:
        for ax in axes[:, 0]:
            ax.remove()
        places = {most: fig.add_subplot(axes[0, 0].get_gridspec()[:, 0], sharex=axes[0, -1]), **places}
    for source, ax in places.items():
        _interval_panel(ax, groups[source], source)
    for ax in (places[most], axes[-1, -1]):
        style.label_axis(ax.xaxis, "Predicted over measured rate")
    missed = Line2D([], [], color="black", linewidth=3.0, label="90 % misses what was measured (the line)")
    fig.legend(handles=[*predictive_handles(), missed], loc="outside upper center", ncols=4)
    set_up(fig, NOTHING_FITTED)
    return fig


def _interval_panel(ax: Axes, part: pd.DataFrame, source: str) -> None:
    """One source, by the median; rows that are missed are black, their names bold."""
    ends = {name: part[name] / part["measured"] for name in ("low90", "low50", "high50", "high90", "median")}
    rows = part.assign(**ends).sort_values("median", ascending=False).reset_index(drop=True)
    rows["place"] = rows.index
    draw_predictive(ax, rows, "place", color=np.where(rows["inside90"], INTERVAL, "black"))
    ax.axvline(1.0, color="black", linewidth=0.8)
    names = [row_words(name) for name in rows["name"]]
    ax.set_yticks(rows["place"], names, fontsize=5.5)
    for words, inside in zip(ax.get_yticklabels(), rows["inside90"], strict=True):
        words.set_fontweight("normal" if inside else "bold")
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", visible=False)
    middle = significant(float(rows["median"].median()), 2)
    ax.set(xscale="log", ylim=(len(rows) - 0.4, -0.6))
    ax.set_title(f"{SOURCE_NAMES[source]} ({len(rows)}), middle {middle}", loc="right")


def row_words(name: str) -> str:
    """A configuration's name as it is read beside its row: bare numbers of the paper's path are queue lengths.

    Parameters
    ----------
    name
        Of `tunbp.evidence.held_out.Cell`.

    Returns
    -------
    str
        The parts in words, joined by commas.

    Examples
    --------
    >>> row_words("path-wireguard-50-patched"), row_words("60ms-ring25-cubic-pfifo_fast")
    ('path, wireguard-go, txqueuelen 50, backpressure', '60 ms, txqueuelen 25, CUBIC')
    """
    words = re.sub(r"\bring (\d)|(?<=, )(\d+)(?=, (?:stock|patched)$)", r"txqueuelen \1\2", named(name))
    return words.replace("patched", style.variant_style("patched").label)


def coverage(table: pd.DataFrame) -> Figure:
    """Observed against stated coverage, one panel per source.

    Parameters
    ----------
    table
        As for `intervals`.

    Returns
    -------
    Figure
        To be handed to `Output.figure`.
    """
    groups = list(table.groupby("source", sort=False))
    fig, axes = style.figure("text", 2.9, cols=len(groups), sharey=True)
    for ax, (source, part) in zip(np.ravel(axes), groups, strict=True):
        count = len(part)
        ax.fill_between(LEVELS, *(binom.ppf(end, count, LEVELS) / count for end in (0.025, 0.975)), color=FIELD,
                        linewidth=0, zorder=0)  # fmt: skip
        ax.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle="--")
        ax.plot(LEVELS, observed(part), color="black", linestyle="-")
        ax.set(xlim=(0, 1), ylim=(0, 1.02), title=f"{SOURCE_NAMES[str(source)]} ({count} configurations)")
        for at, side, words in (((0.03, 0.97), "left", "too wide"), ((0.97, 0.03), "right", "too narrow, or off")):
            ax.text(*at, words, transform=ax.transAxes, ha=side, va="top" if side == "left" else "bottom", fontsize=7,
                    style="italic")  # fmt: skip
        style.label_axis(ax.xaxis, "Level of the interval", "1", "%")
    style.label_axis(np.ravel(axes)[0].yaxis, "Measured inside", "1", "%")
    handles = [
        Line2D([], [], color="black", linestyle="-", label="inside (a configuration by the share of its runs)"),
        Line2D([], [], color=GREY, linewidth=0.8, linestyle="--", label="as many as stated"),
        Patch(color=FIELD, linewidth=0, label="95 % by chance, were all independent"),
    ]
    fig.legend(handles=handles, loc="outside upper center", ncols=3)
    set_up(fig, NOTHING_FITTED)
    return fig


FIELD = "#E4E4E4"
"""Colour of fields behind lines."""


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
    table = table.assign(name=[constant_name(row).removesuffix(" (relative)") for row in table.to_dict("records")])
    order = list(table.groupby("name")["contraction"].mean().sort_values(ascending=False).index)
    fig, ax = style.figure("column", 0.9 + 0.2 * len(order))
    hosts = list(table.groupby("host", sort=False))
    marks: list[Artist] = []
    prior = ax.axvspan(
        0.5 - PRIOR_WIDTH / 2, 0.5 + PRIOR_WIDTH / 2, color=FIELD, linewidth=0, zorder=0, label="90 % of the prior"
    )
    for number, ((host, part), (color, _), marker) in enumerate(zip(hosts, LINES, "osD^", strict=False)):
        at = part["name"].map(order.index) + 0.6 * ((number + 0.5) / len(hosts) - 0.5)
        ax.hlines(at, part["place_low90"], part["place_high90"], color=color, linewidth=1.0)
        ax.plot(part["place"], at, linestyle="none", marker=marker, color=color)
        name = "posterior" if len(hosts) == 1 else host_name(str(host))
        marks.append(Line2D([], [], color=color, linewidth=1.0, marker=marker, markersize=4.5,
                            label=f"{name}: median, 90 %"))  # fmt: skip
    ax.axvline(0.5, color=GREY, linewidth=0.6, zorder=1)
    known = table.drop_duplicates("name").set_index("name").loc[order]
    ax.set_yticks(
        range(len(order)), [f"{name}: {prior_words(row)}" for name, row in known.to_dict("index").items()], fontsize=6.5
    )
    ax.set_ylim(len(order) - 0.4, -0.6)
    ax.grid(axis="y", visible=False)
    ax.set_xlim(0, 1)
    ax.set_xticks([0.05, 0.25, 0.5, 0.75, 0.95])
    style.label_axis(ax.xaxis, "Posterior, as quantiles of the prior", "1", "%")
    fig.legend(handles=[prior, *marks], loc="outside upper center", ncols=2)
    draws = f"{table['draws'].min()} draws"
    told = "; ".join(host_name(str(host)) for host, _ in hosts)
    set_up(fig, f"the paper's rows of {told}", draws, "beside the names: 90 % of the prior", "far: of the remote end",
           "×: over the near reader's speed or service time")  # fmt: skip
    return fig
