"""The device that is probed and its reader, from files of /proc made by hand."""

import os

import pytest

from tunbp.errors import LabError
from tunbp.lab.probe.device import Counters, GoneError, Reader, choose, counters, hidden, readers

HERE = os.readlink("/proc/self/ns/net")
TABLE = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 9 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0
  tun0: 100 11 0 1 0 0 0 0 200 22 0 3 0 0 0 0
"""  # noqa: E501


def test_counters_are_the_devices_own(tmp_path):
    (tmp_path / "dev").write_text(TABLE)
    assert counters("tun0", tmp_path / "dev") == Counters(transmitted=22, dropped=3, received=11)
    with pytest.raises(GoneError, match="device tun has gone"):
        counters("tun", tmp_path / "dev")


def program(proc, pid, name, device, fd=5, target="/dev/net/tun"):
    """A process with one open descriptor."""
    for folder in ("fd", "fdinfo", "ns"):
        (proc / str(pid) / folder).mkdir(parents=True)
    (proc / str(pid) / "comm").write_text(f"{name}\n")
    (proc / str(pid) / "fd" / str(fd)).symlink_to(target)
    (proc / str(pid) / "fdinfo" / str(fd)).write_text(f"pos:\t0\niff:\t{device}\n")
    (proc / str(pid) / "ns" / "net").symlink_to(HERE)


def test_readers_are_those_that_have_this_device_open(tmp_path):
    program(tmp_path, 12, "openvpn", "tun0")
    program(tmp_path, 13, "other", "tun00")
    program(tmp_path, 14, "editor", "tun0", target="/etc/hosts")
    program(tmp_path, 9, "qemu", "tun0", fd=20)
    assert readers("tun0", tmp_path) == [Reader(9, "qemu", 20, HERE), Reader(12, "openvpn", 5, HERE)]


def test_a_process_that_ends_meanwhile_is_left_out(tmp_path):
    program(tmp_path, 12, "openvpn", "tun0")
    (tmp_path / "12" / "comm").unlink()
    assert readers("tun0", tmp_path) == []


def test_what_this_user_may_not_look_into_is_counted_and_said(tmp_path, monkeypatch):
    program(tmp_path, 12, "openvpn", "tun0")
    assert hidden(tmp_path) == 0
    program(tmp_path, 13, "other", "tun0")
    mine = os.listdir

    def refused(place):
        if "/12/" in str(place):
            raise PermissionError(place)
        return mine(place)

    monkeypatch.setattr(os, "listdir", refused)
    assert hidden(tmp_path) == 1
    with pytest.raises(LabError, match=r"may not look into 1 processes of others .*; name it by --pid .* as root"):
        choose("tun0", [], None, hidden(tmp_path))


NEAR, FAR = Reader(1, "openvpn", 5, HERE), Reader(2, "openvpn", 5, "net:[1]")


def test_the_only_reader_of_this_namespace_is_chosen_else_the_only_one_at_all():
    assert choose("tun0", [NEAR, FAR], None) == NEAR
    assert choose("tun0", [FAR], None) == FAR
    assert choose("tun0", [NEAR, FAR], 2) == FAR


@pytest.mark.parametrize(("candidates", "pid", "said"), [
    ([], None, r"cannot tell which program reads tun0: none; start the tunnel first"),
    ([NEAR, Reader(3, "x", 5, HERE)], None, r"openvpn \(pid 1\), x \(pid 3\); name one by --pid"),
    ([NEAR], 7, r"process 7 has not opened tun0; programs that have: openvpn \(pid 1\)"),
])  # fmt: skip
def test_where_it_is_not_clear_the_message_names_them(candidates, pid, said):
    with pytest.raises(LabError, match=said):
        choose("tun0", candidates, pid)
