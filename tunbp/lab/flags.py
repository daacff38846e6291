"""The tun driver's flags: open a device, ask for backpressure, and read back what the kernel really set.

Numbers are from `include/uapi/linux/if_tun.h`. Kernels without `IFF_BACKPRESSURE` accept the bit silently, so
support is what `TUNGETFEATURES` offers, and what a device got is what `TUNGETIFF` echoes.
"""

from __future__ import annotations

import fcntl
import os
import struct
from dataclasses import dataclass
from pathlib import Path

from tunbp.errors import LabError

IFF_TUN = 0x0001
IFF_TAP = 0x0002
IFF_BACKPRESSURE = 0x0080
IFF_NO_PI = 0x1000

TUNSETIFF = 0x400454CA
TUNGETFEATURES = 0x800454CF
TUNGETIFF = 0x800454D2

CLONE_DEVICE = Path("/dev/net/tun")
_IFREQ = struct.Struct("16sH22x")
_UINT = struct.Struct("I")


@dataclass(frozen=True)
class Device:
    """An attached tun or tap device: its file descriptor and the flags the kernel echoed."""

    fd: int
    name: str
    echo: int

    @property
    def backpressure(self) -> bool:
        """Whether the kernel set `IFF_BACKPRESSURE` on this device."""
        return bool(self.echo & IFF_BACKPRESSURE)


def features(clone_device: Path = CLONE_DEVICE) -> int:
    """Flags that the running kernel's tun driver offers (`TUNGETFEATURES`).

    Parameters
    ----------
    clone_device
        Device node of the driver.

    Returns
    -------
    int
        Bits of `IFF_*`.

    Raises
    ------
    LabError
        If the device node cannot be opened or does not answer.
    """
    fd = _open(clone_device)
    try:
        return int(_UINT.unpack(fcntl.ioctl(fd, TUNGETFEATURES, bytes(_UINT.size)))[0])
    except OSError as error:
        raise LabError(f"{clone_device} does not answer TUNGETFEATURES: {error.strerror}") from error
    finally:
        os.close(fd)


def supports_backpressure(offered: int | None = None) -> bool:
    """Whether `offered` flags (default: those of the running kernel) include `IFF_BACKPRESSURE`.

    Parameters
    ----------
    offered
        What `features` returned; None: ask the kernel.

    Returns
    -------
    bool
        Whether the bit is there.
    """
    return bool((features() if offered is None else offered) & IFF_BACKPRESSURE)


def check_echo(name: str, echo: int, backpressure: bool) -> None:
    """Raise unless the flags a device got are the ones that were asked for.

    Parameters
    ----------
    name
        Interface, for the message.
    echo
        Flags that TUNGETIFF gave.
    backpressure
        What was asked for.

    Raises
    ------
    LabError
        If `backpressure` was asked for and not set, or the other way round.
    """
    if bool(echo & IFF_BACKPRESSURE) == backpressure:
        return
    if backpressure:
        raise LabError(
            f"{name}: asked for IFF_BACKPRESSURE, but TUNGETIFF echoes {echo:#06x}: this kernel "
            f"({os.uname().release}) has no such flag. Use Linux 7.3 or newer, for example "
            "`tunbp lab kernel` and then `--vm`."
        )
    raise LabError(f"{name}: a stock run was asked for, but TUNGETIFF echoes {echo:#06x} (IFF_BACKPRESSURE set)")


def attach(name: str, kind: str = "tun", backpressure: bool = False, information: bool = False) -> Device:
    """Create a tun or tap device in the current network namespace and return it attached, non-blocking.

    Parameters
    ----------
    name
        Interface name, at most 15 bytes.
    kind
        "tun" or "tap".
    backpressure
        Ask for `IFF_BACKPRESSURE`.
    information
        Have four bytes of packet information before each packet, as wireguard-go expects them.

    Returns
    -------
    Device
        The device, open until it is closed.

    Raises
    ------
    LabError
        If the device cannot be made, or the kernel did not set the flags asked for.
    """
    wanted = IFF_TUN if kind == "tun" else IFF_TAP
    wanted |= (0 if information else IFF_NO_PI) | (IFF_BACKPRESSURE if backpressure else 0)
    fd = _open(CLONE_DEVICE)
    try:
        fcntl.ioctl(fd, TUNSETIFF, _IFREQ.pack(name.encode(), wanted))
        echo = int(_IFREQ.unpack(fcntl.ioctl(fd, TUNGETIFF, bytes(_IFREQ.size)))[1])
        check_echo(name, echo, backpressure)
    except OSError as error:
        os.close(fd)
        raise LabError(
            f"cannot create {kind} device {name!r}: {error.strerror}; it needs CAP_NET_ADMIN in the network "
            "namespace (root, or a user namespace)"
        ) from error
    except LabError:
        os.close(fd)
        raise
    return Device(fd, name, echo)


def _open(clone_device: Path) -> int:
    try:
        return os.open(clone_device, os.O_RDWR | os.O_NONBLOCK)
    except OSError as error:
        raise LabError(
            f"cannot open {clone_device}: {error.strerror}; load the tun module (`modprobe tun`) and "
            "make the device readable and writable for this user"
        ) from error
