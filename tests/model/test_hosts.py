"""The table of hosts: complete, within what scenarios allow, every number with a source or an interval."""

from __future__ import annotations

import pytest

from tunbp.errors import ScenarioError
from tunbp.model.hosts import host, names, scenario_of_host, table
from tunbp.model.scenario import CHOICES, RANGES, Scenario


def test_an_unknown_host_is_refused_and_the_known_ones_listed() -> None:
    with pytest.raises(ScenarioError, match=r"^host: 'i9' is not known; allowed: lab-openvpn, "):
        host("i9")


@pytest.mark.parametrize("name", names())
def test_every_host_is_a_valid_scenario_and_says_where_its_numbers_come_from(name: str) -> None:
    entry = table()[name]
    assert set(entry) <= {"description", "given", "linked", "fitted"}
    assert entry["description"]
    for field, row in entry.get("given", {}).items():
        assert field in RANGES or field in CHOICES
        assert row["source"]
    for field, row in entry.get("fitted", {}).items():
        assert row["units"] == RANGES[field].units
        assert len(row["interval"]) == 2
        assert row["interval"][0] <= row["interval"][1]
        assert row["rows"]
    for field, other in entry.get("linked", {}).items():
        assert field in RANGES
        assert other in names()
    assert isinstance(scenario_of_host(name), Scenario)


@pytest.mark.parametrize("name", names())
def test_at_most_six_constants_are_fitted(name: str) -> None:
    assert len(table()[name].get("fitted", {})) <= 6


def test_changes_override_the_host_and_links_take_the_other_hosts_value() -> None:
    assert scenario_of_host("i5-tap", ring=3).ring == 3
    assert host("i5-vhost")["wake_cost"] == host("i5-tap")["wake_cost"]
    with pytest.raises(ScenarioError, match=r"^nonsense: not a field"):
        scenario_of_host("i5-tap", nonsense=1)
