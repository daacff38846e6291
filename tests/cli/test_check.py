"""`tunbp check` shows claims and validation, and its exit status says whether they are as recorded."""

from __future__ import annotations

import json
import sys
import types

import pandas as pd
import pytest
from click.testing import CliRunner

from tunbp.cli.check import check
from tunbp.evidence import claims, prediction_bounds
from tunbp.sources import cite, named


@pytest.fixture
def validation(monkeypatch):
    """Stands in for the model's validation, which takes longer and is tested with the model."""
    module = types.ModuleType("tunbp.evidence.validation")
    rows = pd.DataFrame(
        [
            {
                "table": "tcp",
                "row": "v7-tap-stock",
                "published": 1.71e9,
                "model": 1.8e9,
                "error": 0.0526,
                "role": "fit",
            }
        ]
    )
    bounds = pd.DataFrame(
        [
            {
                "bound": "median error of notebook 03",
                "value": 0.05,
                "limit": 0.1,
                "met": True,
                "recorded": True,
                "why": "",
            }
        ]
    )
    module.validate = lambda: rows
    module.bounds = lambda: bounds
    line = {"table": "tcp", "rows": 1, "seeds": 64, "median": 0.0526, "worst": 0.0526, "worst_row": "v7-tap-stock"}
    module.summary = lambda: pd.DataFrame([{**line, "noise": 0.054}, {**line, "seeds": 1, "noise": float("nan")}])
    monkeypatch.setitem(sys.modules, "tunbp.evidence.validation", module)
    monkeypatch.setattr(sys.modules["tunbp.evidence"], "validation", module, raising=False)
    return bounds


@pytest.fixture
def predictions(monkeypatch):
    """Stands in for the predictions of all held-out runs, which take longer and have tests of their own."""
    line = {"bound": "held-out runs inside their 90 % interval", "cells": 94, "value": 0.9, "low": 0.8, "high": 0.97}
    found = pd.DataFrame([{**line, "met": True, "recorded": True, "why": ""}])
    missed = {**line, "bound": "median absolute log ratio", "value": 0.4, "low": 0.0, "high": 0.2}
    found.loc[1] = {**missed, "met": False, "recorded": False, "why": "the reason"}
    monkeypatch.setattr(prediction_bounds, "checked", lambda: found)
    return found


def test_all_parts_by_default(validation, predictions):
    result = CliRunner().invoke(check, [])
    assert result.exit_code == 0, result.output
    assert "v7-tap-stock" in result.output
    shown = " ".join(result.output.split())
    assert "50 of kind quote: 21 holds, 2 contradicted, 6 differs, 1 typing error, 20 not checkable." in shown
    assert "29 of kind our question: 14 yes, 14 no, 1 not checkable." in shown


def test_claims_alone_leave_the_model_out():
    result = CliRunner().invoke(check, ["--claims"])
    assert result.exit_code == 0
    assert "cover-letters-36-percent" in result.output
    assert "https://lore.kernel.org/netdev/20260107210448.37851-1-simon.schippers@tu-dortmund.de/" in result.output
    assert "Simon Schippers: not read" in result.output
    assert "Model against published" not in result.output


def test_every_source_that_is_named_has_its_link():
    shown = CliRunner().invoke(check, ["--claims"]).output
    assert {"S06", "S25", "S34"} <= set(named(shown))
    assert [name for name in named(shown) if cite(name) not in shown] == []
    told = CliRunner().invoke(check, ["--claims", "--json"]).output
    assert [name for name in named(told) if json.loads(told)["sources"].get(name) != cite(name)] == []


def test_validation_alone_leaves_the_claims_out(validation):
    result = CliRunner().invoke(check, ["--validation"])
    assert result.exit_code == 0
    assert "+5.3%" in result.output
    lines = [line.split() for line in result.output.splitlines() if line.strip().startswith("tcp") and "1" in line]
    assert ["tcp", "1", "64", "5.3%", "5.3%", "v7-tap-stock", "5.4%"] in lines
    assert ["tcp", "1", "nothing", "random", "5.3%", "5.3%", "v7-tap-stock", "not", "repeated"] in lines
    assert "claims" not in result.output


def test_json_holds_every_claim_with_missing_numbers_as_null(validation, predictions):
    result = CliRunner().invoke(check, ["--json"])
    shown = json.loads(result.output)
    assert shown["passed"] is True
    by_id = {claim["id"]: claim for claim in shown["claims"]}
    assert len(by_id) == 83
    assert by_id["cover-letters-36-percent"]["computed"] == pytest.approx(0.572402, rel=1e-6)
    assert by_id["v8-no-packets-lost"]["computed"] is None
    assert shown["bounds"][0]["met"] is True
    assert [line["met"] for line in shown["predictions"]] == [True, False]


def test_a_verdict_that_differs_from_the_recorded_one_fails(monkeypatch):
    known = claims.tables()
    known["tcp"].loc["path-openvpn-500-patched", "throughput"] = 1.36 * 117.4e6
    monkeypatch.setattr(claims, "tables", lambda: known)
    result = CliRunner().invoke(check, ["--claims"])
    assert result.exit_code == 1
    assert "cover-letters-36-percent: holds, recorded differs" in result.output


def test_a_bound_that_is_not_met_fails(validation):
    validation.loc[0, "met"] = False
    assert CliRunner().invoke(check, ["--validation"]).exit_code == 1


def test_what_predictions_hold_is_shown_with_what_is_allowed_and_why_it_is_missed(predictions):
    result = CliRunner().invoke(check, ["--predictions"])
    assert result.exit_code == 0
    assert "80% to 97%" in result.output
    assert "chosen after they had been compared" in " ".join(result.output.split())
    assert "0.00 to 0.20" in result.output
    assert "median absolute log ratio: the reason" in result.output


@pytest.mark.parametrize("line", [0, 1])
def test_a_prediction_bound_against_its_record_fails(predictions, line):
    predictions.loc[line, "met"] = not predictions.loc[line, "met"]
    result = CliRunner().invoke(check, ["--predictions"])
    assert result.exit_code == 1
    assert "against the record" in " ".join(result.output.split())
