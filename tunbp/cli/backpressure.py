"""`tunbp backpressure -- PROGRAM`: run a program with IFF_BACKPRESSURE set on the tun and tap devices it opens."""

from __future__ import annotations

import os

import click

from tunbp.atomic import scratch_folder
from tunbp.errors import LabError


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def backpressure(command: tuple[str, ...]) -> None:
    """Run COMMAND with IFF_BACKPRESSURE set on every tun or tap device that it opens (Linux 7.3 or later).

    A small library is preloaded that adds the flag to the TUNSETIFF call. It works for programs that make this
    call through libc; a Go program or a statically linked one makes its system calls itself and needs an option
    of its own.

    Example: tunbp backpressure -- openvpn --config client.conf
    """
    from tunbp.lab import flags, shim

    if not flags.supports_backpressure():
        raise LabError("this kernel does not offer IFF_BACKPRESSURE (TUNGETFEATURES); Linux 7.3 or later does")
    folder = scratch_folder("tunbp-flag")  # stays as long as the program
    preload = shim.environment(True, folder / "echo")
    try:
        os.execvpe(command[0], list(command), {**os.environ, **preload})
    except OSError as error:
        raise LabError(f"{command[0]}: {error.strerror}") from error
