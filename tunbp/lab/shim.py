"""Make an unmodified tunnel program ask for backpressure, by a small library preloaded into it."""

from __future__ import annotations

import shutil
from pathlib import Path

from tunbp.errors import LabError
from tunbp.lab import compiled, flags


def environment(backpressure: bool, echo: Path) -> dict[str, str]:
    """Environment that preloads the shim; without `backpressure` it only records the flags in `echo`.

    The library is copied into the folder of `echo`: LD_PRELOAD takes no path with spaces, as a home may have.

    Parameters
    ----------
    backpressure
        Whether the flag is set.
    echo
        File that the flags are recorded in.

    Returns
    -------
    dict[str, str]
        Variables to add to those of the program.

    Raises
    ------
    LabError
        If the shim cannot be compiled.
    """
    library = shutil.copy(compiled.program("backpressure"), echo.with_suffix(".so"))
    return {
        "LD_PRELOAD": str(library),
        "TUNBP_TUN_FLAGS": str(flags.IFF_BACKPRESSURE if backpressure else 0),
        "TUNBP_TUN_ECHO": str(echo),
    }


def read_echo(echo: Path, name: str, backpressure: bool) -> int:
    """The flags the kernel echoed to the preloaded program, checked against what was asked for.

    Parameters
    ----------
    echo
        File that the flags were recorded in.
    name
        Interface, for the message.
    backpressure
        What was asked for.

    Returns
    -------
    int
        Bits of `IFF_*`.

    Raises
    ------
    LabError
        If nothing was recorded, or the kernel did not set what was asked for.
    """
    recorded = echo.read_text().split() if echo.exists() else []
    if not recorded:
        raise LabError(f"{name}: no TUNSETIFF was seen; is the program statically linked or set-user-ID?")
    value = int(recorded[-1])
    flags.check_echo(name, value, backpressure)
    return value
