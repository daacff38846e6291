"""Runs that predictions are judged by, and what was known of them beforehand."""

import numpy as np
import pytest
import xarray as xr

from tunbp.evidence import held_out, live
from tunbp.prediction.unknown import READER


@pytest.fixture(scope="module")
def floods() -> xr.Dataset:
    return live.measurement("speed_native")


def test_a_flood_that_loses_in_the_ring_alone_measures_the_reader(floods):
    assert held_out.slowest(floods) == READER
    some = floods.assign(dropped_path=floods["dropped_path"] + 0.02 * floods["dropped_ring"])
    assert held_out.slowest(some) == "given"


@pytest.mark.parametrize("source", ["native", "pacing"])
def test_a_chain_is_known_by_its_floods_and_by_how_a_connection_begins(source):
    cells = held_out.SOURCES[source]()
    assert {cell.sources["path_rate"] for cell in cells} == {READER}
    assert len({(cell.known["drain_rate"], cell.known["path_rate"]) for cell in cells}) == 1
    for cell in cells:
        paced = cell.known["congestion"] == "cubic" and (source == "native" or cell.name.endswith("-paced"))
        assert cell.known["pacing"] is paced


def test_every_pair_of_paced_and_plain_runs_has_the_same_path():
    cells = held_out.pacing()
    plain = {cell.name: cell.known for cell in cells if not cell.known["pacing"]}
    paced = {cell.name.removesuffix("-paced"): cell.known for cell in cells if cell.known["pacing"]}
    assert plain.keys() == paced.keys()
    assert len(plain) == 10
    for name, known in plain.items():
        assert {**known, "pacing": True} == paced[name]
    assert np.isfinite([cell.measured for cell in cells]).all()
