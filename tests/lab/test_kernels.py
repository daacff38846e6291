"""Two kernels compared."""

import json

import numpy as np
import pytest
from scipy import stats

from tunbp import open_trace
from tunbp.errors import LabError
from tunbp.evidence.datasets import data_path
from tunbp.lab.kernels import difference, report


@pytest.fixture(scope="module")
def ring():
    return open_trace(data_path("measured") / "lab_ring" / "lab_ring.nc")


def test_the_interval_is_welchs():
    a, b = [10.0, 12.0, 11.0, 13.0], [15.0, 14.0, 19.0]
    found = difference(a, b)
    reference = stats.ttest_ind(b, a, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high))
    assert found.verdict == ("higher" if reference.low > 0 else "no difference found")


def test_an_effect_of_the_detectable_size_is_found_in_four_of_five_comparisons():
    chance = np.random.default_rng(1)
    sizes = [difference(*chance.normal(0, 1, (2, 8))).detectable for _ in range(300)]
    effect = float(np.mean(sizes))
    found = [difference(chance.normal(0, 1, 8), chance.normal(effect, 1, 8)).low > 0 for _ in range(1000)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.05)


def test_fewer_than_three_runs_are_not_compared():
    assert difference([1.0, 2.0], [1.0, 2.0, 3.0]) is None
    assert difference([5.0] * 3, [5.0] * 3).detectable == 0


def test_a_mail_has_72_columns_and_names_kernels_cells_and_verdicts(ring):
    worse = ring.assign(queue_latency=ring["queue_latency"] * 3)
    lines = list(report(ring, worse, ["queue_latency", "dropped_ring"]))
    assert max(map(len, lines)) <= 72
    assert lines[1].startswith("A: 7.3")
    assert " steady-ring500-pfifo, backpressure: higher" in lines
    assert all("higher" not in line for line in lines[lines.index("packets dropped by the full ring") :])


def test_a_changed_driver_is_named_and_long_numbers_go_on_in_the_next_line(ring):
    facts = json.loads(ring.attrs["facts"]) | {"tun_edit": "my_change"}
    changed = ring.assign_attrs(facts=json.dumps(facts))
    lines = list(report(ring, changed.assign(delivered=changed["delivered"] * 1.01234), ["delivered"]))
    assert "tun changed by my_change" in lines[2]
    assert "tun changed" not in lines[1]
    assert max(map(len, lines)) <= 72
    numbers = [line for line in "\n".join(lines).replace("\n   ", " ").splitlines() if line.startswith(" ")]
    assert all(line.endswith(("packet", "packets")) for line in numbers)


def test_measurements_of_different_experiments_are_refused(ring):
    other = open_trace(data_path("measured") / "lab_openvpn" / "lab_openvpn.nc")
    with pytest.raises(LabError, match="different experiments: 'ring' and 'openvpn'"):
        list(report(ring, other, ["delivered"]))
