"""Commands for what a card advises, each with the file in which a distribution keeps it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tunbp.prediction.products import Product

LIBRARY = "systemd 248 or later; without udev, as in a container, again after each start"
"""What reads `TransmitQueueLength=`, and what to do without it."""

COMMAND = re.compile(r"`(tunbp backpressure [^`]*)`")
"""What sets the flag, in the words on a program."""


SECTION = re.compile(r"`(\[\w+\])` and `([^`]*)`")
"""A section of a file and its line, in words."""


@dataclass(frozen=True)
class Setting:
    """What sets something now, and what keeps it.

    Attributes
    ----------
    commands
        Of a shell, as root.
    lines
        Of a file that keep it after the next start; empty if none does.
    file
        That file, or which one it is in words.
    note
        What has to be said of the file, or what to do without one.
    short
        The lines in fewer words; empty: as they are.
    """

    commands: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    file: str = ""
    note: str = ""
    short: str = ""

    @property
    def now(self) -> str:
        """The commands in words."""
        return " and ".join(f"`{command}`" for command in self.commands)

    @property
    def kept(self) -> str:
        """Where it is kept, in words: a section's name stands behind its line."""
        if not self.lines:
            return self.note
        lines = " and ".join(f"`{line}`" for line in self.lines)
        said = self.short or SECTION.sub(r"`\2` below `\1`", lines)
        return f"{said} in {self.file}{f' ({self.note})' if self.note else ''}"

    def __str__(self) -> str:
        """Both in words."""
        return f"{self.now} (to keep it: {self.kept})"


def ring(size: int, device: str, known: Product) -> Setting:
    """What sets txqueuelen.

    Kept in one place: of two the one that is set last counts, a program's own.

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
    Setting
        Command and file.

    Examples
    --------
    >>> from tunbp.prediction.products import product
    >>> ring(1000, "tun0", product("tun2socks")).now
    '`ip link set dev tun0 txqueuelen 1000`'
    >>> ring(1000, "wg1", product("wireguard-go")).file
    "wg-quick's /etc/wireguard/wg1.conf"
    """
    now = (f"{known.enter}ip link set dev {device} txqueuelen {size}",)
    if known.enter:
        return Setting(now, note="again after each start: the device is in a namespace of its own")
    if known.queue:
        lines = tuple(line.format(ring=size) for line in known.queue["lines"])
        return Setting(now, lines, known.queue["file"].format(device=device))
    lines = ("[Match]", f"OriginalName={device}", "[Link]", f"TransmitQueueLength={size}")
    return Setting(now, lines, f"/etc/systemd/network/10-{device}.link", LIBRARY)


def flag(known: Product) -> Setting:
    """What sets IFF_BACKPRESSURE for a program, where something does from outside.

    Parameters
    ----------
    known
        The program.

    Returns
    -------
    Setting
        Its command; nothing keeps it but that.

    Examples
    --------
    >>> from tunbp.prediction.products import product
    >>> flag(product("openvpn")).commands, flag(product("wireguard-go")).commands
    (('tunbp backpressure -- openvpn ...',), ())
    """
    return Setting(tuple(COMMAND.findall(known.flag)))


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


def fq(device: str) -> Setting:
    """What paces local TCP by the qdisc.

    Parameters
    ----------
    device
        Name of the device.

    Returns
    -------
    Setting
        Command and file.
    """
    now = (f"tc qdisc replace dev {device} root fq",)
    return Setting(now, ("net.core.default_qdisc=fq",), "/etc/sysctl.d/90-fq.conf")


def cake(rate: float) -> Setting:
    """What shapes with CAKE in front of a slow link.

    Parameters
    ----------
    rate
        bit/s with headers, as CAKE counts.

    Returns
    -------
    Setting
        Command and file.
    """
    kbit = max(round(rate / 1e3), 1)
    now = (f"tc qdisc replace dev UPLINK root cake bandwidth {kbit}kbit",)
    file = "UPLINK's file of /etc/systemd/network/*.network"
    return Setting(now, ("[CAKE]", f"Bandwidth={kbit}K"), file, "systemd-networkd")


def buffers(most: int) -> Setting:
    """What lets Linux size the buffers of TCP up to a size, where it does not yet.

    Parameters
    ----------
    most
        byte.

    Returns
    -------
    Setting
        Commands and file; each is only for a host whose own value is smaller.

    Examples
    --------
    >>> buffers(2**24).commands[0]
    "sysctl -w net.ipv4.tcp_rmem='4096 131072 16777216'"
    """
    values = {f"net.ipv4.tcp_{kind}": f"4096 {least} {most}" for kind, least in (("rmem", 131072), ("wmem", 16384))}
    commands = tuple(f"sysctl -w {key}='{value}'" for key, value in values.items())
    lines = tuple(f"{key}={value}" for key, value in values.items())
    return Setting(commands, lines, "/etc/sysctl.d/90-tcp.conf", short="without quotes")


def sysctl(values: Mapping[str, str], name: str) -> Setting:
    """What sets kernel parameters.

    Parameters
    ----------
    values
        Value by parameter.
    name
        Of the file, without number and ending.

    Returns
    -------
    Setting
        Command and file.

    Examples
    --------
    >>> str(sysctl({"net.core.rmem_max": "8388608"}, "udp"))
    '`sysctl -w net.core.rmem_max=8388608` (to keep it: `net.core.rmem_max=8388608` in /etc/sysctl.d/90-udp.conf)'
    """
    # the shell's quotes are none of a file's: with them the kernel refuses the value
    quoted = " ".join(f"{key}='{value}'" if " " in value else f"{key}={value}" for key, value in values.items())
    lines = tuple(f"{key}={value}" for key, value in values.items())
    short = "" if "'" not in quoted else "each in a line without quotes" if len(lines) > 1 else "that without quotes"
    return Setting((f"sysctl -w {quoted}",), lines, f"/etc/sysctl.d/90-{name}.conf", short=short)
