"""Published statements recompute to their recorded verdicts, and a changed table changes them."""

from __future__ import annotations

import re

import pytest

from tunbp.errors import DataError
from tunbp.evidence import claims
from tunbp.evidence.datasets import data_path


@pytest.fixture(scope="module")
def checked():
    return claims.check()


def test_every_verdict_is_the_recorded_one(checked):
    assert list(checked.index[~checked["agrees"]]) == []


def test_there_are_claims_for_every_numbered_contradiction(checked):
    text = data_path("published", "sources.md").read_text(encoding="utf-8")
    section = text.split("## Contradictions and traps")[1]
    numbered = {int(number) for number in re.findall(r"^(\d+)\. ", section, re.MULTILINE)}
    assert numbered == set(range(1, 19))
    assert numbered <= set(checked["contradiction"])
    assert len(checked) >= 40


def test_the_verdicts_are_34_hold_35_contradicted_12_not_checkable(checked):
    assert dict(checked["verdict"].value_counts()) == {"holds": 34, "contradicted": 35, "not checkable": 12}


def test_every_source_of_a_claim_is_explained_in_sources_md(checked):
    text = data_path("published", "sources.md").read_text(encoding="utf-8")
    assert set(checked["source_id"]) <= set(re.findall(r"^\| (S\d\d) \|", text, re.MULTILINE))


@pytest.mark.parametrize(
    ("name", "verdict", "computed"),
    [
        # 184.6 / 117.4 - 1 and 1 - 117.4 / 184.6, from the paper's table
        ("abstract-36-percent-gain", "contradicted", 0.5724),
        ("stock-36-percent-below-patched", "holds", 0.3640),
        ("wireguard-gain-36-percent", "contradicted", 0.3447),
        ("batch-is-128-packets", "contradicted", 16),
        ("regression-13-5-to-9-13", "holds", -0.3237),
        ("patch-1-no-regression", "holds", 0.001767),
        ("label-tap-patched-120ms", "contradicted", 0.094006),
        ("pinned-4-threads-lost-4616", "contradicted", 6108e3),
        ("no-drops-vhost-ring-1", "contradicted", 1384),
    ],
)
def test_well_known_statements(checked, name, verdict, computed):
    assert checked.loc[name, "verdict"] == verdict
    assert checked.loc[name, "computed"] == pytest.approx(computed, rel=1e-3)


def test_what_cannot_be_checked_says_what_is_missing(checked):
    unknown = checked[checked["verdict"] == "not checkable"]
    assert (unknown["missing"].str.len() > 20).all()
    assert "pktgen[v8-tap-half].lost_rate: table could not be read" in unknown.loc["v8-no-packets-lost", "missing"]


def test_every_contradiction_says_by_how_much_and_why(checked):
    wrong = checked[checked["verdict"] == "contradicted"]
    assert wrong["difference"].abs().min() > 0
    assert (wrong["why"].str.len() > 15).all()


def test_a_changed_table_changes_the_verdict():
    known = claims.tables()
    known["tcp"].loc["path-openvpn-500-patched", "throughput"] = 1.36 * 117.4e6
    checked = claims.check(known=known)
    assert checked.loc["abstract-36-percent-gain", "verdict"] == "holds"
    assert not checked.loc["abstract-36-percent-gain", "agrees"]
    assert "stock-36-percent-below-patched" in checked.index[~checked["agrees"]]


CLAIM = """\
- {{id: one, text: a, source: S01, formula: "{formula}", claimed: {claimed}, relation: {relation},
   tolerance: 0.5, verdict: holds, why: because}}
"""


@pytest.mark.parametrize(
    ("formula", "relation", "verdict"),
    [
        ("10.5", "equal", "holds"),
        ("9.5", "equal", "holds"),
        ("10.6", "equal", "contradicted"),
        ("9.4", "equal", "contradicted"),
        ("99", "at_least", "holds"),
        ("9.4", "at_least", "contradicted"),
        ("-99", "at_most", "holds"),
        ("10.6", "at_most", "contradicted"),
    ],
)
def test_relation_and_tolerance_decide(tmp_path, formula, relation, verdict):
    path = tmp_path / "claims.yaml"
    path.write_text(CLAIM.format(formula=formula, claimed=10, relation=relation))
    assert claims.check(path, known={}).loc["one", "verdict"] == verdict


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CLAIM.format(formula="1 / 0", claimed=1, relation="equal"), r"claim one: .*division by zero"),
        (CLAIM.format(formula="nowhere['a'].b", claimed=1, relation="equal"), r"claim one: .*'nowhere'"),
        (
            CLAIM.format(formula="1", claimed=1, relation="about"),
            r"claim 0 -> relation: .*'equal'.*value: about",
        ),
        (CLAIM.format(formula="1", claimed=1, relation="equal") * 2, r"id one is used twice"),
        ("- {id: one, text: a, source: S01, verdict: holds, why: b}", r"without a formula the verdict is"),
        (
            "- {id: one, text: a, source: S01, formula: '1', verdict: holds, why: b}",
            r"formula and claimed go together",
        ),
        ("- {id: one, colour: red}", r"claim 0 -> "),
        ("[unclosed", r"claims\.yaml"),
        ("!!python/object/apply:os.getcwd []", r"claims\.yaml"),
    ],
)
def test_a_wrong_claims_file_names_the_claim_and_the_reason(tmp_path, text, message):
    path = tmp_path / "claims.yaml"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        claims.check(path, known={})
