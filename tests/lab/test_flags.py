"""Flags of the tun driver."""

import os

import pytest

from tunbp.errors import LabError
from tunbp.lab import flags


def test_features_of_known_kernels_tell_whether_they_have_the_flag():
    assert not flags.supports_backpressure(0x7173)  # Linux 6.18
    assert flags.supports_backpressure(0x71F3)  # Linux 7.3.4


def test_an_echo_with_the_flag_belongs_to_a_backpressure_run():
    flags.check_echo("tun0", 0x1081, backpressure=True)
    flags.check_echo("tun0", 0x1001, backpressure=False)


def test_a_kernel_that_silently_ignored_the_flag_is_an_error_and_not_a_stock_run():
    with pytest.raises(LabError, match=r"tun0: asked for IFF_BACKPRESSURE, but TUNGETIFF echoes 0x1001.*7\.3"):
        flags.check_echo("tun0", 0x1001, backpressure=True)


def test_a_stock_run_on_a_device_with_the_flag_is_an_error():
    with pytest.raises(LabError, match=r"stock run was asked for.*0x1081"):
        flags.check_echo("tun0", 0x1081, backpressure=False)


def test_a_missing_device_node_says_what_to_load(tmp_path):
    with pytest.raises(LabError, match="modprobe tun"):
        flags.features(tmp_path / "tun")


def test_a_node_that_is_no_tun_device_is_named():
    with pytest.raises(LabError, match="/dev/null does not answer TUNGETFEATURES"):
        flags.features(flags.Path(os.devnull))
