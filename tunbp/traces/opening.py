"""Opening of any measurement file: recognized by its content, read by the module of its tool."""

from __future__ import annotations

import contextlib
import glob as globbing
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np
import xarray as xr

from tunbp.errors import TraceError
from tunbp.traces import checks, snapshots, stored, unread
from tunbp.traces.findings import Finding, as_json
from tunbp.traces.folder import read_folder, read_folders, together
from tunbp.traces.formats import READERS
from tunbp.traces.merge import in_order, merged
from tunbp.traces.reader import Reader
from tunbp.traces.runs import combine, labels
from tunbp.traces.source import UNPACK_LIMIT, Source, read_source, unstamped


def open_trace(path: str | os.PathLike[str], *, raw: bool = False, unpack_limit: int = UNPACK_LIMIT) -> xr.Dataset:
    """Whatever a measurement tool wrote, as a Dataset in the common schema.

    Parameters
    ----------
    path : str or path-like
        File of any known tool, recognized by its content, gzip or not; or the folder of one run, with the
        files of several tools side by side; or a folder of many runs, in files or in folders; or a netCDF file or
        Zarr folder in the schema.
    raw : bool
        Keep the whole text as JSON in `attrs["raw"]`, so that fields outside the schema stay reachable.
    unpack_limit : int
        Largest size that a gzip file may unpack to [byte].

    Returns
    -------
    xarray.Dataset
        Series over time [s from the start] (and stream), totals without time; attributes tool, version, host,
        kernel, command, start (UTC), sha256 and warnings (one a line), all text.

    Raises
    ------
    TraceError
        If the file cannot be read: file, position and reason.

    Examples
    --------
    >>> from tunbp.traces import open_trace
    >>> run = open_trace("tests/traces/fixtures/iperf3_tcp.json")
    >>> run.received_rate.attrs["units"]
    'bit/s'
    """
    place = Path(path)
    if place.is_dir() and not stored.is_zarr(place):
        opened = _open_folder(place, raw, unpack_limit)
    else:
        opened = _open_file(place, raw, unpack_limit)
    return storable(opened if "run" in opened.dims else checks.judged(opened))


def storable(dataset: xr.Dataset) -> xr.Dataset:
    r"""The Dataset with texts that every format takes: half a pair of UTF-16, or a byte of a name, becomes `\udcff`.

    Parameters
    ----------
    dataset
        A Dataset in the schema.

    Returns
    -------
    xarray.Dataset
        The same, as netCDF and Zarr take it.
    """
    attrs = {name: _encodable(value) if isinstance(value, str) else value for name, value in dataset.attrs.items()}
    texts = {str(name): values for name, values in dataset.variables.items() if values.dtype.kind in "UO"}
    mended = {
        name: values.copy(data=np.vectorize(_encodable, otypes=[object])(values.to_numpy()).astype(np.str_))
        for name, values in texts.items()
        if values.size and any(not _is_encodable(str(value)) for value in values.to_numpy().flat)
    }
    return (dataset.assign_coords(mended) if mended else dataset).assign_attrs(attrs)


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _encodable(text: str) -> str:
    return str(text).encode("utf-8", "backslashreplace").decode()


def _open_folder(place: Path, raw: bool, unpack_limit: int) -> xr.Dataset:
    """The folder of one run, of several runs in files, or of several runs in folders."""
    try:
        inside = [path for path in place.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        raise TraceError(f"{place}: cannot be read: {error.strerror or error}") from error
    if inside and not any(path.is_file() or stored.is_zarr(path) for path in inside):
        run = read_folders(place, lambda folder: open_trace(folder, raw=raw, unpack_limit=unpack_limit))
    else:
        run = read_folder(place, lambda file: _open_file(file, raw, unpack_limit))
    return run.assign_attrs(file=place.name)


def _open_file(place: Path, raw: bool, unpack_limit: int) -> xr.Dataset:
    """One file, not judged yet."""
    if place.is_dir() or stored.is_netcdf(place):
        return stored.load(place, unpack_limit)
    source = read_source(place, unpack_limit)
    dataset = read(source)
    if raw:
        dataset.attrs["raw"] = raw_json(source)
    return dataset


def open_together(paths: Iterable[str | os.PathLike[str]]) -> xr.Dataset:
    """Files of one run that are named one by one; two snapshots of one tool's counters are before and after.

    Parameters
    ----------
    paths : iterable of str or path-like
        Files in the order of the run; one alone, or a folder, is opened as by `open_trace`.

    Returns
    -------
    xarray.Dataset
        As from `open_trace`.

    Raises
    ------
    TraceError
        If a file cannot be read, or the files contradict each other.
    """
    places = [Path(path) for path in paths]
    if len(places) == 1:
        return open_trace(places[0])
    opened = [(str(place), open_trace(place)) for place in places]
    found = together(opened)
    return storable(found if "run" in found.dims else checks.judged(found))


def open_traces(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], *, raw: bool = False) -> xr.Dataset:
    """Many measurement files as one Dataset along `run`.

    Parameters
    ----------
    paths : str, path-like, or iterable of them
        A glob pattern (`**` allowed) or the files themselves.
    raw : bool
        As for `open_trace`; the texts become the coordinate `raw` over `run`.

    Returns
    -------
    xarray.Dataset
        Union of the variables, NaN where a run lacks one; `run` holds the file names without what they have
        in common. Attributes that differ between runs become coordinates over `run`.

    Raises
    ------
    TraceError
        If no file matches, or none of those that match a pattern, or one of those that were named, cannot be read.
        Files that match a pattern and cannot be read are named in the attribute `warnings`.
    """
    given = isinstance(paths, str | os.PathLike)
    if isinstance(paths, str | os.PathLike):
        pattern = os.fspath(paths)
        files = sorted(globbing.glob(pattern, recursive=True)) if globbing.has_magic(pattern) else [pattern]
        if not files:
            raise TraceError(f"{pattern}: no file matches")
    else:
        files = [os.fspath(path) for path in paths]
        if not files:
            raise TraceError("no file given")
    runs: dict[str, xr.Dataset] = {}
    notes: list[str] = []
    failure: TraceError | None = None
    for file in files:
        try:
            runs[file] = open_trace(file, raw=raw)
        except TraceError as error:
            if not given:
                raise
            failure = failure or error
            notes.append(f"left out: {error}".replace("\n", " "))
    if failure is not None and not runs:
        raise failure
    if len(runs) == 1 and "run" in (only := next(iter(runs.values()))).dims:
        return only
    names = labels(list(runs))
    combined = combine(list(runs.values()), names)
    said = checks.duplicates(dict(zip(names, runs.values(), strict=True)))
    said += [Finding("file", "warning", note) for note in notes]
    return storable(combined.assign_attrs(findings=as_json(said), warnings="\n".join(notes)))


def read(source: Source) -> xr.Dataset:
    """The Dataset of a file in memory.

    Parameters
    ----------
    source
        A file as `tunbp.traces.source` has it.

    Returns
    -------
    xarray.Dataset
        As `open_trace` returns it, without findings of several files.

    Raises
    ------
    TraceError
        If no reader recognizes the content, or the one that does cannot read it.
    """
    try:
        return _read(source)
    except TraceError:
        if (plain := unstamped(source)) is None:
            raise
        with contextlib.suppress(TraceError):
            return _read(plain)
        raise


def _read(source: Source) -> xr.Dataset:
    """As `read`, of the text as it is."""
    reader = next((reader for reader in READERS if reader.recognize(source)), None)
    if reader is None:
        raise source.error(*unread.refusal(source))
    readers = _together(source, reader)
    counting = [each for each in readers if each.role == "counters"]
    if len(readers) > max(len(counting), 1):
        opened = _mixed(source, [each for each in readers if each not in counting], counting)
    elif counting:
        opened = _counters(source, counting)
        said = [*source.of_file, *opened.attrs["warnings"].splitlines()]
        opened = opened.assign_attrs(warnings="\n".join(said))
    else:
        opened = _of_one_tool(source, reader.read(source))
    return opened.assign_attrs(file=source.path.name)


def _together(source: Source, first: Reader) -> list[Reader]:
    """The reader of a file, and those of other tools whose output was pasted beside: counters, text between text."""
    if first.role != "counters" and (not first.mixes or source.data.lstrip()[:1] in (b"{", b"[")):
        return [first]
    others = [reader for reader in READERS if reader.role == "counters" or reader.mixes]
    return [reader for reader in others if reader is first or reader.recognize(source)]


def _counters(source: Source, readers: Sequence[Reader]) -> xr.Dataset:
    """Counters of one or several tools side by side."""
    parts = [part for reader in readers for part in reader.read(source)]
    return parts[0] if len(parts) == 1 else _located(source, lambda: snapshots.side_by_side(parts))


def _mixed(source: Source, readers: Sequence[Reader], counting: Sequence[Reader]) -> xr.Dataset:
    """What several tools printed into one text as one run; the runs of one tool where it ran several times."""
    found: list[list[xr.Dataset]] = []
    notes: list[str] = []
    failure: TraceError | None = None
    for reader in readers:
        try:
            found.append(reader.read(source))
        except TraceError as error:
            failure = failure or error
            notes.append(f"left out: {str(error).removeprefix(f'{source.path}: ')}")
        source.next_run()
    try:
        counts = [_counters(source, counting)] if counting else []
    except TraceError as error:
        failure, counts = failure or error, []
        notes.append(f"left out: {str(error).removeprefix(f'{source.path}: ')}")
    if not found and not counts:
        raise failure or source.error("nothing in it is complete", 0)
    if several := next((runs for runs in found if len(runs) > 1), None):
        beside = [*(runs[0] for runs in found if runs is not several), *counts]
        if names := ", ".join(str(part.attrs["tool"]) for part in beside):
            tool = several[0].attrs["tool"]
            notes.append(f"left out: {names}: with {len(several)} runs of {tool} they are of no one run")
        for note in notes:
            source.warn_of_file(note)
        return _of_one_tool(source, several)
    if counts and counts[0].sizes.get("time") == 2:
        counts = [snapshots.difference(counts[0], counts[0])]
    return _located(source, lambda: merged(in_order([runs[0] for runs in found]), counts, [*source.of_file, *notes]))


def _of_one_tool(source: Source, runs: list[xr.Dataset]) -> xr.Dataset:
    """The run, or the runs, of one tool."""
    runs = [run.assign_attrs(file=source.path.name) for run in runs]
    if len(runs) == 1:
        said = [*runs[0].attrs["warnings"].splitlines(), *source.of_file]
        return runs[0].assign_attrs(warnings="\n".join(said))
    names = [f"{number}" for number in range(1, len(runs) + 1)]
    together = _located(source, lambda: combine([checks.judged(run) for run in runs], names))
    of_file = as_json([Finding("file", "warning", line) for line in source.of_file])
    return together.assign_attrs(warnings="\n".join(source.of_file), findings=of_file)


def _located(source: Source, call: Callable[[], xr.Dataset]) -> xr.Dataset:
    """What `call` makes of parts of one file; its errors name the file."""
    try:
        return call()
    except TraceError as error:
        raise source.error(str(error)) from error


def raw_json(source: Source) -> str:
    """The file's text as JSON: itself if it is one JSON document, else one JSON string.

    Parameters
    ----------
    source
        A file as `tunbp.traces.source` has it.

    Returns
    -------
    str
        Text that any JSON reader takes.
    """
    text = source.data.decode("utf-8", "replace").replace("\\u0000", "").replace("\0", "")
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return msgspec.json.encode(text).decode()
    return text
