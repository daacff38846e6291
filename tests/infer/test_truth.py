"""Coverage of known truths counts what lies inside the central interval."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tunbp.infer.truth import covered


def test_a_uniform_rank_is_covered_as_often_as_the_level_says() -> None:
    u = (np.arange(1000) + 0.5) / 1000
    found = covered(pd.DataFrame({"drain_rate": u, "effective": 100.0}), 0.9)
    assert found.to_dict() == {"drain_rate": pytest.approx(0.9)}


def test_posteriors_that_are_too_narrow_or_off_to_a_side_miss() -> None:
    table = pd.DataFrame({"narrow": [0.0, 1.0], "aside": [0.97, 0.99], "effective": [50.0, 50.0]})
    assert covered(table).to_dict() == {"narrow": 0.0, "aside": 0.0}
