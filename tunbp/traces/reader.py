"""What a trace format is: one row that says its name, its role, how it is recognized and how it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import xarray as xr

from tunbp.traces.source import Source

Role = Literal["traffic", "sockets", "probe", "counters", "drops", "record"]
"""What a tool's output is in the folder of one run.

`traffic`: the tool that sends, its variables keep their names; `sockets` and `probe`: beside a sender their names
begin with `socket_` and `ping_`; `counters`: snapshots, subtracted where two are named before and after; `drops`:
events counted by reason; `record`: the laboratory's own record of the run.
"""


@dataclass(frozen=True)
class Reader:
    """One trace format.

    Attributes
    ----------
    name : str
        Name of the tool, the attribute `tool` of every Dataset that the reader makes.
    role : str
        What the output is beside that of other tools, see `Role`.
    recognize : callable
        Whether the content of a file is this tool's; cheap, as every reader is asked.
    read : callable
        The runs in a file, each a Dataset in the schema.
    commands : str
        Commands or files whose output it is.
    versions : str
        Versions whose output is read.
    gives : str
        What is read.
    mixes : bool
        Whether people paste its output as text beside that of other tools into one file.
    """

    name: str
    role: Role
    recognize: Callable[[Source], bool]
    read: Callable[[Source], list[xr.Dataset]]
    commands: str
    versions: str
    gives: str
    mixes: bool = False
