"""Tables of notebook 07: what the laboratory decided, in readable units."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from tunbp.quantities import label_unit, show_range
from tunbp.results.output import Output

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


def verdict_table(table: pd.DataFrame, caption: str) -> Styler:
    """Rows of `tunbp.lab.statistics.verdicts` in readable units, the difference with its interval in one column.

    Rows whose variants are equal in every pair (nothing dropped by either) are left out.
    """
    lines = []
    for row in table[(table["low"] != 0) | (table["high"] != 0)].to_dict("records"):
        unit, size = label_unit(row["units"], "%" if row["units"] == "1" else None)
        stock, patched, change, low, high = (
            f"{row[name] / size:.4g}" for name in ("stock", "backpressure", "difference", "low", "high")
        )
        line = {
            "cell": row["cell"],
            "quantity": f"{row['quantity']} ({unit})",
            "stock": stock,
            "backpressure": patched,
            "difference": f"{change} ({low} to {high})",
            "pairs": row["pairs"],
            "with backpressure": row["with backpressure"],
        }
        lines.append(line)
    return pd.DataFrame(lines).style.hide(axis="index").set_caption(caption).set_uuid("verdicts")


def add_finding(out: Output, every: pd.DataFrame) -> None:
    """Note the price of backpressure in ping, over the CUBIC cells of the tunnel.

    Parameters
    ----------
    every
        `evidence.live.single_runs`.
    """
    ping = every.pivot_table(index="setup", columns="variant", values="ping_mean_rtt", aggfunc="median")
    ping = ping[ping.index.str.contains("CUBIC")].dropna()
    if ping.empty:
        return
    factor = ping["backpressure"] / ping["stock"]
    stock, pushed = (show_range(ping[name].min(), ping[name].max(), "s", 3) for name in ("stock", "backpressure"))
    sentence = (
        f"longer ping beside a transfer: its price. Our runs on a live kernel in an emulated machine, medians of each "
        f"cell: {pushed} instead of {stock}. What waits in the ring no qdisc can sort; a smaller txqueuelen makes it "
        "shorter."
    )
    out.finding(4, f"{factor.min():.2g} to {factor.max():.2g} times", sentence, "live_openvpn", "live_openvpn_verdicts")
