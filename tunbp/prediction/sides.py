"""Which host does what: where the ring is, whose TCP sends, by the direction of the data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Side:
    """Hosts in words, as they stand behind a command.

    Attributes
    ----------
    ring
        Where the device is into which the data go.
    kernel
        The same in few words.
    sender
        Where TCP sends.
    link
        What sends into a slow link.
    """

    ring: str
    kernel: str
    sender: str
    link: str


FORWARDS = "not on a gateway that only forwards"

BOTH = f"at both ends of TCP ({FORWARDS})"
"""Where socket buffers are set: one end's limit the other's, and so they do in either direction."""

HERE = Side(
    "on this host, the client, which sends (upload)",
    "on this host, the client",
    f"on the client, from whose TCP the upload comes ({FORWARDS})",
    "this host, the client, or its router",
)
"""An upload: this host's device takes the data in."""

THERE = Side(
    "on the server, the other end of the tunnel, which sends (download)",
    "on the server",
    f"on the server from whose TCP the download comes ({FORWARDS})",
    "the router or server at the far side of the link; here only what has come in can be shaped (ifb: `man tc-mirred`)",
)
"""A download: the device of the tunnel's other end takes the data in."""

EITHER = Side(
    "on the end that sends (upload: the client; download: the server)",
    "on the end that sends",
    f"where TCP sends (upload: the client; download: the server; {FORWARDS})",
    "for an upload the client or its router; for a download the far side of the link, or here what has come in (ifb: "
    "`man tc-mirred`)",
)
"""Nobody said which."""


def of_program(where: str) -> Side:
    """Hosts of a program whose device takes in what one side sends, whichever way somebody asks about.

    Parameters
    ----------
    where
        Where its device is, and whose data that takes in.

    Returns
    -------
    Side
        It, with that as its ring's place.
    """
    return Side(
        where,
        "on this host",
        f"where TCP sends ({FORWARDS})",
        "this host, or what stands between it and the link",
    )
