"""What the laboratory does to wireguard-go besides starting it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tunbp.errors import LabError
from tunbp.lab.wireguard import set_socket_buffers

HOLDER = """
import socket
held = socket.socket(socket.AF_INET, socket.{kind})
print("ready", flush=True)
input()
print(held.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF), held.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF))
"""


@pytest.fixture
def holder(request):
    """A process that holds one socket, and prints the sizes of its buffers when it is asked."""
    command = [sys.executable, "-c", HOLDER.format(kind=request.param)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        yield process


@pytest.mark.skipif(os.geteuid() != 0, reason="more than the kernel's maximum needs root")
@pytest.mark.parametrize("holder", ["SOCK_DGRAM"], indirect=True)
def test_the_sockets_of_a_running_program_get_another_size(holder):
    size = 2 * int(Path("/proc/sys/net/core/rmem_max").read_text())
    assert set_socket_buffers(holder.pid, size) == 1
    assert holder.communicate("\n")[0].split() == [str(2 * size)] * 2  # the kernel doubles what is asked for


@pytest.mark.parametrize("holder", ["SOCK_STREAM"], indirect=True)
def test_a_program_without_a_udp_socket_is_told(holder):
    with pytest.raises(LabError, match=f"process {holder.pid} has no UDP socket"):
        set_socket_buffers(holder.pid, 1 << 20)
    holder.communicate("\n")
