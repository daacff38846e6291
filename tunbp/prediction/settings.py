"""Commands for what a card advises, each with the file in which a distribution keeps it."""

from __future__ import annotations

from collections.abc import Mapping

from tunbp.prediction.products import Product

LIBRARY = "systemd 248 or later; where there is no udev, as in a container: again after each start"
"""What reads `TransmitQueueLength=`, and what to do without it."""


def ring(size: int, device: str, known: Product) -> tuple[str, str]:
    """What sets txqueuelen now, and after the next start.

    Parameters
    ----------
    size
        txqueuelen, packets.
    device
        Name of the device.
    known
        The program that reads it.

    Returns
    -------
    tuple[str, str]
        A command, and where it is kept.

    Examples
    --------
    >>> from tunbp.prediction.products import product
    >>> ring(1000, "tun0", product("tun2socks"))[0]
    '`ip link set dev tun0 txqueuelen 1000`'
    """
    now = f"`{known.enter}ip link set dev {device} txqueuelen {size}`"
    if known.enter:
        return now, "again after each start: the device is in a namespace of its own"
    link = (
        f"`[Match] OriginalName={device}` and `[Link] TransmitQueueLength={size}` in "
        f"/etc/systemd/network/10-{device}.link ({LIBRARY})"
    )
    return now, known.queue.format(ring=size) or link  # one place: of two the program's own, set last, is what counts


def watch(device: str, enter: str = "") -> str:
    """What shows whether a ring drops now: its counters twice, ten seconds apart.

    Parameters
    ----------
    device
        Name of the device.
    enter
        What goes before a command, where its device is in a namespace of its own.

    Returns
    -------
    str
        A command.

    Examples
    --------
    >>> watch("tun0")
    '`ip -s link show tun0; sleep 10; ip -s link show tun0`'
    """
    look = f"{enter}ip -s link show {device}"
    return f"`{look}; sleep 10; {look}`"


def cake(rate: float) -> str:
    """What shapes with CAKE in front of a slow link, now and after the next start.

    Parameters
    ----------
    rate
        bit/s with headers, as CAKE counts.

    Returns
    -------
    str
        Command and file.
    """
    kbit = max(round(rate / 1e3), 1)
    return (
        f"`tc qdisc replace dev UPLINK root cake bandwidth {kbit}kbit` (to keep it with systemd-networkd: `[CAKE] "
        f"Bandwidth={kbit}K` in UPLINK's file of /etc/systemd/network/*.network)"
    )


def sysctl(values: Mapping[str, str], name: str) -> str:
    """What sets kernel parameters, now and after the next start.

    Parameters
    ----------
    values
        Value by parameter.
    name
        Of the file, without number and ending.

    Returns
    -------
    str
        Command and file.

    Examples
    --------
    >>> sysctl({"net.core.rmem_max": "8388608"}, "udp")
    '`sysctl -w net.core.rmem_max=8388608` (to keep it: `net.core.rmem_max=8388608` in /etc/sysctl.d/90-udp.conf)'
    """
    # the shell's quotes are none of a file's: with them the kernel refuses the value
    quoted = " ".join(f"{key}='{value}'" if " " in value else f"{key}={value}" for key, value in values.items())
    each = "each in a line" if len(values) > 1 else "that"
    plain = f"{each} without quotes" if "'" in quoted else f"`{quoted}`"
    return f"`sysctl -w {quoted}` (to keep it: {plain} in /etc/sysctl.d/90-{name}.conf)"
