"""Which rows are tunnel devices."""

from __future__ import annotations

import pytest
import xarray as xr

from tunbp.traces.devices import tunnel_rows


def rows(*names: str, kinds: tuple[str, ...] | None = None) -> list[bool]:
    coords = {"device": ("queue", list(names))}
    if kinds is not None:
        coords["kind"] = ("queue", list(kinds))
    return tunnel_rows(xr.Dataset({"tx_dropped": ("queue", [0.0] * len(names))}, coords)).tolist()


@pytest.mark.parametrize("name", ["tun0", "tap12", "tun-office", "tailscale0", "ztabcdefgh", "utun3", "vnet0", "tun0:"])
def test_names_that_programs_give_tunnels_are_known(name: str) -> None:
    assert rows("eth0", name) == [False, True]


@pytest.mark.parametrize("name", ["eth0", "tunnel_broker", "tuner", "wlp3s0", "ztlong-name", "veth1"])
def test_names_that_only_begin_like_one_are_not(name: str) -> None:
    assert rows("lo", name) == [False, False]


def test_what_ip_says_of_a_device_decides_where_its_name_does_not() -> None:
    assert rows("office", "eth0", kinds=("tun", "")) == [True, False]
    assert rows("office", "office", "eth0", kinds=("tun", "", "bridge")) == [True, True, False]  # its qdisc's row too


def test_rows_without_a_name_are_of_the_one_device_that_was_asked_for() -> None:
    assert rows("", "") == [True, True]
    assert rows("", "eth0") == [False, False]


def test_without_devices_no_row_is_one() -> None:
    assert tunnel_rows(xr.Dataset({"counter": ("queue", [1.0, 2.0])})).tolist() == [False, False]
