"""The table of hosts: complete, within what scenarios allow, every number with a source or an interval."""

from __future__ import annotations

import numpy as np
import pytest

from tunbp.errors import ScenarioError
from tunbp.model.hosts import PARTS, draws, host, interval, names, scenario_of_host, table
from tunbp.model.scenario import CHOICES, RANGES, Scenario


def test_an_unknown_host_is_refused_and_the_known_ones_listed() -> None:
    with pytest.raises(ScenarioError, match=r"^host: 'i9' is not known; allowed: lab-openvpn, "):
        host("i9")


@pytest.mark.parametrize("name", names())
def test_every_host_is_a_valid_scenario_and_says_where_its_numbers_come_from(name: str) -> None:
    entry = table()[name]
    assert set(entry) <= {"description", "linked", *PARTS}
    assert entry["description"]
    for field, row in (entry.get("given", {}) | entry.get("measured", {})).items():
        assert field in RANGES or field in CHOICES
        assert row["source"]
        low, high = row.get("interval", (row["value"], row["value"])) if field in RANGES else ("", "z")
        assert low <= row["value"] <= high
    for field, row in entry.get("inferred", {}).items():
        assert row["units"] == RANGES[field].units
        assert row["rows"]
    for field, other in entry.get("linked", {}).items():
        assert field in RANGES
        assert other in names()
    assert isinstance(scenario_of_host(name), Scenario)


@pytest.mark.parametrize("name", names())
def test_at_most_six_constants_are_inferred(name: str) -> None:
    assert len(table()[name].get("inferred", {})) <= 6


INFERRED = [(name, field) for name in names() for field in table()[name].get("inferred", {})]


@pytest.mark.parametrize(("name", "field"), INFERRED, ids=map("-".join, INFERRED))
def test_an_inferred_constant_has_draws_within_its_bounds_and_an_interval_with_width(name: str, field: str) -> None:
    values = draws(name)[field]
    assert RANGES[field].holds(values).all()
    assert np.unique(values).size >= values.size / 4
    low, high = interval(name, field)
    assert low < high
    # the value is where the model meets the rows best; it may lie out in a tail, not outside of what is believed
    assert values.min() <= host(name)[field] <= values.max()


def test_draws_come_with_the_links_and_leave_out_what_is_given_or_measured() -> None:
    assert set(draws("path-openvpn")) == {
        "drain_rate", "receive_window", "ack_interval", "stall_rate", "stall_mean", "burst_rate"
    }  # fmt: skip
    assert (draws("path-openvpn")["drain_rate"] == draws("lab-openvpn")["drain_rate"]).all()
    assert draws("native-openvpn") == {}
    with pytest.raises(ScenarioError, match=r"^host: 'i9' is not known"):
        draws("i9")


def test_constants_of_one_host_are_drawn_together() -> None:
    """Few long pauses or many short ones explain the same rows."""
    found = draws("path-openvpn")
    assert np.corrcoef(np.log(found["stall_rate"]), np.log(found["stall_mean"]))[0, 1] < -0.2


def test_changes_override_the_host_and_links_take_the_other_hosts_value() -> None:
    assert scenario_of_host("i5-tap", ring=3).ring == 3
    assert host("i5-vhost")["wake_cost"] == host("i5-tap")["wake_cost"]
    with pytest.raises(ScenarioError, match=r"^nonsense: not a field"):
        scenario_of_host("i5-tap", nonsense=1)
