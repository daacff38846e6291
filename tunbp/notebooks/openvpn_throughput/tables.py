"""Words of notebook 01 that its numbers decide: where the model is off."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from tunbp.evidence import openvpn
from tunbp.evidence.claims import MILD
from tunbp.plots.style import variant_style
from tunbp.quantities import percent, show, show_range
from tunbp.results.numbers import Number
from tunbp.results.output import Output, Shown
from tunbp.statistics import next_run_interval

LIMIT = 0.2
"""Relative error from which a row is named, and factor less one between neighbours from which a curve is rough."""

DOUBT = 0.9
"""Probability inside a band."""

FACTOR = 10.0
"""Relative error from which it is said as a factor."""

QUOTED = "TCP throughput over real-world 120ms RTT OpenVPN connection improved by 36% (117Mbit/s vs 185 Mbit/s)"
"""Of v4's cover letter (S04)."""


def where_off(curves: Mapping[str, pd.DataFrame], rows: pd.DataFrame) -> str:
    """Say which published rows the model misses, and where its own curve is too rough to be believed.

    Parameters
    ----------
    curves
        `evidence.openvpn.curves` by path.
    rows
        Published rows of `evidence.openvpn.compare`.

    Returns
    -------
    str
        Markdown.
    """
    far = rows[rows["error"].abs() > LIMIT].sort_values("error", key=lambda error: -error.abs())
    named = "; ".join(f"{_row(line)} ({100 * line['error']:+.0f} %)" for line in far.to_dict("records"))
    words = f"{len(far)} of {len(rows)} rows are missed by more than {percent(LIMIT)}" + (
        f": {named}. " if named else ". "
    )
    return (words + _roughness(curves["lab"]) if "lab" in curves else words).strip()


def inside(doubts: Mapping[str, pd.DataFrame], rows: pd.DataFrame) -> str:
    """Say how many published rows lie where 90 % of runs with drawn constants fall.

    Parameters
    ----------
    doubts
        `evidence.openvpn.doubted` by path.
    rows
        Published rows of `evidence.openvpn.compare`.

    Returns
    -------
    str
        One sentence; empty where no published row was simulated.
    """
    held: dict[str, list[bool]] = {"held out": [], "fitted": []}
    for line in rows.to_dict("records"):
        drawn = doubts[str(line["path"])]
        at = drawn[(drawn["tunnel"] == line["tunnel"]) & (drawn["variant"] == line["variant"])]
        at = at[np.isclose(at["rtt"], line["rtt"]) & (at["ring"] == line["ring"])]
        if len(at):
            found = next_run_interval(at["received_rate"], DOUBT)
            held[str(line["role"])].append(found.low <= line["published"] <= found.high)
    told = [f"{sum(which)} of {len(which)} {role}" for role, which in held.items() if which]
    return f"Inside the bands lie {' and '.join(told)} rows." if told else ""


def _row(line: Mapping[Hashable, Any]) -> str:
    """A row of the paper's tables as it is read: `OpenVPN, lab, 20 ms, stock`."""
    place = f"lab, {1e3 * line['rtt']:.0f} ms" if line["path"] == "lab" else f"Germany–USA, {line['ring']:.0f} packets"
    return f"{line['tunnel']}, {place}, {variant_style(str(line['variant'])).label}"


def _roughness(curve: pd.DataFrame) -> str:
    """Say how far neighbouring round-trip times of the lab's stock curves are apart, and how far seeds of one are."""
    rates = curve[curve["variant"] == "stock"].groupby(["tunnel", "rtt"])["received_rate"]
    middle, spread = rates.median(), rates.quantile(0.75) / rates.quantile(0.25)
    worst = []
    for tunnel, part in middle.groupby("tunnel"):
        values = part.droplevel("tunnel")
        # a curve that falls with the round trip has no neighbours of which the longer one is faster
        ratio = values / values.shift(1)
        worst.append((float(ratio.max()), str(tunnel), float(np.asarray(ratio.idxmax())), values.index))
    factor, tunnel, at, index = max(worst, key=lambda entry: entry[0])
    if factor < 1 + LIMIT:
        return ""
    before = float(index[list(index).index(at) - 1])
    return (
        f"The simulated stock curve is rough: from {before * 1e3:.0f} to {at * 1e3:.0f} ms of {tunnel} it rises by a "
        f"factor of {factor:.2g}, because whether a doubled window overflows the ring hangs on the exact round trip. "
        f"More seeds would not smooth it: at one round trip their quartiles are a factor of "
        f"{float(spread[tunnel].median()):.2g} apart. Read where it falls, not its single points."
    )


def add_finding(out: Output, gain: Number, curves: Mapping[str, pd.DataFrame]) -> None:
    """Note the gain on the paper's path: published, and what the model gives it for an interval; and its table.

    Parameters
    ----------
    out
        Results of the notebook.
    gain
        The published gain.
    curves
        What `tunbp.evidence.openvpn.curves` returned, by path.
    """
    if 500 not in set(curves.get("real", pd.DataFrame({"ring": []}))["ring"]):
        return
    found, rows = openvpn.simulated_gain(curves["real"]), openvpn.headline_rows()
    simulated = {
        "row": "fitted model, over its seeds",
        "gain": found["median"],
        "low": found["low"],
        "high": found["high"],
    }
    rates = dict.fromkeys(("stock", "patched"), ("bit/s", "Mbit/s", 4))
    percents = dict.fromkeys(("gain", "deficit", "low", "high"), ("1", "%"))
    printed: dict[str, Shown] = {"row": "", "source_id": "", **rates, **percents}
    title = "The gain at 500 packets: published pairs, divided by the smaller value (gain) and by the larger (deficit)"
    out.table(pd.concat([rows, pd.DataFrame([simulated])]), "openvpn_headline", title, printed)
    first = rows.iloc[0]
    stock, patched = (show(first[name], "bit/s") for name in ("stock", "patched"))
    sentence = (
        "more TCP throughput through OpenVPN between Germany and the USA (about 120 ms) with a queue of 500 packets: "
        f"{patched} with backpressure instead of {stock}; both were published (S03), the gain is computed from them."
    )
    interval = show_range(float(found["low"]), float(found["high"]), "%")
    detail = (
        f"One value each, without a spread; the fitted model gives {interval} ({percent(float(found['level']), 2)} "
        f"of its seeds). The cover letters say 36 %: “{QUOTED}” (S04, likewise S07). That is the same step divided "
        "by the larger value; the 36 % of the paper's abstract is probably the same, the paper was not read."
    )
    places = {"figure": "openvpn_gain_by_queue", "table": "openvpn_headline"}
    out.finding(1, str(gain), sentence, detail, **places, sources=("S03", "S04", "S07"))


def missed(validated: pd.DataFrame) -> pd.DataFrame:
    """Rows of `evidence.validation.validate` that the model misses by `LIMIT` or more, as they are read.

    Parameters
    ----------
    validated
        What `validate` returned.

    Returns
    -------
    pandas.DataFrame
        For print.
    """
    far = validated[validated["error"].abs() >= LIMIT].sort_values("error", key=lambda error: -error.abs())
    lines = [
        {
            "table": row["table"],
            "row": row["row"],
            "role": row["role"],
            "published": show(row["published"], row["unit"], 4),
            "model": show(row["model"], row["unit"], 3),
            "error": f"{100 * row['error']:+.0f} %" if row["error"] < FACTOR else f"x {1 + row['error']:,.0f}",
        }
        for row in far.to_dict("records")
    ]
    return pd.DataFrame(lines)


def disputed(statements: pd.DataFrame) -> pd.DataFrame:
    """Claims that do not hold as they were made, of `evidence.claims.check`, as they are read.

    Parameters
    ----------
    statements
        What `check` returned.

    Returns
    -------
    pandas.DataFrame
        One row per claim.
    """
    wrong = statements[statements["verdict"].isin(["contradicted", *MILD, "corrected"])]
    rows = [
        {
            "verdict": row["verdict"],
            "who": f"{row['author']} ({row['source_id']})",
            "words": row["words"],
            "claimed": show(row["claimed"], row["unit"], 4) if row["unit"] else "no number",
            "computed": show(row["computed"], row["unit"], 4) if row["unit"] else "no number",
            "why": row["why"],
        }
        for row in wrong.to_dict("records")
    ]
    return pd.DataFrame(rows)


def claims_in_print(statements: pd.DataFrame) -> pd.DataFrame:
    """Claims of `evidence.claims.check` for a page: verdict, words (of a question: the question), who, both values.

    Parameters
    ----------
    statements
        What `check` returned.

    Returns
    -------
    pandas.DataFrame
        One row per claim, all text.
    """

    def told(row: Mapping[Hashable, Any], name: str) -> str:
        return show(row[name], row["unit"], 4) if row["unit"] and not np.isnan(row[name]) else ""

    rows = [
        {
            "verdict": row["verdict"],
            "statement": f"“{row['words']}”" if row["kind"] == "quote" else row["text"],
            "source": f"{row['author']}, {row['source_id']}" if row["author"] else row["source_id"],
            "stated": told(row, "claimed"),
            "found": told(row, "computed"),
        }
        for row in statements.to_dict("records")
    ]
    return pd.DataFrame(rows)
