"""The file of constants is read as it was written, and nothing else is taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunbp.errors import LabError
from tunbp.lab.probe.constants import Constant, Constants, read_constants, write_constants

NUMBERS = st.floats(1e-9, 1e9)


@given(st.lists(NUMBERS, min_size=3, max_size=3).map(sorted))
def test_a_constant_comes_back_to_six_digits(tmp_path_factory, values):
    low, value, high = values
    path = tmp_path_factory.mktemp("constants") / "constants.yaml"
    write_constants(Constants({"drain_rate": Constant(value, low, high, "packet/s", "how")}), path)
    found = read_constants(path).constants["drain_rate"]
    assert [found.low, found.value, found.high] == pytest.approx([low, value, high], rel=1e-5)
    assert (found.unit, found.how) == ("packet/s", "how")


def test_settings_missing_and_observations_come_back(tmp_path):
    written = Constants(
        {"reader_policy": Constant("link_first", how="seen"), "ring": Constant(500, unit="packet")},
        {"far_rate": "seen only from the other end"},
        {"hot_service_time": Constant(2e-5, 1e-5, 3e-5, "s")},
        {"device": "tun0", "seconds": 10.0},
    )
    assert read_constants(write_constants(written, tmp_path / "constants.yaml")) == written


def test_a_number_that_yaml_takes_for_text_is_a_number(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("schema: 1\nconstants:\n  drain_rate: {value: 60000, low: 5e4, high: 7e4, unit: packet/s}\n")
    assert read_constants(path).constants["drain_rate"].low == 50000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("schema: 1\nconstants:\n  drain_rate: 60000\n", "drain_rate: 60000; must be a mapping"),
        ("schema: 1\nconstants:\n  a: {value: 5, low: 6, high: 7}\n", "a: value 5.0 is not between low 6 and high 7"),
        ("schema: 1\nconstants:\n  a: {value: .nan}\n", "a.value: nan is not a number"),
        ("schema: 1\nconstants:\n  a: {value: 1, low: [1]}\n", r"a.low: \[1\] is not a number"),
        ("schema: 2\nconstants: {}\n", "schema: 2; this version of tunbp reads schema 1"),
        ("schema: 1\n", "no mapping `constants`"),
        ("a: [", "cannot be read as YAML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(tmp_path, text, message):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(LabError, match=message) as refusal:
        read_constants(path)
    assert str(path) in str(refusal.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(LabError, match="No such file"):
        read_constants(tmp_path / "none.yaml")
