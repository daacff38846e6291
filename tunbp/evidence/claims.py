"""Published statements about backpressure and our own questions, recomputed from published and measured tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self, get_args

import numpy as np
import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator

from tunbp import opened
from tunbp.errors import DataError
from tunbp.evidence.configuration import Value, differences
from tunbp.evidence.datasets import TABLES, data_path, nodrop, published
from tunbp.evidence.formula import FormulaError, evaluate, rows_of
from tunbp.sources import lore, source

Kind = Literal["quote", "paraphrase", "our_question"]
Verdict = Literal["holds", "contradicted", "differs", "typing error", "corrected", "yes", "no", "not checkable"]
MILD: tuple[Verdict, ...] = ("differs", "typing error")
"""What a number that does not come out is called where the finding stays: another divisor, a sum, a digit."""
ANSWERS: dict[str, Verdict] = {"holds": "yes", "contradicted": "no"}
"""How one of our own questions is answered: nobody is contradicted by it."""
_AGAINST: tuple[Verdict, ...] = ("contradicted", *MILD)

NOT_READ = "not read"
"""Shown for the words of a paraphrase whose source could not be read: they are never reconstructed."""


class Words(BaseModel):
    """Somebody's sentence, word for word, and where it stands.

    Attributes
    ----------
    words, author
        The sentence and who wrote it.
    message, source
        Message-ID, or the id of a source.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    words: str
    author: str
    message: str = ""
    source: str = ""

    @property
    def link(self) -> str:
        """Address of the message."""
        return lore(self.message) if self.message else source(self.source).link


class Claim(BaseModel):
    """One published statement, or one question of our own.

    Attributes
    ----------
    id, text, source
        Stable name, the statement in our words (for a question: the question), id of its source.
    kind
        ``quote`` (with `words` and `author`), ``paraphrase`` (with `author`; `words` only if they were read) or
        ``our_question``.
    words, author
        At most a sentence, word for word, and who wrote it.
    correction
        Words by which the author corrected the statement himself.
    reply
        Words of somebody else who corrected it.
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
    configuration
        What was measured, as far as the statement says it: column of the tables -> value. Rows of another configuration
        contradict nobody.
    compares
        Columns in which the statement itself compares rows, as ``variant`` or ``ring``; see
        `tunbp.evidence.configuration.differences`.
    verdict, why
        The recorded verdict and its explanation: for what is not checkable, what is missing. ``differs`` and
        ``typing error`` (`MILD`) are said by the file of a statement whose number does not come out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    text: str
    source: str
    kind: Kind
    words: str = ""
    author: str = ""
    correction: Words | None = None
    reply: Words | None = None
    contradiction: int | None = None
    formula: str | None = None
    claimed: float | str | None = None
    relation: Literal["equal", "at_least", "at_most"] = "equal"
    tolerance: float = 0.0
    unit: str = "1"
    configuration: dict[str, Value] = {}
    compares: tuple[str, ...] = ()
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

    @model_validator(mode="after")
    def _is_fair(self) -> Self:
        ours = self.kind == "our_question"
        if ours and (self.words or self.author or not self.text.endswith("?")):
            raise ValueError("our_question is worded as a question and has no author and no words")
        if not ours and not self.author:
            raise ValueError("a quote or paraphrase names its author")
        if self.kind == "quote" and not self.words:
            raise ValueError("a quote carries the verbatim words; without them it is a paraphrase")
        if ours and self.verdict not in ("yes", "no", "not checkable"):
            raise ValueError("our_question is answered yes or no; the other verdicts are of statements")
        if not ours and self.verdict in ("yes", "no"):
            raise ValueError("yes and no answer our own questions; a statement holds or is contradicted")
        if self.verdict in _AGAINST and not self.words:
            raise ValueError("a statement whose words were not read cannot be contradicted")
        if self.verdict in _AGAINST and self.rows and not self.configuration:
            raise ValueError("numbers contradict only a statement whose configuration they have: give configuration")
        if (self.verdict == "corrected") != (self.correction is not None):
            raise ValueError("verdict 'corrected' and the author's correction go together")
        return self

    @property
    def rows(self) -> list[tuple[str, str]]:
        """Tables and rows that are looked up, for the statement and for what it is compared with."""
        return [place for text in (self.formula, self.claimed) if text is not None for place in rows_of(str(text))]


def load(path: Path | None = None) -> list[Claim]:
    """Read the claims.

    Parameters
    ----------
    path
        A YAML list of claims; by default the bundled ``data/claims.yaml``.

    Returns
    -------
    list[Claim]
        In the order of the file.

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
    # built on 20 August 2025, waking when the ring is empty: what was posted as v3 five days later
    runs = totals.drop_vars("time").to_dataframe().assign(series_version="v3").rename(columns={"rtt_label": "rtt"})
    return {**{name: published(name) for name in TABLES}, "nodrop": runs}


def _verdict(claim: Claim, computed: float, claimed: float, differs: list[str]) -> Verdict:
    if math.isnan(computed) or math.isnan(claimed):
        return "not checkable"
    excess = computed - claimed
    # the tolerance is decimal, the difference binary: 1e-9 of it forgives the rounding of equal decimals
    allowed = claim.tolerance * (1 + 1e-9) + 1e-12 * abs(claimed)
    too_low = claim.relation != "at_most" and excess < -allowed
    too_high = claim.relation != "at_least" and excess > allowed
    found: Verdict = "contradicted" if too_low or too_high else "holds"
    if claim.kind == "our_question":
        return ANSWERS[found]
    if found == "contradicted" and claim.correction is not None:
        return "corrected"
    if found == "contradicted" and claim.verdict in MILD:
        found = claim.verdict
    fair = claim.words and not differs and (claim.configuration or not claim.rows)
    return found if fair or found == "holds" else "not checkable"


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
    differs = differences(claim.rows, claim.configuration, claim.compares, known)
    verdict = _verdict(claim, computed, claimed, differs)
    answers = [said for said in (claim.correction, claim.reply) if said is not None]
    return {
        "id": claim.id,
        "kind": claim.kind,
        "text": claim.text,
        "words": claim.words or ("" if claim.kind == "our_question" else NOT_READ),
        "author": claim.author,
        "source_id": claim.source,
        "link": source(claim.source).link,
        "correction": " | ".join(f"{said.author}: {said.words} ({said.link})" for said in answers),
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
        "differs": "" if claim.kind == "our_question" else "; ".join(differs),
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
        One row per claim, indexed by ``id``, quotes first, then paraphrases and our own questions, in each by source:
        ``kind``, ``text``, ``words`` (verbatim; "not read" for a paraphrase
        without them), ``author``, ``source_id``, ``link``, ``correction`` (by the author or somebody else),
        ``contradiction`` (number in ``sources.md``, 0 if none), ``claimed``, ``computed``, ``difference`` and
        ``tolerance`` (in ``unit``), ``relation``, ``verdict``, ``recorded`` (the verdict in the file), ``agrees``,
        ``differs`` (in what the rows are of another configuration than the statement), ``why``, ``missing`` (what could
        not be looked up) and ``formula``.

    Raises
    ------
    DataError
        If the file or a formula is wrong; the message names the claim.
    """
    known = tables() if known is None else known
    claims = sorted(load(path), key=lambda claim: (get_args(Kind).index(claim.kind), claim.source))
    table = pd.DataFrame([_check_one(claim, known) for claim in claims]).set_index("id")
    return table.astype(dict.fromkeys(("claimed", "computed", "difference", "tolerance"), np.float64))


def removed(path: Path | None = None) -> pd.DataFrame:
    """Claims that were removed after a review: columns `id` and `why`.

    Parameters
    ----------
    path
        A YAML mapping of id to reason; by default the bundled ``data/claims_removed.yaml``.

    Returns
    -------
    pandas.DataFrame
        One row per claim.
    """
    path = opened.note(data_path("claims_removed.yaml") if path is None else path)
    entries: dict[str, str] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return pd.DataFrame({"id": list(entries), "why": list(entries.values())})


def counts(checked: pd.DataFrame) -> pd.DataFrame:
    """Verdicts by kind of what `check` returned: columns `kind` and one per verdict that occurs.

    Parameters
    ----------
    checked
        What `check` returned.

    Returns
    -------
    pandas.DataFrame
        One row per kind that occurs.
    """
    kinds = [kind for kind in get_args(Kind) if (checked["kind"] == kind).any()]
    verdicts = [verdict for verdict in get_args(Verdict) if (checked["verdict"] == verdict).any()]
    return pd.crosstab(checked["kind"], checked["verdict"]).reindex(index=kinds, columns=verdicts).reset_index()
