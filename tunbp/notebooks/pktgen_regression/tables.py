"""The finding of notebook 02: what backpressure costs in pktgen."""

from __future__ import annotations

import pandas as pd

from tunbp.quantities import show
from tunbp.results.output import Output, Shown

MERGED = "half"
"""Wake rule of the merged version, as it was measured with pktgen."""


def add_finding(out: Output, pairs: pd.DataFrame, difference: float) -> None:
    """Note what the merged wake rule costs in pktgen, beside all other published changes, and their table.

    Parameters
    ----------
    out
        Results of the notebook.
    pairs
        `evidence.pktgen.published_changes`.
    difference
        How far two sessions of one configuration may differ (relative), `evidence.repetition.change_half_width`.
    """
    half = difference * (1 + pairs["change"])
    pairs = pairs.assign(low=pairs["change"] - half, high=pairs["change"] + half)
    rates = dict.fromkeys(("stock", "patched"), ("packet/s", "Kpps", 4))
    words = dict.fromkeys(("row", "configuration", "stock_source", "source_id"), "")
    printed: dict[str, Shown] = {**words, **rates, "change": ("1", "%")}
    title = (
        "pktgen: every published row with backpressure against its stock row, under every wake rule; low and high: how "
        "far two sessions of one configuration may be apart"
    )
    out.table(pairs, "pktgen_changes", title, printed)
    stopping = pairs[pairs["configuration"] != "patch 1 of 4"]
    tap, vhost = (stopping[stopping["device"] == device] for device in ("tap", "tap+vhost-net"))
    merged = tap[tap["wake_policy"] == MERGED]
    if merged.empty or vhost.empty:
        return
    row, others = merged.iloc[0], tap[tap["wake_policy"] != MERGED]
    batch = others[others["wake_policy"].isin(["freed_batch", "batch_or_empty"])]
    late = {rule: others.loc[others["wake_policy"] == rule, "change"] for rule in ("seven_eighths", "empty")}
    stock, patched = (show(float(row[name]), "packet/s") for name in ("stock", "patched"))
    sentence = (
        "fewer packets per second when pktgen floods a TAP device and the queue is woken at half of the ring, as the "
        f"merged version does: {patched} ({row['source_id']}) instead of {stock} ({row['stock_source']}), where "
        f"stock lost another {show(float(row['lost_stock']), 'packet/s')}; with backpressure and a qdisc none "
        "was lost where v5 to v7 print losses."
    )
    detail = (
        f"One mean each, on a Ryzen 5 5600X with v7's code; two sessions of one configuration may differ by about "
        f"{100 * difference:.0f} %, so this is no sure difference. Superseded: v5 to v7 woke at each freed batch of 16 "
        f"and sent {_less(batch['change'])} less ({_sources(batch)}). Woken at seven eighths it is "
        f"{_less(late['seven_eighths'])} less, when empty {_less(late['empty'])}. Behind vhost-net the change is "
        f"{signed(vhost['change'].min())} to {signed(vhost['change'].max())} % over all rules. The tables of v8, v9 "
        "and v12 were not read; of v12 it is said that packets are lost where two threads send (S17), and v7 prints "
        "losses without a qdisc. v12 was merged on 2026-05-14 and reverted on 2026-07-29; 7.3 has it for programs that "
        "ask for it (IFF_BACKPRESSURE)."
    )
    sources = sorted({*tap["source_id"], *tap["stock_source"]})
    places = {"figure": "pktgen_wake_threshold", "table": "pktgen_changes"}
    text = "change of pktgen's packets per second, woken at half of the ring, TAP, Ryzen 5 5600X"
    out.number("pktgen_half_change", 100 * float(row["change"]), "%", 50 * float(row["high"] - row["low"]), text)
    out.finding(2, f"{-100 * float(row['change']):.1f} %", sentence, detail, **places, sources=sources)


def _less(change: pd.Series) -> str:
    """How much less: ``"3.5 %"``, or a range."""
    ends = sorted({f"{-100 * float(end):.1f}" for end in (change.min(), change.max())}, key=float)
    return f"{' to '.join(ends)} %"


def _sources(rows: pd.DataFrame) -> str:
    return ", ".join(sorted(set(rows["source_id"])))


def signed(change: float) -> str:
    """A relative change in per cent with its sign.

    Parameters
    ----------
    change
        Relative change.

    Returns
    -------
    str
        E.g. ``"-5 %"``.
    """
    return f"{100 * float(change):+.1f}".replace("-", "\N{MINUS SIGN}")
