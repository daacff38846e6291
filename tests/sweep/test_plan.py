from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import qmc

from tunbp.errors import ParamsError, SweepError
from tunbp.model.hosts import host
from tunbp.sweep.estimate import check_memory, check_time, estimate
from tunbp.sweep.plan import Plan, make_plan, read_plan
from tunbp.sweep.sample import Latin, Sobol

ROOT = Path(__file__).parent.parent.parent


def grid(**parameters: Any) -> Plan:
    return make_plan({"parameters": parameters})


def sampled(kind: str = "sobol", samples: int = 64, **parameters: Any) -> Plan:
    return make_plan({"design": {"kind": kind, "samples": samples, "seed": 2}, "parameters": parameters})


# -- what a parameter may be


def test_grid_spans_every_combination_in_the_order_of_the_file() -> None:
    plan = grid(driver=["stock", 7.3], ring={"from": 10, "to": 1000, "steps": 3, "scale": "log"}, mss=1400)
    assert plan.sizes == {"driver": 2, "ring": 3}
    scenario = plan.scenario()
    assert list(scenario.driver.values) == ["stock", "7.3"]  # type: ignore[union-attr]
    assert list(scenario.ring.values) == [10, 100, 1000]  # type: ignore[union-attr]
    assert scenario.mss == 1400


def test_zip_goes_through_its_lists_side_by_side() -> None:
    plan = make_plan({"design": "zip", "parameters": {"rtt": [0.01, 0.02], "ring": {"from": 5, "to": 6, "steps": 2}}})
    assert plan.sizes == {"scenario": 2}
    coords = plan.coords("scenario")
    assert coords["rtt"].values.tolist() == [0.01, 0.02]
    assert coords["ring"].values.tolist() == [5, 6]


def test_numbers_that_yaml_reads_as_text_are_numbers() -> None:
    assert grid(drain_rate="1e5", ring=[1]).scenario().drain_rate == 1e5


def test_null_is_a_value_where_the_scenario_allows_it() -> None:
    values = grid(guest_rate=[None, 1e5]).scenario().guest_rate
    np.testing.assert_array_equal(values, [np.nan, 1e5])


def test_host_gives_all_its_constants_and_named_parameters_override_them() -> None:
    plan = grid(host="path-openvpn", rtt=[0.01, 0.02])
    constants = host("path-openvpn")
    assert plan.fixed["mss"] == constants["mss"]
    assert "rtt" not in plan.fixed
    assert plan.record["parameters"]["host"]["path-openvpn"]["mss"] == constants["mss"]


def test_constant_of_a_host_is_resolved_and_remembered() -> None:
    plan = grid(mss={"host": "path-openvpn"}, ring=[1, 2])
    assert plan.fixed["mss"] == host("path-openvpn")["mss"]
    assert plan.record["parameters"]["mss"] == {"host": "path-openvpn", "value": plan.fixed["mss"]}


def test_list_of_hosts_is_a_dim_with_their_names() -> None:
    plan = grid(host=["lab-openvpn", "path-openvpn"], ring=[10, 20])
    assert plan.sizes == {"host": 2, "ring": 2}
    assert plan.coords("host")["host"].values.tolist() == ["lab-openvpn", "path-openvpn"]
    assert plan.scenario().mss.dims == ("host",)  # type: ignore[union-attr]


def test_one_scenario_is_a_sweep_too() -> None:
    plan = grid(ring=100)
    assert plan.sizes == {"scenario": 1}
    assert plan.scenario().ring.dims == ("scenario",)  # type: ignore[union-attr]


# -- samples


def test_sobol_sample_is_scipy_s() -> None:
    plan = sampled(rtt={"from": 0.01, "to": 0.1}, ring={"from": 10, "to": 1000, "scale": "log"})
    points = qmc.Sobol(2, rng=2).random(64)
    scenario = plan.scenario()
    np.testing.assert_allclose(scenario.rtt, 0.01 + 0.09 * points[:, 0])
    np.testing.assert_array_equal(scenario.ring, np.rint(10 * 100 ** points[:, 1]))


def test_latin_sample_has_one_point_per_stratum() -> None:
    rtt = sampled("latin", 50, rtt={"from": 0.1, "to": 0.2}).scenario().rtt
    strata = np.floor((np.sort(rtt) - 0.1) / 0.1 * 50)
    assert strata.tolist() == list(range(50))


def test_distribution_is_scipy_s_cut_to_its_bounds() -> None:
    form = {"distribution": "lognorm", "s": 0.5, "scale": 6e4, "min": 2e4, "max": 2e5}
    drawn = np.asarray(sampled(samples=4096, drain_rate=form).scenario().drain_rate)
    assert 2e4 <= drawn.min() < 2.2e4
    assert 1.6e5 < drawn.max() <= 2e5
    frozen = stats.lognorm(0.5, scale=6e4)
    inside = frozen.cdf([2e4, 2e5])
    expected = frozen.ppf(inside.mean())
    assert np.median(drawn) == pytest.approx(expected, rel=2e-3)  # 1/4096 of the probability


def test_choice_is_taken_equally_often() -> None:
    values = sampled(samples=64, qdisc={"choice": ["pfifo", "fq_codel"]}).scenario().qdisc
    assert np.unique(values, return_counts=True)[1].tolist() == [32, 32]


def test_lists_cross_the_sample() -> None:
    plan = sampled(driver=["stock", "7.3"], rtt={"from": 0.01, "to": 0.1})
    assert plan.sizes == {"sample": 64, "driver": 2}


@pytest.mark.parametrize("kind", [Sobol, Latin])
@given(cuts=st.lists(st.integers(0, 100), min_size=1, max_size=5))
@settings(max_examples=20, deadline=None)
def test_sample_taken_in_any_slices_and_order_is_the_same(kind: Any, cuts: list[int]) -> None:
    whole = kind(3, 100, 7).take(0, 100)
    sequence = kind(3, 100, 7)
    for start in cuts:
        stop = min(start + 13, 100)
        np.testing.assert_array_equal(sequence.take(start, stop), whole[start:stop])


def test_length_that_is_no_power_of_two_is_noted() -> None:
    assert "powers of two" in sampled(samples=100, rtt={"from": 0.01, "to": 0.1}).notes()[0]
    assert sampled(samples=128, rtt={"from": 0.01, "to": 0.1}).notes() == []


# -- chunks


@given(sizes=st.lists(st.integers(1, 12), min_size=1, max_size=4), chunk=st.integers(1, 200))
@settings(max_examples=60, deadline=None)
def test_chunks_cover_every_scenario_once_and_are_no_larger_than_asked(sizes: list[int], chunk: int) -> None:
    names = ["ring", "rtt", "seed", "mss"][: len(sizes)]
    parameters = {name: list(range(1, size + 1)) for name, size in zip(names, sizes, strict=True)}
    plan = make_plan({"parameters": parameters}, chunk=chunk)
    seen = np.zeros(sizes, dtype=int)
    indices = list(plan.indices())
    for index in indices:
        part = plan.region(index)
        seen[tuple(part.values())] += 1
        assert np.prod([s.stop - s.start for s in part.values()]) <= chunk
    assert (seen == 1).all()
    assert len(indices) == plan.chunks


def test_series_limit_the_chunk() -> None:
    parameters: dict[str, Any] = {"seed": {"from": 0, "to": 99_999, "steps": 100_000}, "duration": 100}
    assert grid(**parameters).chunk_shape == (1600,)
    assert grid(**parameters, interval=0.01).chunk_shape == (128,)


# -- what is refused


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown parameter": ({"rign": [1]}, "rign: not a parameter of a scenario; known: .*ring"),
    "empty list": ({"ring": []}, "ring: the list is empty"),
    "empty range": ({"ring": {"from": 10, "to": 10, "steps": 2}}, "ring: empty range: from = 10 must be below"),
    "log range from zero": (
        {"ack_interval": {"from": 0, "to": 1, "steps": 3, "scale": "log"}},
        "ack_interval: from = 0: a logarithmic range starts above 0",
    ),
    "range without end": ({"ring": {"from": 10, "steps": 3}}, "ring: to: Field required"),
    "unknown key": ({"ring": {"from": 1, "to": 2, "step": 3}}, "ring: step = 3: Extra inputs"),
    "value out of range": ({"ring": [10, 0]}, "ring: 0 is not allowed; allowed: whole numbers >= 1"),
    "absurd value of a later chunk": (
        {"ring": [*range(1, 5000), 10**12]},
        r"ring: 1e\+12 is not allowed; allowed: whole numbers >= 1 and <= 4294967295 \[packet\]",
    ),
    "absurd window": ({"receive_window": 1e30}, r"receive_window: 1e\+30 is not allowed.*<= 1073725440 \[byte\]"),
    "absurd round trip": ({"rtt": 1e-9}, r"rtt: 1e-09 is not allowed; allowed: >= 1e-06 and <= 60 \[s\]"),
    "fraction of what is counted": ({"ring": [10, 2.5]}, "ring: 2.5 is not allowed; allowed: whole numbers"),
    "range out of range": ({"rtt": {"from": -1, "to": 1, "steps": 2}}, "rtt: -1 is not allowed"),
    "not a number": ({"rtt": "20ms"}, "rtt: '20ms' is neither a number nor"),
    "truth value": ({"ring": True}, "ring: True is neither a number"),
    "unknown name": ({"qdisc": ["red"]}, "qdisc: 'red' is not known; allowed: noqueue"),
    "range of names": ({"qdisc": {"from": 1, "to": 2, "steps": 2}}, "qdisc: is text; give a value, a list"),
    "list of durations": ({"duration": [1, 2]}, "duration: one value holds for the whole sweep"),
    "the same whole number twice": ({"ring": {"from": 1, "to": 3, "steps": 9}}, "give one whole number twice"),
    "sample in a grid": ({"rtt": {"from": 0.1, "to": 0.2}}, "rtt: is to be sampled.*grid; it needs steps"),
    "distribution in a grid": (
        {"rtt": {"distribution": "uniform", "loc": 0.1, "scale": 0.1}},
        "rtt: is to be sampled.*needs design: sobol or latin",
    ),
    "unknown distribution": ({"rtt": {"distribution": "gauss"}}, "'gauss' is not a continuous distribution"),
    "unknown argument": (
        {"rtt": {"distribution": "uniform", "low": 1.0}},
        "rtt: uniform: .*low.*; its arguments: loc, scale",
    ),
    "distribution that does not exist": (
        {"rtt": {"distribution": "lognorm", "s": -1.0}},
        "rtt: lognorm does not exist with",
    ),
    "distribution that reaches too far": (
        {"rtt": {"distribution": "norm", "loc": 0.1, "scale": 0.01}},
        "rtt: norm reaches from -inf to inf; cut it with min and max",
    ),
    "unknown host": ({"host": "nobody"}, "host: 'nobody' is not known; allowed: .*path-openvpn"),
    "host without this constant": ({"source": {"host": "path-openvpn"}}, "has no such constant; it has"),
    "missing rate": ({"source": "open"}, "offered_rate: None; an open-loop source needs a rate"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_parameter_is_named_with_what_is_allowed(case: str) -> None:
    parameters, message = WRONG[case]
    with pytest.raises(SweepError, match=rf"(?s)\Aplan: .*{message}"):
        grid(**parameters)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "parameters is missing"),
        ({"parameters": {}}, "parameters = {}: Dictionary should have at least 1 item"),
        ({"parameter": {"ring": 1}, "parameters": {"ring": 1}}, "unknown key 'parameter'; known: design"),
        ({"design": "random", "parameters": {"ring": 1}}, "design.kind = 'random': must be 'grid'"),
        ({"design": "sobol", "parameters": {"rtt": {"from": 0.1, "to": 1}}}, "sobol needs samples"),
        ({"design": {"kind": "sobol", "samples": 8}, "parameters": {"ring": [1]}}, "nothing to sample"),
        ({"design": {"samples": 8}, "parameters": {"ring": [1]}}, "samples = 8: a grid takes no samples"),
        ({"design": "zip", "parameters": {"ring": [1, 2], "rtt": [1, 2, 3]}}, "one length; got ring 2, rtt 3"),
        ({"chunk": 0, "parameters": {"ring": [1]}}, "chunk = 0: "),
    ],
)
def test_wrong_plan_is_named_with_what_is_allowed(content: dict[str, Any], message: str) -> None:
    with pytest.raises(SweepError, match=message):
        make_plan(content)


def test_file_that_is_not_there_or_says_a_parameter_twice_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"none\.yaml: cannot be read"):
        read_plan(tmp_path / "none.yaml")
    twice = tmp_path / "twice.yaml"
    twice.write_text("parameters:\n  ring: 1\n  ring: 2\n")
    with pytest.raises(ParamsError, match="duplicate key 'ring'"):
        read_plan(twice)


@pytest.mark.parametrize("path", sorted((ROOT / "params").glob("sweep_*.yaml")), ids=lambda path: path.stem)
def test_bundled_plan_is_good(path: Path) -> None:
    plan = read_plan(path)
    assert plan.total > 1000
    check_time(plan, 1)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            {"design": {"kind": "latin", "samples": 2**40}, "parameters": {"ring": {"from": 10, "to": 1000}}},
            r"1,099,511,627,776 samples .* takes 26\.4 TB of memory",
        ),
        ({"parameters": {"ring": [10, 20], "interval": 1e-9}}, r"60,000,000,000 points per series take 11\.5 TB"),
    ],
)
def test_what_would_not_fit_into_memory_is_refused_with_the_number(content, says):
    with pytest.raises(SweepError, match=says):
        make_plan(content)


def test_chunks_that_do_not_fit_together_are_refused(monkeypatch):
    monkeypatch.setattr("tunbp.sweep.estimate.machine_memory", lambda: 100e6)
    with pytest.raises(SweepError, match=r"4 chunks at once take about 250 MB of memory; this machine has 100 MB"):
        check_memory(make_plan({"parameters": {"ring": [10, 20]}}), 4)


@pytest.mark.parametrize("engine", ["fluid", "packets"])
def test_a_sweep_whose_chunks_take_years_together_is_refused_with_the_number(engine):
    ranges = {"ring": {"from": 10, "to": 1000}, "rtt": {"from": 1e-3, "to": 0.1}, "duration": 10_000}
    years = {"design": {"kind": "latin", "samples": 2**24}, "engine": engine, "parameters": ranges}
    with pytest.raises(SweepError, match=r"16,777,216 scenarios take about [\d,]+ days on 4 threads; allowed are 31"):
        check_time(make_plan(years), 4)
    check_time(make_plan({**years, "design": {"kind": "latin", "samples": 2**10}}), 4)


def test_a_trial_warns_of_nothing_as_its_results_are_thrown_away() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (
            estimate(grid(ring=[10, 100], rtt=0.1, duration=1.0), 1).scenario_seconds > 0
        )  # tried for a part of an RTT
