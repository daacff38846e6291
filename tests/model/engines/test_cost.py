"""What no machine would end is refused before it begins, with the numbers."""

import pytest

from tunbp.errors import ScenarioError
from tunbp.model.engines import cost
from tunbp.model.scenario import Scenario
from tunbp.model.simulate import simulate


@pytest.mark.parametrize(
    ("engine", "fields", "said"),
    [
        ("fluid", {"rtt": 1.0, "dt": 1e-9}, "17.2 GB of memory"),
        ("fluid", {"rtt": 1.0, "dt": 1e-300}, "hours of one core"),
        ("fluid", {"interval": 1e-9}, "152 GB of memory"),
        ("packets", {"ring": 2**32 - 1}, "103 GB of memory"),
        (
            "packets",
            {"source": "frames", "frame_packets": 1e6, "frame_rate": 1e4, "burst_rate": 1e30, "duration": 1e4},
            "hours of one core",
        ),
        ("packets", {"interval": 1e-9}, "GB of memory"),
        ("packets", {"source": "open", "offered_rate": 1e16, "burst_rate": 1e16}, "hours of one core"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else value,
)
def test_cost_and_memory_are_estimated_and_refused(engine, fields, said, monkeypatch):
    monkeypatch.setattr(cost, "machine_memory", lambda: 25e9)
    with pytest.raises(ScenarioError, match=said):
        simulate(Scenario(duration=1.0, warmup=0.0).replace(**fields), engine=engine)


def test_a_day_of_work_is_the_most():
    cost.check_cost(cost.MOST_STEPS, 0.0, "")
    assert pytest.approx(86400, rel=0.2) == cost.MOST_STEPS * cost.SECONDS_PER_STEP
    with pytest.raises(ScenarioError, match="take less"):
        cost.check_cost(1.01 * cost.MOST_STEPS, 0.0, "take less")
