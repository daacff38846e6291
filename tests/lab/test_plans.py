"""Parameter files of the experiments."""

import pytest

from tunbp.errors import ParamsError
from tunbp.lab import plans


def write(tmp_path, text):
    path = tmp_path / "lab_mine.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", plans.bundled())
def test_every_bundled_plan_is_valid(name):
    params, cells = plans.load(plans.find(name))
    assert len({cell.label for cell in cells}) == len(cells)
    assert params.repeat >= 3


def test_the_openvpn_experiment_covers_what_the_measured_data_must_decide():
    _, cells = plans.load(plans.find("openvpn"))
    assert {(c.rtt, c.ring, c.congestion) for c in cells} == {
        (0.12, 25, "cubic"),
        (0.12, 100, "cubic"),
        (0.12, 500, "cubic"),
        (0.06, 500, "cubic"),
        (0.12, 500, "bbr"),
    }


def test_lists_in_a_block_stand_for_every_combination(tmp_path):
    path = write(tmp_path, "experiment: forward\ncells: [{rtt: [0.01, 0.1], ring: [25, 500]}]\n")
    _, cells = plans.load(path)
    assert [cell.label for cell in cells] == [
        "10ms-ring25-cubic-fq_codel",
        "10ms-ring500-cubic-fq_codel",
        "100ms-ring25-cubic-fq_codel",
        "100ms-ring500-cubic-fq_codel",
    ]


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ("{rtt: 0.1, ring: 0}", r"cells\[0\]\.ring.*greater than or equal to 1.*got 0"),
        ("{rtt: -1, ring: 5}", r"cells\[0\]\.rtt"),
        ("{rtt: 0.1, ring: 5, qdisc: fq_coddle}", r"cells\[0\]\.qdisc.*fq_coddle"),
        ("{rtt: 0.1, ring: 5, rign: 5}", r"cells\[0\]\.rign"),
        ("{rtt: 0.1, ring: 5, congestion: 'cubic; reboot'}", r"cells\[0\]\.congestion"),
        ("{rtt: 0.1}", r"cells\[0\]\.ring.*required"),
        ("{rtt: .inf, ring: 5}", r"cells\[0\]\.rtt"),
    ],
)
def test_a_wrong_cell_is_told_by_file_key_and_value(tmp_path, block, told):
    path = write(tmp_path, f"experiment: openvpn\ncells: [{block}]\n")
    with pytest.raises(ParamsError, match=told) as caught:
        plans.load(path)
    assert str(path) in str(caught.value)


def test_two_equal_cells_are_refused(tmp_path):
    path = write(tmp_path, "experiment: openvpn\ncells: [{rtt: 0.1, ring: [5, 5]}]\n")
    with pytest.raises(ParamsError, match="duplicate cells: 100ms-ring5-cubic-fq_codel"):
        plans.load(path)


@pytest.mark.parametrize("text", ["", "experiment: [", "experiment: nothing\ncells: [{ring: 1}]", "cells: 3"])
def test_a_file_that_is_no_plan_is_refused(tmp_path, text):
    with pytest.raises(ParamsError):
        plans.load(write(tmp_path, text))


def test_an_unknown_plan_lists_the_known_ones():
    with pytest.raises(ParamsError, match="no plan 'nothing'.*" + ", ".join(plans.bundled())):
        plans.find("nothing")


def test_a_plan_is_found_by_its_name_or_its_path():
    path = plans.FOLDER / "ring.yaml"
    assert plans.find("ring") == path
    assert plans.find(str(path)) == path


def test_a_plan_of_too_many_cells_is_refused_before_they_are_made(tmp_path):
    many = list(range(1, 1001))
    (tmp_path / "p.yaml").write_text(
        f"experiment: ring\ncells:\n  - {{mode: steady, ring: {many}, reader_rate: {many}, offered_rate: {many}}}\n"
    )
    with pytest.raises(ParamsError, match=r"1,000,000,000 cells; at most 10,000"):
        plans.load(tmp_path / "p.yaml")
