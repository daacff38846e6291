"""What the project promises of its predictions, and what is met."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tunbp.evidence.held_out import CALIBRATION, HELD_OUT
from tunbp.evidence.prediction_bounds import PROMISES, TRUTHS, bounds, external_check


def table(inside90=0.9, inside50=0.5, error=0.1, width=2.5, drops=2.0, disorder=1.0, count=100):
    row = np.arange(count)
    measured = 1e8 + 1e4 * row
    return pd.DataFrame(
        {
            "source": np.where(row % 2, "external", "openvpn_native"),
            "variant": "stock",
            "use": HELD_OUT,
            "runs90": row < inside90 * count,
            "runs50": row < inside50 * count,
            "log_ratio": np.where(row % 4 < 2, error, -error),
            "measured": measured,
            "median": np.where(row < disorder * count, measured, 2e8 - measured),
            "dropped": np.where(row % 4, 100.0, 10.0),  # some are too few to count
            "drops": 0.01,
            "drops_predicted": 0.01 * np.where(row % 4, drops, 100.0),
            "low90": 1e8,
            "high90": width * 1e8,
        }
    )


def met(found: pd.DataFrame) -> list[bool]:
    return found["met"].tolist()[:8]


def test_good_predictions_keep_all_promises():
    found = bounds(table())
    assert met(found) == [True] * 8
    factor = np.exp(0.1)
    assert found["value"].tolist()[:8] == pytest.approx([0.9, 0.5, 0.1, 2.5, factor, factor, 1.0, 1.0])
    assert found["cells"].tolist()[:8] == [100, 100, 100, 50, 50, 50, 50, 25]


@pytest.mark.parametrize(
    ("changed", "place"),
    [({"inside90": 0.7}, {0}), ({"inside90": 1.0}, {0}), ({"inside50": 0.7}, {1}), ({"error": 0.21}, {2}),
     ({"width": 4.0}, {3}), ({"error": 0.3}, {2, 4}), ({"error": 0.8}, {2, 4, 5}), ({"disorder": 0.5}, {6}),
     ({"drops": 3.1}, {7}), ({"drops": 0.3}, {7})],
)  # fmt: skip
def test_each_promise_can_fail(changed, place):
    assert met(bounds(table(**changed))) == [i not in place for i in range(8)]


def test_rows_that_something_was_calibrated_on_do_not_count():
    judges, other = table(), table(inside90=0.0, error=9.0)
    other["use"] = CALIBRATION
    found = bounds(pd.concat([judges, other], ignore_index=True))
    assert found["value"].tolist()[:8] == pytest.approx(bounds(judges)["value"].tolist()[:8])


def test_the_share_of_stored_predictions_that_hold_is_counted_from_the_file():
    before = external_check()
    found = bounds(table()).set_index("bound").iloc[-1]
    assert found["cells"] == len(before)
    assert found["value"] == pytest.approx(before["inside"].mean())
    assert (before["low90"] <= before["median"]).all()


def test_what_is_not_met_says_why():
    assert all(bool(promise.why) is not promise.met for promise in PROMISES)


def test_known_truths_are_a_bound_beside_the_others():
    truths = pd.DataFrame({"drain_rate": np.linspace(0.005, 0.995, 100), "effective": 9.0})
    held = bounds(table(), truths).iloc[-1]
    assert (held["bound"], held["cells"], held["met"]) == (TRUTHS, 100, True)
    assert held["value"] == pytest.approx(0.9)
    assert not bounds(table(), truths.assign(drain_rate=0.01)).iloc[-1]["met"]
    assert TRUTHS not in bounds(table())["bound"].to_numpy()
