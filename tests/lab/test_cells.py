"""Cells of an experiment: what they may be, and how they are called."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tunbp.lab.cells import Cell, PathCell, TunnelCell
from tunbp.lab.experiments.wireguard import WireguardCell
from tunbp.model.qdiscs import QDISCS


def test_a_label_tells_cells_apart_by_the_fields_that_differ():
    assert TunnelCell(ring=500, rtt=0.02).label == "20ms-ring500-cubic-fq_codel"
    one = TunnelCell(ring=25, rtt=0.0005, congestion="bbr", qdisc="noqueue", windows="default")
    assert one.label == "0.5ms-ring25-bbr-noqueue-default_windows"


def test_sockets_of_another_size_are_another_cell():
    cell = {"ring": 500, "rtt": 0.06, "qdisc": "pfifo_fast"}
    assert WireguardCell(**cell).label == TunnelCell(**cell).label
    assert WireguardCell(**cell, socket_buffer=7 << 20).label == "60ms-ring500-cubic-pfifo_fast-sockets7340032"


def test_only_the_relay_has_a_link():
    assert PathCell(ring=10, rtt=0.0, link_rate=1e6).path == "auto"
    with pytest.raises(ValidationError, match="need the relay: path: relay, or auto"):
        PathCell(ring=10, rtt=0.0, path="netem", link_loss=0.01)


@pytest.mark.parametrize("wrong", [
    {"ring": 0}, {"qdisc": "netem"}, {"qdisc": "pfifo-fast"}, {"duration": 0}, {"duration": float("inf")},
    {"warmup": -1}, {"rings": 5},
])  # fmt: skip
def test_what_cannot_be_measured_is_refused(wrong):
    with pytest.raises(ValidationError):
        Cell(**{"ring": 100, **wrong})


def test_every_qdisc_of_the_model_but_the_paths_own_can_be_measured():
    assert {Cell(ring=1, qdisc=name).qdisc for name in QDISCS if name != "netem"} == set(QDISCS) - {"netem"}
