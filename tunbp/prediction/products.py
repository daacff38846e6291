"""What is known of the programs that read a tun or tap device: how they are set, and what is faster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tunbp.errors import ParamsError
from tunbp.infer.priors import table


@dataclass(frozen=True)
class Product:
    """A program that reads the device.

    Attributes
    ----------
    title
        Its name as people write it.
    device
        What it calls its device.
    queue
        Its own way to keep the queue length: ``lines`` with ``{ring}`` for the number, and the ``file`` in which they
        stand, with ``{device}``; empty if it has none.
    flag
        How it gets IFF_BACKPRESSURE.
    faster
        What makes its reader faster.
    fields
        Fields of `tunbp.Scenario` that follow from how it is built, or where it usually runs.
    enter
        What goes before a command, where its device is in a namespace of its own.
    packets
        Whether what makes it faster is larger packets alone.
    side
        Where its device is, where that does not hang on the direction of the data; empty if it does.
    instead
        The faster program, where that has a prior of its own: its key.
    missing
        What usually decides and is not known unless it is given; empty if nothing.
    outer
        Bytes that it adds to each packet on the wire, from the outer IPv4 header on.
    unless
        Field whose value, where it is given, says what is missing; empty if none does.
    buffers
        Where it sets the buffers of its own sockets, and what those limit; empty if it does not.
    own
        When a buffer that was given limits no window, as it is of the program's own sockets; empty if it has none.
    """

    title: str
    device: str
    queue: dict[str, Any]
    flag: str
    faster: str
    fields: dict[str, Any]
    enter: str = ""
    packets: bool = False
    side: str = ""
    instead: str = ""
    missing: str = ""
    unless: str = ""
    outer: int = 0
    buffers: str = ""
    own: str = ""


def product(name: str) -> Product:
    """One program by its key in ``data/priors.yaml``.

    Parameters
    ----------
    name
        E.g. ``"openvpn"``, or one of its other names.

    Returns
    -------
    Product
        Its title and what is known of it.

    Raises
    ------
    ParamsError
        If there is no such product; the message lists those there are.
    """
    known = table()["products"]
    row = known[key(name)]
    return Product(
        row["title"], row["device"], dict(row.get("queue", {})), row["flag"], row["faster"],
        dict(row.get("fields", {})), row.get("enter", ""), bool(row.get("packets")), row.get("side", ""),
        row.get("instead", ""), row.get("missing", ""), row.get("unless", ""), int(row.get("outer", 0)),
        row.get("buffers", ""), row.get("own", ""),
    )  # fmt: skip


def key(name: str) -> str:
    """The key of a program in ``data/priors.yaml``, by that or by another of its names.

    Parameters
    ----------
    name
        E.g. ``"pasta"``.

    Returns
    -------
    str
        E.g. ``"passt"``.

    Raises
    ------
    ParamsError
        If there is no such product; the message lists those there are.

    Examples
    --------
    >>> key("pasta"), key("openvpn")
    ('passt', 'openvpn')
    """
    known = table()["products"]
    found = next((own for own, row in known.items() if name in (own, *row.get("also", ()))), None)
    if found is None:
        if name in ("wireguard", "dco"):
            raise ParamsError(
                f"product: {name!r} of the kernel hands no packets to a program, so that neither the ring of a tun "
                "device nor the flag matters to it; where packets wait before a slow link, CAKE at that link helps. "
                "WireGuard in user space is wireguard-go"
            )
        raise ParamsError(f"product: {name!r} is not known; allowed: {', '.join(names())}")
    return found


def names() -> list[str]:
    """Every name that `product` takes: keys, and in brackets what else they are called.

    Returns
    -------
    list[str]
        E.g. ``["openvpn", "passt (pasta, slirp4netns)"]``.
    """
    return [
        f"{own} ({', '.join(row['also'])})" if row.get("also") else str(own) for own, row in table()["products"].items()
    ]
