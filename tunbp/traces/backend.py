"""The xarray engine: ``xr.open_dataset("iperf3.json", engine="tunbp")`` opens what `open_trace` opens."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import xarray as xr
from xarray.backends import BackendEntrypoint

STORED = (b"\x89HDF", b"CDF")
"""How files begin that xarray's own engines open."""


class TraceBackend(BackendEntrypoint):
    """Measurement files of any tool as Datasets in the schema; registered as the engine ``tunbp``.

    Examples
    --------
    >>> import xarray as xr
    >>> run = xr.open_dataset("tests/traces/fixtures/iperf3_tcp.json", engine=TraceBackend)
    >>> run.received_rate.attrs["units"]
    'bit/s'
    """

    description: ClassVar[str] = "Output of network measurement tools (iperf3, ping, tc, ss, pcap, ...)"
    url: ClassVar[str] = ""
    open_dataset_parameters: ClassVar[tuple[str, ...]] = ("filename_or_obj", "drop_variables", "raw")

    def open_dataset(
        self, filename_or_obj: Any, *, drop_variables: str | Iterable[str] | None = None, raw: bool = False
    ) -> xr.Dataset:
        """Open one file or the folder of one run; `raw` as in `open_trace`.

        Parameters
        ----------
        filename_or_obj
            Path of the file or folder.
        drop_variables
            Variables to leave out.
        raw
            Whether the tool's own output is kept with it.

        Returns
        -------
        xarray.Dataset
            As `open_trace` returns it.

        Raises
        ------
        TraceError
            If the file cannot be read.
        """
        from tunbp.traces.opening import open_trace

        run = open_trace(os.fspath(filename_or_obj), raw=raw)
        names = [drop_variables] if isinstance(drop_variables, str) else list(drop_variables or [])
        return run.drop_vars(names, errors="ignore")

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Whether a reader recognizes the beginning of a regular file; files of xarray's engines are left to them.

        Parameters
        ----------
        filename_or_obj
            What xarray was asked to open.

        Returns
        -------
        bool
            False for whatever is no path.
        """
        from tunbp.errors import TraceError
        from tunbp.traces.formats import READERS
        from tunbp.traces.source import HEAD, source_of

        if not isinstance(filename_or_obj, str | os.PathLike):
            return False
        try:
            place = Path(filename_or_obj)
            if not stat.S_ISREG(place.stat().st_mode):
                return False
            with place.open("rb") as handle:
                head = handle.read(HEAD)
            return not head.startswith(STORED) and any(r.recognize(source_of(place, head)) for r in READERS)
        except (OSError, ValueError, TraceError):
            return False
