"""Rows of another configuration are told from rows of the statement's own."""

from __future__ import annotations

import pandas as pd
import pytest

from tunbp.evidence.configuration import differences

TABLES = {
    "tcp": pd.DataFrame(
        {
            "device": ["tap", "tap", "tun", "tap"],
            "ring": [1000.0, 10.0, 1000.0, 1000.0],
            "rtt": [0.12, 0.12, 0.12, 0.12],
            "variant": ["stock", "patched", "stock", "patched"],
            "wake_policy": ["none", "half", "none", "half"],
            "qdisc": ["not_stated", "fq_codel", "pfifo", "fq_codel"],
            "caveat": ["none", "none", "none", "rtt_label_wrong"],
        },
        index=["stock", "small", "tun", "mislabelled"],
    ),
    "raw": pd.DataFrame({"device": ["tap"], "ring": [1000]}, index=["stock"]),
}


def found(rows, fixed=(), compared=()):
    return differences([("tcp", row) for row in rows], dict(fixed), compared, TABLES)


def test_one_row_of_the_configuration_stated_differs_in_nothing():
    assert found(["stock"], {"device": "tap", "ring": 1000}) == []


def test_the_row_of_another_device_names_both():
    assert found(["tun"], {"device": "tap"}) == ["device: tun, the statement is about tap"]


def test_rows_may_differ_only_in_what_the_statement_compares():
    assert found(["stock", "small"], {"device": "tap"}, ["variant"]) == ["ring: 1000 and 10"]
    assert found(["stock", "small"], {"device": "tap"}, ["variant", "ring"]) == []
    assert "wake_policy: none and half" in found(["stock", "small"], {"device": "tap"}, ["ring"])


def test_what_is_not_stated_differs_from_nothing():
    assert found(["stock"], {"qdisc": "fq_codel", "mitigations": "on"}) == []


def test_a_run_whose_round_trip_is_mislabelled_is_another_configuration():
    assert found(["mislabelled"], {"rtt": 0.12}) == ["rtt: measured was another than the 0.12 s of the label"]
    assert found(["mislabelled"], {"device": "tap"}) == []


def test_whole_and_broken_numbers_of_two_tables_are_compared_as_numbers():
    assert differences([("tcp", "stock"), ("raw", "stock")], {"ring": 1000}, [], TABLES) == []


@pytest.mark.parametrize("rows", [[], ["stock"]])
def test_without_a_configuration_one_row_or_none_cannot_differ(rows):
    assert found(rows) == []
