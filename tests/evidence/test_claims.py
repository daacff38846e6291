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


def test_verdicts_are_counted_by_kind(checked):
    table = claims.counts(checked).set_index("kind")
    assert list(table.index) == ["quote", "paraphrase", "our_question"]
    assert table.loc["quote", ["holds", "contradicted", "differs", "typing error", "not checkable"]].tolist() == [
        21, 2, 6, 1, 20,
    ]  # fmt: skip
    assert table.loc["our_question", ["holds", "contradicted", "corrected"]].sum() == 0


def test_claims_stand_by_kind_and_in_each_by_source(checked):
    place = checked["kind"].map(["quote", "paraphrase", "our_question"].index)
    order = [*zip(place, checked["source_id"], strict=True)]
    assert order == sorted(order)


def test_every_source_of_a_claim_is_explained_in_sources_md(checked):
    text = data_path("published", "sources.md").read_text(encoding="utf-8")
    assert set(checked["source_id"]) <= set(re.findall(r"^\| (S\d\d) \|", text, re.MULTILINE))


@pytest.mark.parametrize(
    ("name", "verdict", "computed"),
    [
        # 184.6 / 117.4 - 1 and 1 - 117.4 / 184.6, from the paper's table
        ("cover-letters-36-percent", "differs", 0.5724),
        ("stock-36-percent-below-patched", "yes", 0.3640),
        ("wireguard-gain-36-percent", "no", 0.3447),
        ("batch-is-128-packets", "contradicted", 16),
        ("regression-13-5-to-9-13", "holds", -0.3237),
        ("patch-1-no-regression", "holds", 0.001767),
        ("label-tap-patched-120ms", "differs", 0.094006),
        ("pinned-4-threads-lost-4616", "differs", 6108e3),
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
    wrong = checked[checked["verdict"].isin(AGAINST)]
    assert wrong["difference"].abs().min() > 0
    assert (wrong["why"].str.len() > 15).all()


def test_a_changed_table_changes_the_verdict():
    known = claims.tables()
    known["tcp"].loc["path-openvpn-500-patched", "throughput"] = 1.36 * 117.4e6
    checked = claims.check(known=known)
    assert checked.loc["cover-letters-36-percent", "verdict"] == "holds"
    assert not checked.loc["cover-letters-36-percent", "agrees"]
    assert "stock-36-percent-below-patched" in checked.index[~checked["agrees"]]


AGAINST = ("contradicted", *claims.MILD)
QUOTE = "- {id: one, kind: quote, words: w, author: b, text: a, source: S01, "
CLAIM = """\
- {{id: one, kind: quote, words: w, author: b, text: a, source: S01, formula: "{formula}",
   claimed: {claimed}, relation: {relation}, tolerance: 0.5, verdict: holds, why: because}}
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
        (
            QUOTE + "verdict: holds, why: b}",
            r"without a formula the verdict is",
        ),
        (
            QUOTE + "formula: '1', verdict: holds, why: b}",
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


FAIR = {
    "v3-vhost-100-patched": ("quote", "typing error"), "tap-2-2-gbit": ("quote", "holds"),
    "abstract-36-percent": ("quote", "not checkable"), "cover-letters-36-percent": ("quote", "differs"),
    "no-drops-ring-1": ("quote", "not checkable"), "ryzen-very-similar": ("quote", "not checkable"),
    "wake-half-beats-empty-v8": ("quote", "not checkable"), "wake-seven-eighths-like-half": ("quote", "not checkable"),
    "v6-tap-no-regression": ("our_question", "no"), "v7-tap-5-to-10-percent": ("quote", "holds"),
    "v7-tap-4-threads-no-regression": ("our_question", "no"), "wake-early-degrades-tap-tcp": ("our_question", "no"),
    "regression-repeats": ("our_question", "no"), "regression-one-stream": ("our_question", "no"),
    "wireguard-gain-36-percent": ("our_question", "no"), "lab-wireguard-no-regression": ("our_question", "no"),
    "lab-openvpn-no-regression": ("our_question", "no"), "patched-vpn-shows-capacity": ("our_question", "no"),
    "vhost-context-switches-per-second": ("our_question", "no"), "receive-log-4-percent": ("our_question", "no"),
    "batch-is-128-packets": ("quote", "contradicted"), "v5-pktgen-rates": ("paraphrase", "corrected"),
    "v5-factor-ten": ("quote", "holds"), "pinned-4-threads-326": ("quote", "differs"),
    "stock-36-percent-below-patched": ("our_question", "yes"), "regression-is-udp": ("quote", "contradicted"),
    "receiver-2-gbytes": ("quote", "holds"), "patch-1-no-regression": ("paraphrase", "holds"),
    "label-tap-patched-120ms": ("quote", "differs"), "v7-iperf3-tap-same": ("quote", "holds"),
}  # fmt: skip
"""The review's fair verdicts, claim by claim."""
GONE = (
    "v3-vhost-120ms-stock", "v3-tap-60ms-stock", "v3-vhost-10-patched", "v3-vhost-10-stock", "slowdown-2s-to-5min",
    "any-space-cannot-be-used", "no-drops-vhost-ring-1", "abstract-36-percent-gain",
)  # fmt: skip


@pytest.mark.parametrize("name", FAIR)
def test_the_fair_verdicts_of_the_review_hold(checked, name):
    assert tuple(checked.loc[name, ["kind", "verdict"]]) == FAIR[name]


def test_what_nobody_said_is_removed_and_listed_with_the_reason(checked):
    gone = claims.removed().set_index("id")["why"]
    assert not set(GONE) & set(checked.index)
    assert set(GONE) <= set(gone.index)
    assert not set(gone.index) & set(checked.index)
    assert (gone.str.len() > 30).all()


def test_nobody_is_contradicted_without_his_words_and_a_link(checked):
    wrong = checked[checked["verdict"].isin(AGAINST)]
    assert (wrong["kind"] == "quote").all()
    assert (wrong["words"] != claims.NOT_READ).all()
    assert wrong["link"].str.startswith("https://").all()
    assert (wrong["differs"] == "").all()
    # exact arithmetic apart, a statement is contradicted only beyond the precision in which it was given
    assert set(wrong.index[wrong["tolerance"] == 0]) <= {"batch-is-128-packets", "regression-is-udp"}


def test_every_statement_that_looks_up_rows_says_what_was_measured():
    bare = [one.id for one in claims.load() if one.kind != "our_question" and one.rows and not one.configuration]
    assert bare == []


def test_a_statement_names_columns_that_the_tables_have():
    columns = {name for table in claims.tables().values() for name in table}
    named = {name for one in claims.load() for name in (*one.configuration, *one.compares)}
    assert named <= columns


def test_numbers_of_another_configuration_contradict_nobody(checked):
    other = checked.loc["v4-ten-packets-tap"]
    assert other["differs"] == "series_version: v3, the statement is about v4"
    assert other["difference"] < -other["tolerance"]  # by itself this would contradict
    assert other["verdict"] == "not checkable"


@pytest.mark.parametrize(
    ("column", "value"),
    [("device", "tap"), ("ring", 100.0), ("rtt", 0.06), ("application", "iperf3"), ("caveat", "rtt_label_wrong")],
)
def test_a_contradicted_statement_is_not_any_more_once_its_rows_are_of_another_configuration(column, value):
    known = claims.tables()
    known["tcp"].loc[["path-openvpn-500-patched", "path-openvpn-500-stock"], column] = value
    checked = claims.check(known=known).loc["cover-letters-36-percent"]
    assert checked["verdict"] == "not checkable"
    assert column.replace("caveat", "rtt") in checked["differs"]


@pytest.mark.parametrize("column", ["host", "qdisc", "protocol", "side", "streams"])
def test_rows_that_are_compared_are_alike_in_all_but_what_is_compared(column):
    known = claims.tables()
    known["tcp"].loc["path-openvpn-500-patched", column] = 1.0 if column == "streams" else "one"
    known["tcp"].loc["path-openvpn-500-stock", column] = 2.0 if column == "streams" else "other"
    assert claims.check(known=known).loc["cover-letters-36-percent", "verdict"] == "not checkable"


def test_a_slip_is_called_one_only_while_its_number_does_not_come_out():
    known = claims.tables()
    known["tcp"].loc["v3-vhost-100-0ms-patched", "throughput"] = 23880.9e6
    checked = claims.check(known=known).loc["v3-vhost-100-patched"]
    assert (checked["verdict"], checked["agrees"]) == ("holds", False)


def test_every_statement_has_an_author_and_every_question_is_one(checked):
    ours = checked["kind"] == "our_question"
    assert (checked.loc[~ours, "author"] != "").all()
    assert checked.loc[ours, "text"].str.endswith("?").all()
    assert (checked.loc[ours, "author"] == "").all()


def test_a_correction_by_the_author_is_shown_in_his_words(checked):
    assert "previously I missed a 0" in checked.loc["v5-pktgen-rates", "correction"]
    assert "The iperf3 tests were TCP, not UDP." in checked.loc["regression-is-udp", "correction"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("kind: quote, author: b, verdict: not checkable", "carries the verbatim words"),
        ("kind: paraphrase, author: b, formula: '1', claimed: 2, verdict: contradicted", "cannot be contradicted"),
        ("kind: paraphrase, author: b, formula: '1', claimed: 2, verdict: typing error", "cannot be contradicted"),
        ("kind: our_question, formula: '1', claimed: 2, verdict: differs", "worded as a question"),
        ("kind: paraphrase, verdict: not checkable", "names its author"),
        (
            "kind: quote, words: w, author: b, formula: 't[\"a\"].b', claimed: 2, verdict: contradicted",
            "whose configuration they have",
        ),
        ("kind: our_question, verdict: not checkable", "worded as a question"),
        ("kind: quote, words: w, author: b, formula: '1', claimed: 1, verdict: 'yes'", "answer our own questions"),
        ("kind: quote, words: w, author: b, formula: '1', claimed: 2, verdict: corrected", "go together"),
    ],
)
def test_an_unfair_claim_is_refused(tmp_path, fields, message):
    path = tmp_path / "claims.yaml"
    path.write_text(f"- {{id: one, text: a, source: S01, why: because, {fields}}}")
    with pytest.raises(DataError, match=message):
        claims.check(path, known={})
