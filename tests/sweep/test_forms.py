"""What a plan may say about one parameter, and what is drawn from it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from tunbp.errors import SweepError
from tunbp.sweep.forms import draw, host_fields, parse, scalar

P = (np.arange(1000) + 0.5) / 1000


def test_a_value_is_read_as_its_field_wants_it() -> None:
    assert scalar("driver", 7.3) == "7.3"  # YAML reads the version as a number
    assert scalar("drain_rate", "1e6") == 1e6  # and 1e6 as text
    assert scalar("ring", 500.0) == 500
    assert isinstance(scalar("ring", 500.0), int)
    assert scalar("guest_rate", None) is None


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        ("rings", 1, "rings: not a parameter of a scenario; known: .*ring"),
        ("ring", True, "ring: True is neither a number nor"),
        ("driver", ["stock", True], "driver: True is no name"),
        ("ring", [], "ring: the list is empty"),
        ("duration", [1, 2], "duration: one value holds for the whole sweep"),
        ("driver", {"from": 1, "to": 2}, "driver: is text"),
        ("ring", {"from": 100, "to": 10}, "ring"),
        ("rtt", {"distribution": "no_such", "loc": 1}, "rtt.*no_such"),
    ],
)
def test_what_is_wrong_is_named_with_its_parameter(name: str, raw: Any, message: str) -> None:
    with pytest.raises(SweepError, match=message):
        parse(name, raw)


def test_a_range_with_steps_is_a_list_with_both_ends() -> None:
    assert parse("rtt", {"from": 0.01, "to": 0.1, "steps": 4}).tolist() == pytest.approx([0.01, 0.04, 0.07, 0.1])
    logarithmic = parse("ring", {"from": 10, "to": 1000, "steps": 3, "scale": "log"})
    assert logarithmic.tolist() == [10, 100, 1000]


def test_a_range_without_steps_is_drawn_evenly_in_its_scale() -> None:
    even = draw("rtt", parse("rtt", {"from": 0.01, "to": 0.11}), P)
    assert (even.min(), even.mean()) == (pytest.approx(0.01005), pytest.approx(0.06))
    logs = np.log10(draw("rtt", parse("rtt", {"from": 0.001, "to": 0.1, "scale": "log"}), P))
    assert logs.mean() == pytest.approx(-2.0)


def test_a_distribution_is_that_of_scipy_cut_to_its_bounds() -> None:
    form = parse("rtt", {"distribution": "lognorm", "s": 0.5, "scale": 0.05, "max": 0.1})
    drawn = draw("rtt", form, P)
    assert drawn.max() <= 0.1
    whole = stats.lognorm(s=0.5, scale=0.05)
    assert np.median(drawn) == pytest.approx(whole.ppf(0.5 * whole.cdf(0.1)), rel=1e-3)
    with pytest.raises(SweepError, match=r"rtt: expon reaches from 0 to 0\.1; cut it with min and max"):
        parse("rtt", {"distribution": "expon", "scale": 0.05, "max": 0.1})  # shorter than allowed once in 50,000


def test_choices_are_equally_likely_and_counts_whole() -> None:
    found = draw("congestion", parse("congestion", {"choice": ["cubic", "bbr"]}), P)
    assert [int((found == name).sum()) for name in ("cubic", "bbr")] == [500, 500]
    rings = draw("ring", parse("ring", {"from": 1, "to": 9}), P)
    assert (rings == np.round(rings)).all()


def test_a_hosts_constant_is_that_of_the_table() -> None:
    assert parse("contention", {"host": "i5-pktgen-tap"}) == host_fields("i5-pktgen-tap")["contention"]
    with pytest.raises(SweepError, match="i5-pktgen-tap' has no such constant"):
        parse("receive_window", {"host": "i5-pktgen-tap"})
    with pytest.raises(SweepError, match="nobody"):
        host_fields("nobody")
