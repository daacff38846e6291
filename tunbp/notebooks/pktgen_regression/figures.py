"""Figures of notebook 02: what backpressure costs in pktgen, and the wake rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.lines import Line2D

from tunbp.evidence.repetition import change_half_width
from tunbp.plots.bands import draw_simulated
from tunbp.plots.facets import facets
from tunbp.plots.legend import GREY, HALO, fitted_handle, kind_handle, model_handle, set_up
from tunbp.plots.points import draw_published, estimates
from tunbp.plots.style import figure, label_axis, variant_style
from tunbp.plots.texts import Text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DEVICES = {"tap": "TAP", "tap+vhost-net": "TAP + vhost-net"}

RULES = {
    "wake_batch": "at each freed batch (16)",
    "wake_half": "at half",
    "wake_seven_eighths": "at 7/8",
    "wake_empty": "when empty",
}
"""When the queue is woken, by the style of the rule."""
PLACES = {
    "wake_batch": ((6, -3), "left", "top"),
    "wake_half": ((-6, 2), "right", "bottom"),
    "wake_seven_eighths": ((0, -26), "center", "top"),
    "wake_empty": ((4, 25), "right", "bottom"),
}
"""Where a rule's name stands beside its marker or at an end of its bar [points]; else left of it."""

TEXTS = {
    "pktgen_transmitted": Text(
        "pktgen: what backpressure changes in packets transmitted",
        "With TAP alone every published mean is lower with backpressure, by 5 to 12 % on the i5 and by more than "
        "20 % on the 5600X (patch 1 of 4 alone, which stops no queue, changes nothing); behind vhost-net "
        "the means are 0.2 % lower to 11 % higher, because the guest is slower than the wake work. The cover letter of "
        "v8 says of its own runs: “a slight regression in raw transmission performance, though no packets are lost "
        "anymore” (S15). "
        "Markers: published change against the own stock row (S05 to v7's S07, S08, S12, S13, S18). Bars: 95 % "
        "interval from the four configurations "
        "that were published twice, a week apart: the only spread that is known, and too wide to decide about the "
        "i5 row by row; a dot inside: the model was fitted to that row. Black lines: simulated; the model takes its "
        "reader's speed from the stock row. Tables that are named and not shown could not be found in an archive.",
        "Dot plot in four panels: TAP rows with backpressure lie left of zero, those of the 5600X at minus 22 and "
        "minus 24 per cent; vhost-net rows and patch 1 of 4 lie around zero.",
    ),
    "pktgen_wake_threshold": Text(
        "pktgen: packets per second against the wake rule",
        "With TAP, waking the queue late pays: the cost of a wake is shared by the packets drained before it. Waking "
        "at half of the ring recovers three quarters of what waking at each freed batch of 16 loses. Markers: "
        "published (S13, Ryzen 5 5600X, ring of 1000), one mean each, a dot inside where the law was fitted; bars: how "
        "far a change against stock scatters between sessions (95 %), so that half, seven eighths and empty are not "
        "told apart. Line: the wake-cycle law, by which a packet takes its service time and its share of one wake. "
        "Behind vhost-net the law predicts no loss for any rule; published are 0.1 % (each freed batch), 0.2 % (half), "
        "2.3 % (empty) and 4.3 % (seven eighths) less than stock (S13, S14).",
        "One curve that rises steeply from one to ten per cent of the ring and is flat from half of the ring on, "
        "below the level of stock.",
    ),
}
"""Words of each figure, by its id."""

# ------------------------------------------------------------------------------------------------ stock and patched


def transmitted(changes: pd.DataFrame, unread: pd.DataFrame) -> Figure:
    """Change against stock per configuration, a panel per device and host; what was not read is one grey line.

    Parameters
    ----------
    changes, unread
        `evidence.pktgen.changes` and `evidence.pktgen.unread`.

    Returns
    -------
    Figure
        To be handed to `Output.figure`.
    """
    hosts = list(dict.fromkeys(changes["cpu"]))
    devices = [device for device in DEVICES if device in set(changes["device"])]
    rows = [max(1, changes[changes["cpu"] == cpu].groupby("device").size().max()) + (cpu in set(unread["cpu"]))
            for cpu in hosts]  # fmt: skip
    grid = facets(
        changes, 0.9 + 0.2 * sum(rows) + 0.3 * len(hosts), row="cpu", col="device", row_order=hosts, col_order=devices,
        sharey=False, gridspec_kws={"height_ratios": rows},
    )  # fmt: skip
    for (cpu, device), ax in grid.axes_dict.items():
        part, hidden = (t[(t["cpu"] == cpu) & (t["device"] == device)] for t in (changes, unread))
        _changes_panel(ax, part, list(dict.fromkeys(hidden["configuration"])))
        ax.set_title(f"{DEVICES[device]}, {cpu}")
    for ax in grid.axes[-1]:
        label_axis(ax.xaxis, "Packets/s against stock", "1", "%")
    bar = Line2D([], [], color=GREY, linewidth=0.9, label="95 % between sessions (4 pairs)")
    handles = [kind_handle("published", "s"), fitted_handle(shapes="s"), bar, model_handle()]
    grid.figure.legend(handles=handles, loc="outside upper center", ncols=4)
    grid.figure.get_layout_engine().set(wspace=0.06)
    set_up(
        grid.figure, "pktgen into a TAP device, each version of the series against the stock driver of its own table",
        "one width of bars, pooled",
    )  # fmt: skip
    made: Figure = grid.figure
    return made


def _changes_panel(ax: Axes, part: pd.DataFrame, missing: list[str]) -> None:
    if part.empty:
        ax.set_visible(False)
        return
    estimates(
        ax, part, "configuration", "change", "low", "high", kind="published", model="model", fitted="role",
        reference=0.0, look=variant_style("patched"),
    )  # fmt: skip
    if missing:
        words = f"published, mails not readable: {'; '.join(missing)}"
        ax.text(0.02, len(part), words, color="#707070", fontsize=6.5, va="center",
                transform=ax.get_yaxis_transform()).set_path_effects(HALO)  # fmt: skip
        ax.set_ylim(len(part) + 0.6, -0.6)
    ax.set_xlabel("")
    ax.set_ylabel("")


# ------------------------------------------------------------------------------------------------ wake rules


def wake_threshold(rules: pd.DataFrame, law: pd.DataFrame) -> Figure:
    """Rate against the share of the ring that is drained before the wake: published rules and the wake-cycle law.

    Parameters
    ----------
    rules
        `evidence.pktgen.wake_rules`, rows of one device.
    law
        `evidence.pktgen.wake_law` of that device.

    Returns
    -------
    Figure
        To be handed to `Output.figure`.
    """
    from matplotlib.ticker import FuncFormatter, NullFormatter

    fig, ax = figure("column", 2.9)
    draw_simulated(ax, law.assign(variant="backpressure"), "share", "transmitted_rate", label=False)
    half = change_half_width()
    for variant, part in rules.groupby("variant", sort=False):
        ends = half * part["published"]
        ax.errorbar(part["share"], part["published"], yerr=ends, color=variant_style(str(variant)).color,
                    linestyle="none", elinewidth=0.7, zorder=2.9)  # fmt: skip
        draw_published(ax, part, "share", "published", str(variant), fitted="role", label=False)
    level, stock = float(rules["stock"].iloc[0]), variant_style("stock")
    ax.axhline(level, color=stock.color, linestyle=stock.linestyle, linewidth=1.0, zorder=2.5)
    ax.set_xscale("log")
    label_axis(ax.yaxis, "Transmitted", "packet/s", "Mpps")
    ax.set_ylim(0.9 * float(rules["published"].min()), 1.02 * (1 + half) * float(rules["published"].max()))
    ax.set_xticks([0.01, 0.1, 1], ["1", "10", "100"])
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("Ring drained before senders are woken (% of 1000 packets)")
    for row in rules.to_dict("records"):
        shift, side, height = PLACES.get(row["variant"], ((-6, 0), "right", "center"))
        text = ax.annotate(RULES[row["variant"]], (row["share"], row["published"]), xytext=shift, ha=side, va=height,
                           textcoords="offset points", fontsize=6.5)  # fmt: skip
        text.set_path_effects(HALO)
    ax.annotate(
        "stock (published)", (0.012, level), xytext=(0, 2), textcoords="offset points", color=stock.color, fontsize=7
    )
    bar = Line2D([], [], color=GREY, linewidth=0.7, label="95 % against stock, between sessions")
    handles = [kind_handle("published"), fitted_handle(), bar, kind_handle("simulated")]
    handles[-1].set_label("simulated (wake-cycle law)")
    fig.legend(handles=handles, loc="outside upper center", ncols=2)
    set_up(fig, "pktgen into TAP, one thread, Ryzen 5 5600X, txqueuelen 1000, one mean per marker, rates from "
           f"{ax.get_ylim()[0] / 1e6:.2f} Mpps on")  # fmt: skip
    return fig
