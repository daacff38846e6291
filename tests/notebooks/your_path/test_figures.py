"""The sliders of `your path`: named and scaled as the fields' rows say, starting at the notebook's values."""

from __future__ import annotations

from typing import Any

import pytest

from tunbp.model.fields import FIELDS
from tunbp.model.qdiscs import QDISCS
from tunbp.notebooks.your_path.figures import OPTIONAL, SLIDERS, controls, face
from tunbp.notebooks.your_path.params import Params
from tunbp.plots.style import axis_words


@pytest.fixture
def values() -> dict[str, Any]:
    return Params().model_dump()


@pytest.mark.parametrize("name", SLIDERS)
def test_a_slider_stands_at_the_notebooks_value_in_the_unit_of_its_label(values: dict[str, Any], name: str) -> None:
    words, size = face(name, values["product"])
    slider = controls(values)[0][name]
    low, high = 10**slider.min * size, 10**slider.max * size
    assert slider.description == words
    assert slider.value * size == pytest.approx(values[name] or (low * high) ** 0.5)
    assert name not in FIELDS or FIELDS[name].holds([low, high]).all()


def test_rates_of_a_path_are_in_mbit_s_of_payload_and_other_fields_in_their_axis_unit() -> None:
    assert face("path_rate", "openvpn")[1] * 8 * 1448 == pytest.approx(1e6)
    assert face("path_rate", "wireguard-go")[1] * 8 * 1368 == pytest.approx(1e6)
    assert face("drain_rate", "openvpn") == axis_words("drain_rate")


def test_a_value_beyond_a_slider_starts_at_its_end(values: dict[str, Any]) -> None:
    slider = controls(values | {"rtt": 5.0})[0]["rtt"]
    assert slider.value == pytest.approx(10**slider.max) == pytest.approx(500.0)


def test_what_is_not_given_is_not_ticked_as_known(values: dict[str, Any]) -> None:
    _, boxes = controls(values | {"drain_rate": 60e3, "path_rate": None})
    assert (boxes["drain_rate"].value, boxes["path_rate"].value) == (True, False)
    assert boxes.keys() == set(OPTIONAL) <= SLIDERS.keys()


def test_lists_offer_every_qdisc_that_can_be_simulated(values: dict[str, Any]) -> None:
    assert list(controls(values)[0]["qdisc"].options) == list(QDISCS)
