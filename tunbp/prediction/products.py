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
        Its own way to set the queue length, with ``{ring}`` for the number; empty if it has none.
    flag
        How it gets IFF_BACKPRESSURE.
    faster
        What makes its reader faster.
    fields
        Fields of `tunbp.Scenario` that follow from how it is built.
    """

    title: str
    device: str
    queue: str
    flag: str
    faster: str
    fields: dict[str, Any]


def product(name: str) -> Product:
    """One program by its key in ``data/priors.yaml``.

    Parameters
    ----------
    name
        E.g. ``"openvpn"``.

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
    if name not in known:
        raise ParamsError(f"product: {name!r} is not known; allowed: {', '.join(known)}")
    row = known[name]
    return Product(
        row["title"], row["device"], row.get("queue", ""), row["flag"], row["faster"], dict(row.get("fields", {}))
    )
