"""Scenarios: what is refused and in which words, what broadcasts, what stays scalar."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import xarray as xr

from tunbp.errors import ScenarioError
from tunbp.model.fields import BATCH_WIDE, CHOICES, FIELDS, OPTIONAL, RANGES
from tunbp.model.scenario import Scenario
from tunbp.model.simulate import simulate

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"ring": 0}, "ring: 0 is not allowed; allowed: whole numbers >= 1 and <= 4294967295 [packet]"),
    ({"ring": 2.5}, "ring: 2.5 is not allowed; allowed: whole numbers >= 1 and <= 4294967295 [packet]"),
    ({"ring": None}, "ring: None; allowed: whole numbers >= 1 and <= 4294967295 [packet]"),
    ({"ring": "500"}, "ring: '500' is not a number; allowed: whole numbers >= 1 and <= 4294967295 [packet]"),
    ({"drain_rate": 0.0}, "drain_rate: 0 is not allowed; allowed: > 0 [packet/s]"),
    ({"drain_rate": np.inf}, "drain_rate: inf is not allowed; allowed: > 0 [packet/s]"),
    ({"drain_rate": np.nan}, "drain_rate: nan is not allowed; allowed: > 0 [packet/s]"),
    ({"rtt": 61.0}, "rtt: 61 is not allowed; allowed: >= 1e-06 and <= 60 [s]"),
    ({"streams": 65}, "streams: 65 is not allowed; allowed: whole numbers >= 1 and <= 64"),
    ({"seed": -1}, "seed: -1 is not allowed; allowed: whole numbers >= 0 and <= 9007199254740992"),
    ({"rtt": 1e-9}, "rtt: 1e-09 is not allowed; allowed: >= 1e-06 and <= 60 [s]"),
    ({"ring": 1e12}, "ring: 1e+12 is not allowed; allowed: whole numbers >= 1 and <= 4294967295 [packet]"),
    (
        {"path_buffer": 1e12},
        "path_buffer: 1e+12 is not allowed; allowed: whole numbers >= 1 and <= 4294967295 [packet]",
    ),
    ({"receive_window": 1e30}, "receive_window: 1e+30 is not allowed; allowed: >= 1 and <= 1073725440 [byte]"),
    ({"send_buffer": 1e30}, "send_buffer: 1e+30 is not allowed; allowed: >= 1 and <= 2147483647 [byte]"),
    ({"frame_packets": 1e9}, "frame_packets: 1e+09 is not allowed; allowed: >= 1 and <= 1e+06 [packet]"),
    ({"qdisc": "red"}, "qdisc: 'red' is not known; allowed: noqueue, pfifo, pfifo_fast, fq_codel, fq, cake, netem"),
    ({"congestion": "vegas"}, "congestion: 'vegas' is not known; allowed: cubic, reno, bbr"),
    ({"source": 3}, "source: 3 is not known; allowed: tcp, open, frames, pktgen"),
    ({"source": "open"}, "offered_rate: None; an open-loop source needs a rate > 0 [packet/s]"),
    ({"warmup": 60.0}, "warmup: 60.0; must be shorter than duration = 60 s"),
    (
        {"patch_overhead": -2e-5, "drain_rate": 1e5},
        "patch_overhead: -2e-05 s leaves a packet no time, which is 1e-05 s at drain_rate = 100000",
    ),
]


@pytest.mark.parametrize(("fields", "message"), REFUSED)
def test_a_wrong_field_is_named_with_its_value_and_what_is_allowed(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        Scenario(**fields)
    assert str(caught.value) == message


def test_one_wrong_value_in_an_array_is_found_and_named() -> None:
    rings = xr.DataArray([10, 100, -3], dims="ring")
    with pytest.raises(ScenarioError, match=r"^ring: -3 is not allowed"):
        Scenario(ring=rings)
    with pytest.raises(ScenarioError, match=r"^driver: 'v99' is not known; allowed: stock, v1, "):
        Scenario(driver=xr.DataArray(["stock", "v99"], dims="driver"))
    for strange in (float("nan"), 3, 1.5, b"stock"):
        mixed = np.empty(2, object)
        mixed[:] = ["stock", strange]
        with pytest.raises(ScenarioError, match=rf"^driver: {re.escape(repr(strange))} is not known; allowed: stock, "):
            Scenario(driver=xr.DataArray(mixed, dims="driver"))


@pytest.mark.parametrize("name", BATCH_WIDE)
def test_what_holds_for_the_whole_batch_cannot_vary(name: str) -> None:
    with pytest.raises(ScenarioError, match=rf"^{name}: one value holds for the whole batch; got dims \('run',\)"):
        Scenario(**{name: xr.DataArray([1.0, 2.0], dims="run")})


def test_unknown_fields_are_refused_and_the_known_ones_listed() -> None:
    with pytest.raises(ScenarioError, match=r"^rings: not a field of Scenario; known: ack_cost, .*, ring, rtt"):
        Scenario().replace(rings=3)
    with pytest.raises(ScenarioError, match=r"^latency: not a field"):
        Scenario().replace(latency=0.1)


def test_replace_checks_again_and_leaves_the_original() -> None:
    scenario = Scenario()
    assert scenario.replace(ring=7).ring == 7
    assert scenario.ring == 500
    with pytest.raises(ScenarioError, match=r"^ring: 0"):
        scenario.replace(ring=0)


def test_dims_combine_by_name_and_keep_their_coordinates() -> None:
    scenario = Scenario(
        ring=xr.DataArray([10, 100, 1000], dims="ring", coords={"ring": [10, 100, 1000]}),
        driver=xr.DataArray(["stock", "7.3"], dims="driver", coords={"driver": ["stock", "7.3"]}),
        seed=xr.DataArray(np.arange(4), dims="seed"),
    )
    fields = scenario.broadcast()
    assert all(dict(f.sizes) == {"ring": 3, "driver": 2, "seed": 4} for f in fields.values())
    assert fields["rtt"].sel(ring=10, driver="7.3", seed=0) == 0.12
    assert set(fields["driver"].coords) == {"ring", "driver"}
    assert not set(fields) & set(BATCH_WIDE)


def test_optional_fields_may_be_none_or_missing_in_a_row() -> None:
    for name in OPTIONAL:
        assert getattr(Scenario(**{name: None}), name) is None
    limits = xr.DataArray([np.nan, 100.0], dims="run")
    assert Scenario(qdisc_limit=limits).broadcast()["qdisc_limit"].isnull().values.tolist() == [True, False]


def test_every_field_has_one_row_in_the_same_order() -> None:
    assert list(FIELDS) == list(Scenario().parameters())
    assert {name: row.default for name, row in FIELDS.items()} == Scenario().parameters()
    assert set(RANGES) | set(CHOICES) == set(FIELDS)
    assert not set(RANGES) & set(CHOICES)
    assert set(OPTIONAL) == {name for name, row in FIELDS.items() if row.default is None}


@pytest.mark.parametrize("name", FIELDS)
def test_the_docstring_says_what_a_field_means_and_what_is_allowed(name: str) -> None:
    row = FIELDS[name]
    entry = f"\n{name} : "
    assert entry in (Scenario.__doc__ or "")
    said = (Scenario.__doc__ or "").split(entry)[1].splitlines()[1]
    assert row.meaning in said
    assert row.allowed in said


def test_coordinates_of_a_result_carry_unit_and_name_of_their_field() -> None:
    rings = xr.DataArray([10, 100], dims="ring", coords={"ring": [10, 100]})
    ring = simulate(Scenario(ring=rings, duration=0.5), engine="packets").ring
    assert ring.attrs == {"units": "packet", "long_name": "txqueuelen"}


@pytest.mark.parametrize("name", RANGES)
def test_ends_of_every_range_are_as_stated(name: str) -> None:
    rule = RANGES[name]
    if rule.closed and name != "warmup":
        # a reader so slow that the patch may take off a millisecond
        assert getattr(Scenario(**{"drain_rate": 100.0, name: rule.low}), name) == rule.low
    below = np.nextafter(rule.low, -1.0) if rule.closed else rule.low
    with pytest.raises(ScenarioError, match=rf"^{name}: "):
        Scenario(**{name: below})
    if np.isfinite(rule.high):
        with pytest.raises(ScenarioError, match=rf"^{name}: "):
            Scenario(**{name: rule.high * 1.5})


def test_a_whole_number_that_no_computer_counts_to_is_too_large_and_not_no_number() -> None:
    with pytest.raises(ScenarioError, match=r"receive_window: 1e\+30 is too large; allowed: >= 1 and <= 1073725440"):
        Scenario(receive_window=10**30)
