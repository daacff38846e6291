"""Published statements about backpressure, recomputed from the published and the measured tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

import numpy as np
import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator

from tunbp import opened
from tunbp.errors import DataError
from tunbp.evidence.datasets import TABLES, data_path, nodrop, published
from tunbp.evidence.formula import FormulaError, evaluate

Verdict = Literal["holds", "contradicted", "not checkable"]


class Claim(BaseModel):
    """One published statement.

    Attributes
    ----------
    id, text, source
        Stable name, the statement in our words, id of its source in ``sources.md``.
    contradiction
        Its number in the list of contradictions of ``sources.md``, if it has one.
    formula
        What the tables say, see `tunbp.evidence.formula.evaluate`; absent if no table can say it.
    claimed
        What the statement says: a number or a formula.
    relation
        ``equal``, ``at_least`` or ``at_most``.
    tolerance
        How far the computed value may be off, in `unit`.
    unit
        SI unit of `formula` and `claimed`; ``"1"`` for ratios and counts.
    verdict, why
        The recorded verdict and its explanation: for what is not checkable, what is missing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    text: str
    source: str
    contradiction: int | None = None
    formula: str | None = None
    claimed: float | str | None = None
    relation: Literal["equal", "at_least", "at_most"] = "equal"
    tolerance: float = 0.0
    unit: str = "1"
    verdict: Verdict
    why: str

    @model_validator(mode="after")
    def _has_something_to_compare(self) -> Self:
        if (self.formula is None) != (self.claimed is None):
            raise ValueError("formula and claimed go together: give both, or none for what no table can say")
        if self.formula is None and self.verdict != "not checkable":
            raise ValueError("without a formula the verdict is 'not checkable'")
        if self.tolerance < 0:
            raise ValueError("tolerance is at least 0")
        return self


def load(path: Path | None = None) -> list[Claim]:
    """Read the claims.

    Parameters
    ----------
    path
        A YAML list of claims; by default the bundled ``data/claims.yaml``.

    Raises
    ------
    DataError
        If the file is missing, not valid, or uses an id twice.
    """
    path = opened.note(data_path("claims.yaml") if path is None else path)
    try:
        claims = TypeAdapter(list[Claim]).validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise DataError(f"{path}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = " -> ".join(map(str, first["loc"]))
        raise DataError(f"{path}, claim {where}: {first['msg']} (value: {str(first['input'])[:200]})") from error
    ids = [claim.id for claim in claims]
    repeated = sorted({name for name in ids if ids.count(name) > 1})
    if repeated:
        raise DataError(f"{path}: id {', '.join(repeated)} is used twice")
    return claims


def tables() -> dict[str, pd.DataFrame]:
    """Load the tables of formulas: ``pktgen``, ``tcp``, ``perf`` (published), ``nodrop`` (measured)."""
    measured = nodrop()
    totals = measured.drop_vars([name for name in measured.data_vars if "time" in measured[name].dims])
    return {**{name: published(name) for name in TABLES}, "nodrop": totals.drop_vars("time").to_dataframe()}


def _verdict(claim: Claim, computed: float, claimed: float) -> Verdict:
    if math.isnan(computed) or math.isnan(claimed):
        return "not checkable"
    excess = computed - claimed
    # the tolerance is decimal, the difference binary: 1e-9 of it forgives the rounding of equal decimals
    allowed = claim.tolerance * (1 + 1e-9) + 1e-12 * abs(claimed)
    too_low = claim.relation != "at_most" and excess < -allowed
    too_high = claim.relation != "at_least" and excess > allowed
    return "contradicted" if too_low or too_high else "holds"


def _check_one(claim: Claim, known: Mapping[str, pd.DataFrame]) -> dict[str, object]:
    computed, claimed = math.nan, math.nan
    missing: list[str] = []
    try:
        if claim.formula is not None and claim.claimed is not None:
            computed, missing = evaluate(claim.formula, known)
            claimed, more = evaluate(str(claim.claimed), known)
            missing = missing + more
    except FormulaError as error:
        raise DataError(f"claim {claim.id}: {error}") from error
    verdict = _verdict(claim, computed, claimed)
    return {
        "id": claim.id,
        "text": claim.text,
        "source_id": claim.source,
        "contradiction": claim.contradiction or 0,
        "claimed": claimed,
        "computed": computed,
        "difference": computed - claimed,
        "tolerance": claim.tolerance if claim.formula else math.nan,
        "relation": claim.relation if claim.formula else "",
        "unit": claim.unit if claim.formula else "",
        "verdict": verdict,
        "recorded": claim.verdict,
        "agrees": verdict == claim.verdict,
        "why": claim.why,
        "missing": "; ".join(missing) or (claim.why if verdict == "not checkable" else ""),
        "formula": claim.formula or "",
    }


def check(path: Path | None = None, known: Mapping[str, pd.DataFrame] | None = None) -> pd.DataFrame:
    """Recompute every claim.

    Parameters
    ----------
    path
        Claims to check; by default the bundled ones.
    known
        Tables the formulas may name; by default `tables`.

    Returns
    -------
    pandas.DataFrame
        One row per claim, indexed by ``id``: ``text``, ``source_id``, ``contradiction`` (number in
        ``sources.md``, 0 if none), ``claimed``, ``computed``, ``difference`` and ``tolerance`` (in ``unit``),
        ``relation``, ``verdict``, ``recorded`` (the verdict in the file), ``agrees``, ``why``, ``missing``
        (what could not be looked up) and ``formula``.

    Raises
    ------
    DataError
        If the file or a formula is wrong; the message names the claim.
    """
    known = tables() if known is None else known
    table = pd.DataFrame([_check_one(claim, known) for claim in load(path)]).set_index("id")
    return table.astype(dict.fromkeys(("claimed", "computed", "difference", "tolerance"), np.float64))
