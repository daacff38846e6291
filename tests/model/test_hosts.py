"""The table of hosts: complete, within what scenarios allow, every number with a source or an interval."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunbp.errors import DataError, ScenarioError
from tunbp.model.hosts import has_width, host, names, refuse_hollow_intervals, scenario_of_host, table
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
        assert row["rows"]
    for field, other in entry.get("linked", {}).items():
        assert field in RANGES
        assert other in names()
    assert isinstance(scenario_of_host(name), Scenario)


@pytest.mark.parametrize("name", names())
def test_at_most_six_constants_are_fitted(name: str) -> None:
    assert len(table()[name].get("fitted", {})) <= 6


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"value": 192230.0, "interval": [192200.0, 192200.0]}, "192200 to 192200 leaves out the value 192230"),
        ({"value": 0.2, "interval": [0.3, 0.4]}, "leaves out the value 0.2"),
        ({"value": 3.7933e-07, "interval": [3.7933e-07, 3.7934e-07]}, "has no width; leave it out and say why"),
        ({"value": -2.0e-07, "interval": [-2.0e-07, -2.0e-07]}, "has no width"),
        ({"value": 0.0, "interval": [0.0, 0.0]}, "has no width"),
        ({"value": 1.0}, "needs either interval or no_interval"),
        ({"value": 1.0, "no_interval": ""}, "needs either interval or no_interval"),
        ({"value": 1.0, "interval": [0.5, 1.5], "no_interval": "one row"}, "needs either interval or no_interval"),
    ],
)
def test_a_fitted_constant_needs_an_interval_that_says_something_or_a_reason(
    row: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError, match=rf"^hosts\.yaml: desk\.fitted\.wake_cost: .*{message}"):
        refuse_hollow_intervals({"desk": {"fitted": {"wake_cost": row}}}, Path("hosts.yaml"))


def test_an_interval_around_its_value_and_a_reason_for_none_are_taken() -> None:
    good = {"a": {"value": 1.0, "interval": [0.99, 1.01]}, "b": {"value": 1.0, "no_interval": "one row"}}
    refuse_hollow_intervals({"desk": {"fitted": good}, "other": {}}, Path("hosts.yaml"))


@given(st.floats(1e-9, 1e9), st.sampled_from((-1, 1)))
def test_width_is_judged_alike_at_every_size_and_sign(value: float, sign: int) -> None:
    assert not has_width(*sorted((sign * value, sign * value * (1 + 1e-6))))
    assert has_width(*sorted((sign * value, sign * value * 1.001)))


def test_changes_override_the_host_and_links_take_the_other_hosts_value() -> None:
    assert scenario_of_host("i5-tap", ring=3).ring == 3
    assert host("i5-vhost")["wake_cost"] == host("i5-tap")["wake_cost"]
    with pytest.raises(ScenarioError, match=r"^nonsense: not a field"):
        scenario_of_host("i5-tap", nonsense=1)
