"""Tables and sentences of notebook 07: what the laboratory decided, in readable units, from the data that is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tunbp.evidence.experiments import rated
from tunbp.evidence.prediction_bounds import FEW_DROPS
from tunbp.evidence.repetition import halves
from tunbp.notebooks.words import named
from tunbp.quantities import label_unit, percent, show, show_range, significant
from tunbp.results.output import Output

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

    from tunbp.evidence.held_out import Cell


def verdict_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of `tunbp.lab.statistics.verdicts` as they are read, the difference with its interval in one column.

    Rows whose variants are equal in every pair (nothing dropped by either) are left out.

    Parameters
    ----------
    table
        What `tunbp.lab.statistics.verdicts` returned.

    Returns
    -------
    pandas.DataFrame
        One row per cell and quantity.
    """
    lines = []
    for row in table[(table["low"] != 0) | (table["high"] != 0)].to_dict("records"):
        unit, size = label_unit(row["units"], "%" if row["units"] == "1" else None)
        stock, patched, change, low, high = (
            significant(row[name] / size, 3) for name in ("stock", "backpressure", "difference", "low", "high")
        )
        line = {
            "cell": named(row["cell"]),
            "quantity": f"{QUANTITIES.get(row['quantity'], row['quantity'])} ({unit})",
            "stock": stock,
            "backpressure": patched,
            "difference": f"{change} ({low} to {high})",
            "pairs": row["pairs"],
            "with backpressure": row["with backpressure"],
        }
        lines.append(line)
    return pd.DataFrame(lines)


def verdict_table(table: pd.DataFrame, caption: str) -> Styler:
    """`verdict_rows` for a notebook.

    Parameters
    ----------
    table
        What `tunbp.lab.statistics.verdicts` returned.
    caption
        Words above it.

    Returns
    -------
    Styler
        For the notebook.
    """
    return verdict_rows(table).style.hide(axis="index").set_caption(caption).set_uuid("verdicts")


def _rates(table: pd.DataFrame, *columns: str) -> list[list[str]]:
    """Rates of some columns in Mbit/s, as text, column by column."""
    return [[significant(value, 3) for value in table[column].to_numpy(float) / 1e6] for column in columns]


def _ranges(table: pd.DataFrame, *columns: str) -> list[str]:
    """A rate and its two ends in Mbit/s, as text, row by row."""
    return [f"{middle} ({low} to {high})" for middle, low, high in zip(*_rates(table, *columns), strict=True)]


def native_table(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of `evidence.blind.blind` as they are read: rates in Mbit/s, and the narrowest interval that holds.

    Parameters
    ----------
    table
        What `tunbp.evidence.blind.blind` returned.

    Returns
    -------
    pandas.DataFrame
        One row per configuration, Mbit/s.
    """
    return pd.DataFrame(
        {
            "added RTT (ms)": [f"{1e3 * value:g}" for value in table["added_rtt"]],
            "ring": table["ring"],
            "sender": table["sender"],
            "runs": table["runs"],
            "measured, range (Mbit/s)": _ranges(table, "measured", "least", "most"),
            "predicted, 50 % (Mbit/s)": _ranges(table, "predicted", "low50", "high50"),
            "90 % (Mbit/s)": [" to ".join(ends) for ends in zip(*_rates(table, "low90", "high90"), strict=True)],
            "inside": np.where(table["inside50"], "50 %", np.where(table["inside90"], "90 %", "outside")),
        }
    )


def native_caption(table: pd.DataFrame, cells: Sequence[Cell]) -> str:
    """What the rows of native runs are, how many intervals hold, and how well the runs agree with themselves.

    Parameters
    ----------
    table
        `evidence.blind.blind` of the cells.
    cells
        The configurations.

    Returns
    -------
    str
        Sentences.
    """
    every = halves([cell.rates for cell in cells])
    raised = halves([cell.rates for cell in cells if "receive_window" in cell.known])
    return (
        f"OpenVPN at native speed on stock tun: measured median and range (Mbit/s), and the prediction. Of "
        f"{len(table)} configurations {int(table['inside90'].sum())} lie inside the 90 % interval and "
        f"{int(table['inside50'].sum())} inside the 50 % interval. "
        "The measurement repeats itself like this: between two halves of the runs of each "
        f"configuration the medians differ by a factor of {every.middle:.2f} (median) and {every.worst:.1f} (worst), "
        f"and they rank the configurations alike by Spearman {every.ranks:.2f} "
        f"({raised.middle:.2f}, {raised.worst:.1f} and {raised.ranks:.2f} over those with raised windows alone)."
    )


def beforehand_table(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of `evidence.blind.beforehand` as they are read: rates in Mbit/s.

    Parameters
    ----------
    table
        What `tunbp.evidence.blind.beforehand` returned.

    Returns
    -------
    pandas.DataFrame
        One row per configuration.
    """
    return pd.DataFrame(
        {
            "sender": table["sender"],
            "added RTT (ms)": [f"{1e3 * value:g}" for value in table["added_rtt"]],
            "ring": table["ring"],
            "measured, range (Mbit/s)": _ranges(table, "measured", "least", "most"),
            "predicted (Mbit/s)": _rates(table, "predicted")[0],
            "dropped by the ring": [f"{value:.0f}" for value in table["dropped"]],
            "predicted drops": [f"{value:.0f}" for value in table["dropped_predicted"]],
            "with a stage behind the reader (Mbit/s)": _rates(table, "two_stages")[0],
        }
    )


def beforehand_words(table: pd.DataFrame) -> str:
    """How near predictions came that were committed before the first run, by sender, and what pacing is worth.

    Parameters
    ----------
    table
        What `tunbp.evidence.blind.beforehand` returned.

    Returns
    -------
    str
        Sentences.
    """
    parts = []
    for sender, rows in table.groupby("sender", sort=False):
        factors = np.exp(np.abs(np.log((rows["predicted"] / rows["measured"]).to_numpy(float))))
        ranks = rows["predicted"].corr(rows["measured"], method="spearman")
        counted = rows[rows["dropped"] >= FEW_DROPS]
        near = (np.abs(np.log(counted["dropped_predicted"] / counted["dropped"])) <= np.log(3.0)).sum()
        parts.append(
            f"{sender}: median factor {np.median(factors):.2f}, worst {factors.max():.1f}, ranks {ranks:.2f} "
            f"(Spearman), drops within a factor of 3 in {near} of {len(counted)} configurations with {FEW_DROPS:.0f} "
            "and more"
        )
    wide = table.pivot_table(index=["added_rtt", "ring"], columns="sender", values="measured")
    worth = (wide["paced CUBIC"] / wide["CUBIC"]).reset_index(name="times")
    most = worth.nlargest(1, "times").to_dict("records")[0]
    longest = worth.loc[worth["ring"] == worth["ring"].max(), "times"].mean()
    return (
        f"Predicted before the first run. {'; '.join(parts)}. With pacing a stock ring of {most['ring']:.0f} carried "
        f"{most['times']:.0f} times as much over {1e3 * most['added_rtt']:g} ms, the longest ring {longest:.1f} times."
    )


BESIDE_SHOWN = ["measurement", "cell", "driver", "quantity", "runs", "measured", "range", "predicted"]
"""Columns of the printed table of the other experiments."""


def beside_table(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of `evidence.experiments.every` as they are read, each number with its unit.

    Parameters
    ----------
    table
        What `tunbp.evidence.experiments.every` returned.

    Returns
    -------
    pandas.DataFrame
        For the notebook.
    """

    def told(values: pd.Series) -> list[str]:
        return ["" if np.isnan(v) else show(v, u, 3) for v, u in zip(values, table["units"], strict=True)]

    ends = zip(table["least"], table["most"], table["units"], strict=True)
    shown = table.rename(columns={"variant": "driver"}).assign(
        measured=told(table["measured"]),
        range=[show_range(low, high, unit, 3) for low, high, unit in ends],
        predicted=told(table["predicted"]),
    )
    return shown[BESIDE_SHOWN]


def beside_caption(table: pd.DataFrame) -> str:
    """What the rows of `evidence.experiments.every` are, and how near the predictions are.

    Parameters
    ----------
    table
        What `tunbp.evidence.experiments.every` returned.

    Returns
    -------
    str
        Sentences.
    """
    known = rated(table)
    zero = table[(table["variant"] == "backpressure") & (table["variable"] == "ring_drop_fraction")]
    held = int((zero["most"] == 0).sum())
    off = flag = ""
    if len(known):
        factor = np.exp(np.abs(np.log(known["ratio"].to_numpy(float))))
        worst = known.iloc[int(factor.argmax())]
        off = (
            f" {len(known)} rates, times and counts are off by a factor of {significant(float(np.median(factor)), 3)} "
            f"in the median and {significant(float(factor.max()), 3)} at most ({worst['measurement']}, "
            f"{worst['cell']}, {worst['variant']})."
        )
    if len(zero):
        flag = f" With the flag the ring dropped nothing in {held} of {len(zero)} cells."
    return (
        "The laboratory's other experiments: median and range of the runs, and what the model says with constants from "
        f"processor time, floods and the set-up alone; empty where it says nothing.{off}{flag}"
    )


def truth_table(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of `evidence.probe_truth.table` as they are read, errors in percent.

    Parameters
    ----------
    table
        What `tunbp.evidence.probe_truth.table` returned.

    Returns
    -------
    pandas.DataFrame
        One row per promise.
    """
    shown = {name: [percent(value, 2) for value in table[name]] for name in ("median", "worst", "promised")}
    return table.assign(**shown, held=np.where(table["held"], "yes", "no"))


VARIANTS = ("stock", "backpressure")
RATE, RING_DROPS = "received rate", "packets dropped by the ring per packet that reached it"
PING = "mean round-trip time of probes"
"""Quantities of `verdicts` by the long names of the schema."""

QUANTITIES = {RING_DROPS: "dropped by the ring"}
"""Shorter words of quantities, for a column."""


def answer(gains: pd.DataFrame, table: pd.DataFrame) -> str:
    """What TCP through the tunnel did, and how far the blind prediction was off, in a paragraph of Markdown.

    Parameters
    ----------
    gains
        `lab.statistics.verdicts` of the tunnel.
    table
        `evidence.live.compare`: measured medians beside the prediction.

    Returns
    -------
    str
        Markdown.
    """
    rates = gains[gains["quantity"] == RATE]
    found = {word: int((rates["with backpressure"] == word).sum()) for word in ("higher", "lower", "undecided")}
    told = ", ".join(f"{count} {word}" for word, count in found.items() if count)
    decided = dict(zip(rates["cell"], rates["with backpressure"], strict=True))
    cells = (
        table.pivot_table(index="cell", columns="variant", values="received_rate", sort=False).dropna().reset_index()
    )
    setups = table.drop_duplicates("cell").set_index("cell")["setup"]
    lines = [
        f"{setups[row['cell']]}: {show(row['stock'], 'bit/s', 3)} through stock, "
        f"{show(row['backpressure'], 'bit/s', 3)} with backpressure ({decided.get(row['cell'], 'no pairs')})"
        for row in cells.to_dict("records")
    ]
    return (
        f"**TCP with backpressure, {len(rates)} cells, by the mean difference of the pairs and its 95 % interval: "
        f"{told}.** Medians: {'; '.join(lines)}. {missed_by(table)}"
    )


def missed_by(table: pd.DataFrame) -> str:
    """How far the blind prediction of TCP through the tunnel is off at most, in a sentence.

    Parameters
    ----------
    table
        `evidence.live.compare`: measured medians beside the prediction.

    Returns
    -------
    str
        One sentence.
    """
    off = []
    for variant, part in table.groupby("variant", sort=False):
        ratio = (part["model"] / part["received_rate"]).to_numpy(float)
        factor = np.maximum(ratio, 1 / ratio)
        worst = part["setup"].iloc[int(factor.argmax())]
        off.append(f"{variant} by a factor of {significant(float(factor.max()), 3)} at most ({worst})")
    return f"The blind prediction misses {', and '.join(off)}."


def inside_words(measured: pd.DataFrame, predicted: pd.DataFrame) -> str:
    """How many medians of throughput and of ping lie inside their predictive intervals, in a sentence.

    Parameters
    ----------
    measured
        One row per run: `cell`, `variant`, `received_rate`, `ping_mean_rtt`.
    predicted
        `evidence.blind.rates_and_pings` of the same cells.

    Returns
    -------
    str
        One sentence.
    """
    told = []
    for quantity, word in (("received_rate", "throughput"), ("ping_mean_rtt", "ping")):
        middle = measured.groupby(["cell", "variant"])[quantity].median().rename("measured")
        rows = predicted[predicted["quantity"] == quantity].join(middle, on=["cell", "variant"]).dropna()
        inside = rows["measured"].between(rows["low90"], rows["high90"])
        told.append(f"{int(inside.sum())} of {len(rows)} medians of the {word}")
    return f"The 90 % intervals hold {' and '.join(told)}."


def ring_words(decided: pd.DataFrame) -> str:
    """What the ring dropped of UDP, in a paragraph of Markdown, from `lab.statistics.verdicts` of the ring.

    Parameters
    ----------
    decided
        What `tunbp.lab.statistics.verdicts` returned of the experiment `ring`.

    Returns
    -------
    str
        Markdown.
    """
    drops = decided[decided["quantity"] == RING_DROPS]
    bare = drops["cell"].str.contains("noqueue")
    most = drops[~bare]["backpressure"].max()
    words = (
        "With a qdisc the ring dropped nothing under backpressure in any cell"
        if most == 0
        else f"With a qdisc the ring dropped up to {percent(float(most), 2)} under backpressure"
    )
    steady = drops[drops["cell"].str.startswith("steady") & ~bare]
    if len(steady):
        words += f"; stock dropped {show_range(steady['stock'].min(), steady['stock'].max(), '%')} of a steady overload"
    if bare.any():
        without = drops[bare].iloc[0]
        words += (
            f". With noqueue it dropped {percent(float(without['stock']), 2)} without the flag and "
            f"{percent(float(without['backpressure']), 2)} with it ({without['with backpressure']}, "
            f"{without['pairs']} pairs)"
        )
    return words + "."


def add_finding(out: Output, prices: pd.DataFrame, decided: pd.DataFrame) -> None:
    """Note the price of backpressure in ping and what it buys in throughput, and their table.

    Parameters
    ----------
    out
        Results of the notebook.
    prices
        `evidence.live.prices`.
    decided
        `lab.statistics.verdicts` of the same runs.
    """
    for quantity, name in ((RATE, "rate"), (PING, "ping")):
        said = decided[decided["quantity"] == quantity].set_index("cell")["with backpressure"]
        prices = prices.assign(**{f"{name}_verdict": prices["cell"].map(said)})
    rates, pings = (dict.fromkeys((f"stock_{name}", f"backpressure_{name}"), unit)
                    for name, unit in (("ping", ("s", "ms")), ("rate", ("bit/s", "Mbit/s"))))  # fmt: skip
    title = "TCP through OpenVPN on a live kernel: mean ping beside the transfer, and throughput of the same runs"
    factors = dict.fromkeys(("ping_factor", "ping_verdict", "rate_factor", "rate_verdict"), "")
    out.table(prices, "live_openvpn_price", title, {"setup": "", "runs": "", **rates, **pings, **factors})
    cubic = prices[prices["congestion"] == "cubic"]
    if cubic.empty:
        return
    stock, pushed = (show_range(cubic[f"{v}_ping"].min(), cubic[f"{v}_ping"].max(), "s", 3) for v in VARIANTS)
    gain = f"{significant(cubic['rate_factor'].min(), 2)} to {significant(cubic['rate_factor'].max(), 2)}"
    sentence = (
        f"longer ping beside a transfer with CUBIC, {pushed} instead of {stock}: the price of {gain} times the "
        "throughput in the same runs."
    )
    other = " ".join(
        f"With {str(row['congestion']).upper()} (one cell) the ping is {row['ping_verdict']} "
        f"({show(row['backpressure_ping'], 's', 3)} against {show(row['stock_ping'], 's', 3)}) and the throughput "
        f"{row['rate_verdict']} ({significant(row['rate_factor'], 2)} times). "
        for row in prices[prices["congestion"] != "cubic"].to_dict("records")
    )
    detail = (
        f"Our own runs (data/measured/lab_openvpn) on Linux 7.3.4 in an emulated machine, medians of {len(cubic)} "
        f"cells, {cubic['runs'].min()} runs or more of each. {other}The qdisc was fq_codel. Where the "
        "packets wait was not measured: it is more than the ring holds, and no smaller ring is seen to make it shorter."
    )
    for name in ("ping", "rate"):
        for end, value in (("least", cubic[f"{name}_factor"].min()), ("most", cubic[f"{name}_factor"].max())):
            text = f"{end} factor of {name} with backpressure, CUBIC, live kernel"
            out.number(f"live_{name}_{end}", float(value), "1", text=text, digits=2)
    number = f"{cubic['ping_factor'].min():.2g} to {cubic['ping_factor'].max():.2g} times"
    out.finding(4, number, sentence, detail, figure="live_openvpn", table="live_openvpn_price")
