"""The folder of one run: what several tools wrote side by side, as one Dataset on one clock."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import xarray as xr

from tunbp.errors import TraceError
from tunbp.traces import checks, snapshots
from tunbp.traces.build import text
from tunbp.traces.findings import Finding, as_json
from tunbp.traces.merge import ROLES, in_order, merged
from tunbp.traces.runs import combine, labels

FILE_LIMIT = 1024
"""Most files of a folder."""
FIRST = re.compile(r"(?:^|[^a-z])(?:before|start|pre|begin|first|0)(?:[^a-z]|$)", re.IGNORECASE)
LAST = re.compile(r"(?:^|[^a-z])(?:after|end|post|stop|last|1)(?:[^a-z]|$)", re.IGNORECASE)
COUNTING = tuple(name for name, role in ROLES.items() if role == "counters")
"""Tools whose files are snapshots of counters."""

Parts = dict[str, list[tuple[str, xr.Dataset]]]


def read_folder(folder: Path, open_file: Callable[[Path], xr.Dataset]) -> xr.Dataset:
    """Everything in a folder that is a tool's output, merged.

    Counters of two snapshots named before and after become their difference; of more places they lie side by
    side. Times count from the earliest start that a file tells.
    Where a tool that sends traffic is there, ping's and irtt's variables are named `ping_*`, those of ss
    `socket_*`. Drops of tun and tap devices are summed up in `dropped_ring`, those of their qdiscs in
    `dropped_qdisc`, the names that simulations use. Several files of one tool that sends are several runs.

    Parameters
    ----------
    folder : Path
        The folder; its sub-folders are not looked at.
    open_file : callable
        Opens one file.

    Returns
    -------
    xr.Dataset
        One run, or several along `run`.

    Raises
    ------
    TraceError
        If no file in it can be read, or if its files contradict each other.
    """
    if len(stored := sorted(folder.glob("*.nc"))) == 1:
        return open_file(stored[0])  # the lab's folder: everything of its runs is in there
    parts, notes = _open_all(folder, open_file)
    try:
        return _combined(folder, parts, notes, ordered=False)
    except TraceError as error:
        raise TraceError(f"{folder}: {error}") from error


def _combined(folder: Path, parts: Parts, notes: list[str], ordered: bool) -> xr.Dataset:
    """The files of one run merged, or, where one tool sent in several, runs side by side."""
    most = max((tool for tool in parts if tool not in COUNTING), key=lambda tool: len(parts[tool]), default="")
    if most and len(parts[most]) > 1:
        return _runs(folder, most, parts, notes)
    counts = [_counted(parts.pop(tool), notes, ordered) for tool in COUNTING if tool in parts]
    tools = in_order([found[0][1] for found in parts.values()])
    if tools and counts and "time" in counts[0].dims:
        tools += [counts.pop(0)]
    return merged(tools, counts, notes)


def _runs(folder: Path, tool: str, parts: Parts, notes: list[str]) -> xr.Dataset:
    """The files of one tool as runs side by side; what else lies in the folder belongs to none of them."""
    other = [name for found_tool, found in parts.items() if found_tool != tool for name, _ in found]
    if other:
        notes.append(
            f"left out: {', '.join(other[:9])}: with {len(parts[tool])} files of {tool} they are of no one run"
        )
    names = [name for name, _ in parts[tool]]
    together = combine([checks.judged(run) for _, run in parts[tool]], labels([str(folder / name) for name in names]))
    twice = checks.duplicates(dict(parts[tool]))
    said = [Finding("file", "warning", note) for note in notes] + twice
    return together.assign_attrs(warnings="\n".join(dict.fromkeys(notes)), findings=as_json(said))


def together(opened: Sequence[tuple[str, xr.Dataset]]) -> xr.Dataset:
    """Files that were named one by one as one run, or, where one tool sent in several, as runs side by side.

    Parameters
    ----------
    opened
        Name and content of each, in the order they were named: of two snapshots of one tool's counters the first is
        before and the second after.

    Returns
    -------
    xr.Dataset
        One run, or several along `run`.

    Raises
    ------
    TraceError
        If the files contradict each other, or one of several holds runs itself.
    """
    parts: Parts = {}
    for name, dataset in opened:
        if "run" in dataset.dims:
            raise TraceError(f"{name} holds several runs; give it alone")
        parts.setdefault(dataset.attrs.get("tool", ""), []).append((name, dataset))
    return _combined(Path(), parts, [], ordered=True)


def read_folders(folder: Path, open_one: Callable[[Path], xr.Dataset]) -> xr.Dataset:
    """A folder of folders, each the folder of one run.

    Parameters
    ----------
    folder
        A folder with one sub-folder per run.
    open_one
        Opens one of them.

    Returns
    -------
    xr.Dataset
        The runs along `run`.

    Raises
    ------
    TraceError
        If none of them can be read.
    """
    places = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if len(places) > FILE_LIMIT:
        raise TraceError(f"{folder}: {len(places)} folders are more than {FILE_LIMIT}; open them in parts")
    runs, notes, failure = _open_each(places, open_one)
    if not runs:
        raise failure or TraceError(f"{folder}: the folder is empty; give a file, or the folder of one run")
    together = combine([run for _, run in runs], [name for name, _ in runs])
    said = as_json([Finding("file", "warning", note) for note in notes])
    return together.assign_attrs(warnings="\n".join(notes), findings=said)


def _open_each(
    paths: list[Path], open_one: Callable[[Path], xr.Dataset]
) -> tuple[list[tuple[str, xr.Dataset]], list[str], TraceError | None]:
    """Name and run of each path that holds one run, notes on those left out, and the first failure."""
    runs: list[tuple[str, xr.Dataset]] = []
    notes: list[str] = []
    failure: TraceError | None = None
    for path in paths:
        try:
            run = open_one(path)
        except TraceError as error:
            failure = failure or error
            notes.append(f"left out: {error}".replace("\n", " "))
            continue
        if "run" in run.dims:
            notes.append(f"left out: {path} holds several runs")
        else:
            runs.append((path.name, run))
    return runs, notes, failure


def _open_all(folder: Path, open_file: Callable[[Path], xr.Dataset]) -> tuple[Parts, list[str]]:
    """Datasets by tool, and notes on files that are left out."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    if len(files) > FILE_LIMIT:
        raise TraceError(f"{folder}: {len(files)} files are more than {FILE_LIMIT}; use open_traces('{folder}/*')")
    opened, notes, failure = _open_each(files, open_file)
    parts: Parts = {}
    for name, dataset in opened:
        notes += [f"{name}: {line}" for line in dataset.attrs.get("warnings", "").splitlines()]
        dataset.attrs["warnings"] = ""
        parts.setdefault(dataset.attrs.get("tool", ""), []).append((name, dataset))
    if not parts:
        raise failure or TraceError(f"{folder}: the folder is empty; give a file, or the folder of one run")
    return parts, notes


def _counted(found: list[tuple[str, xr.Dataset]], notes: list[str], ordered: bool) -> xr.Dataset:
    """One tool's snapshots: the difference of before and after, by name or in their order, else side by side."""
    if len(found) == 2:
        if ordered and all("time" not in part.dims for _, part in found):
            return snapshots.difference(found[0][1], found[1][1])
        first = [part for part in found if FIRST.search(part[0])]
        last = [part for part in found if LAST.search(part[0])]
        if len(first) == len(last) == 1 and first[0] is not last[0]:
            return snapshots.difference(first[0][1], last[0][1])
        # only one of the pair may say when it was: iplink_before.json beside iplink.json
        if len(first) + len(last) == 1 and _bare(found[0][0]) == _bare(found[1][0]):
            earlier = first[0] if first else next(part for part in found if part is not last[0])
            later = next(part for part in found if part is not earlier)
            return snapshots.difference(earlier[1], later[1])
    if len(found) > 1:
        names = ", ".join(name for name, _ in found)
        notes.append(f"{names}: of different places, as no pair is named before and after; not subtracted")
        return snapshots.side_by_side([_at_place(name, part) for name, part in found])
    name, only = found[0]
    if only.sizes.get("time") == 2:
        return snapshots.difference(only, only)
    if "time" not in only.dims:
        notes.append(f"{name}: one snapshot: it counts from the start of the machine or namespace, not of the run")
    return only


def _bare(name: str) -> str:
    """A file name without the word that says when it was."""
    return re.sub(r"[^a-z0-9]+", "", LAST.sub("", FIRST.sub("", name.lower())))


def _at_place(name: str, part: xr.Dataset) -> xr.Dataset:
    """Rows labelled with what the file name says beside the tool, e.g. `client tun0` of ip_client.json."""
    stem = name.split(".")[0]
    place = re.sub(r"^(?:ip|tc|nstat|ethtool)[_-]?(?:link|qdisc)?[_-]?", "", stem) or stem
    labels = text([f"{place} {label}" for label in part["queue"].to_numpy()])
    return part.assign_coords(queue=("queue", labels, part["queue"].attrs))
