"""Names of configurations and hosts as they are read in figures and tables."""

from __future__ import annotations

import re

PROPER = {"openvpn": "OpenVPN", "wireguard": "wireguard-go", "cubic": "CUBIC", "bbr": "BBR", "tap": "TAP",
          "default_windows": "default windows", "wireguardgo": "wireguard-go", "quic": "QUIC"}  # fmt: skip
"""Names that are not written as in an id."""
PLACES = {"path": "Germany–USA", "lab": "lab"}
"""Paths of the paper in words."""


def named(name: str) -> str:
    """A configuration's name as it is read; the native runs' one qdisc is not said.

    Parameters
    ----------
    name
        An id, its parts joined by hyphens.

    Returns
    -------
    str
        The parts in words, joined by commas.

    Examples
    --------
    >>> named("120ms-ring100-bbr-pfifo_fast"), named("lab-openvpn-80ms-stock")
    ('120 ms, ring 100, BBR', 'lab, OpenVPN, 80 ms, stock')
    >>> named("60ms-ring100-cubic-pfifo_fast-default_windows")
    '60 ms, ring 100, CUBIC, default windows'
    >>> named("zeptun-bench-zeptun-userspace")  # a word that comes twice is said once
    'zeptun, bench, userspace'
    >>> named("tcp-8senders-1queue-ring500-pfifo_fast")
    'tcp, 8 senders, 1 queue, ring 500'
    >>> named("60ms-ring500-cubic-pfifo_fast-sockets7340032")
    '60 ms, ring 500, CUBIC, sockets of 7 MiB'
    """
    parts = [_sockets(part) for part in name.replace("-pfifo_fast", "").split("-")]
    words = [re.sub(r"^(ring)(\d+)$|^(\d+)(ms|Mbit|(?:thread|sender|queue)s?)$", r"\1\3 \2\4", part) for part in parts]
    return ", ".join(PROPER.get(word, word) for word in dict.fromkeys(words))


def _sockets(part: str) -> str:
    found = re.fullmatch(r"sockets(\d+)", part)
    return f"sockets of {int(found[1]) / 2**20:.3g} MiB" if found else part


def host_name(host: str) -> str:
    """A host of the paper as it is read.

    Parameters
    ----------
    host
        A key of `evidence.posteriors.hosts`.

    Returns
    -------
    str
        Program and path.

    Examples
    --------
    >>> host_name("path-openvpn")
    'OpenVPN, Germany–USA'
    """
    place, program = host.split("-", 1)
    return f"{PROPER[program]}, {PLACES[place]}"
