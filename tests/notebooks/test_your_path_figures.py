"""The sliders of `your path`: named and scaled as the fields' rows say, starting at the notebook's values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tunbp.model.drivers import COMPARED
from tunbp.model.fields import FIELDS
from tunbp.model.qdiscs import QDISCS
from tunbp.notebooks.your_path.figures import COMPARABLE, SLIDERS, controls
from tunbp.notebooks.your_path.params import Params
from tunbp.plots.style import axis_words


@pytest.fixture
def values() -> dict[str, Any]:
    return Params().model_dump()


@pytest.mark.parametrize("name", SLIDERS)
def test_a_slider_stands_at_the_notebooks_value_in_the_unit_of_its_label(values: dict[str, Any], name: str) -> None:
    words, size = axis_words(name)
    slider = controls(values)[name]
    assert slider.description == words
    assert slider.value * size == pytest.approx(values[name])
    assert FIELDS[name].holds([10**slider.min * size, 10**slider.max * size]).all()


def test_a_value_beyond_a_slider_starts_at_its_end(values: dict[str, Any]) -> None:
    slider = controls(values | {"rtt": 5.0})["rtt"]
    assert slider.value == pytest.approx(10**slider.max) == pytest.approx(500.0)


def test_lists_offer_every_qdisc_and_versions_by_their_labels(values: dict[str, Any]) -> None:
    shown = controls(values)
    assert list(shown["qdisc"].options) == list(QDISCS)
    assert shown["driver"].value == COMPARED["backpressure"]
    assert next(iter(COMPARABLE)) == "7.3: IFF_BACKPRESSURE, woken at half"
    assert controls(values | {"driver": "v12"})["driver"].value == COMPARED["backpressure"]


def test_sliders_are_logarithmic_and_cover_what_paths_have() -> None:
    for low, high, *_ in SLIDERS.values():
        assert np.log10(high / low) > 2
