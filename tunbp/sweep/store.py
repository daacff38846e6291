"""The Zarr store of a sweep: made whole, filled chunk by chunk, continued only by the same sweep."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import xarray as xr

from tunbp import __version__
from tunbp.atomic import scratch
from tunbp.errors import SweepError
from tunbp.model.lazy import result_of
from tunbp.sweep.plan import Plan

Array = npt.NDArray[Any]
Index: TypeAlias = tuple[int, ...]

ATTRIBUTE = "tunbp_sweep"
"""Attribute of the store that says what it was made from."""

COORDINATES = 1 << 20
"""Coordinates written at once."""


@cache
def library() -> dict[str, str]:
    """Versions of everything that decides the bits of a result."""
    import numba
    import scipy

    import tunbp.model
    from tunbp.run.state import hash_folder

    model = hash_folder(Path(tunbp.model.__path__[0]))
    versions = {"tunbp": __version__, "tunbp.model": model[:16], "numba": numba.__version__}
    return versions | {"numpy": np.__version__, "scipy": scipy.__version__}


def fingerprint(plan: Plan) -> dict[str, Any]:
    """What the results of a plan depend on, as plain data.

    Parameters
    ----------
    plan
        The plan.

    Returns
    -------
    dict[str, Any]
        `plan`, `chunks` and `library`, as JSON has them.
    """
    made_from = {"plan": plan.record, "chunks": list(plan.chunk_shape), "library": library()}
    plain: dict[str, Any] = json.loads(json.dumps(made_from, default=_plain))
    return plain


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)


@dataclass(frozen=True)
class Store:
    """A store that is open for writing by this process alone.

    Parameters
    ----------
    path
        Its folder.
    arrays
        Result name to Zarr array, in the order in which a chunk is written: the last one marks it as done.
    """

    path: Path
    arrays: Mapping[str, Any]
    plan: Plan

    def done(self, threads: int = 1) -> tuple[set[Index], set[Index]]:
        """Indices of the chunks that are whole, and of those that are damaged: a file missing, a checksum wrong.

        Parameters
        ----------
        threads
            How many chunks are read at once.

        Returns
        -------
        tuple[set[Index], set[Index]]
            Chunks that are whole, and those that are damaged.
        """
        *_, last = self.arrays
        begun = [index for index in self.plan.indices() if self.file(last, index).exists()]
        with ThreadPoolExecutor(threads) as pool:
            whole = {index for index, good in zip(begun, pool.map(self.is_whole, begun), strict=True) if good}
        return whole, set(begun) - whole

    def file(self, name: str, index: Index) -> Path:
        """File of one chunk of one variable.

        Parameters
        ----------
        name
            A result.
        index
            Place of the chunk along each dim.

        Returns
        -------
        Path
            Path below the store, whether it is there or not.
        """
        series = ("0",) if "time" in self.arrays[name].metadata.dimension_names else ()
        return self.path.joinpath(name, "c", *map(str, index), *series)

    def is_whole(self, index: Index) -> bool:
        """Whether a chunk has all its files and each matches the checksum (CRC-32C) that it ends with.

        Parameters
        ----------
        index
            Place of the chunk along each dim.

        Returns
        -------
        bool
            False where one file is missing or damaged.
        """
        where = tuple(self.plan.region(index).values())
        try:
            for name, array in self.arrays.items():
                if not self.file(name, index).is_file():  # Zarr reads what is not there as NaN
                    return False
                array[where]
        except Exception:  # whatever damaged bytes make the codecs raise
            return False
        return True

    def write(self, index: Index, results: Mapping[str, Array]) -> None:
        """Write one chunk: every variable in whole files, the marking one when the others are on the disk.

        Parameters
        ----------
        index
            Place of the chunk along each dim.
        results
            Variable name to values, in the shape of the chunk.

        Raises
        ------
        SweepError
            If the disk does not take it.
        """
        where = tuple(self.plan.region(index).values())
        *others, last = self.arrays
        try:
            for name in others:
                self.arrays[name][where] = results[name]
            for name in others:
                to_disk(self.file(name, index))
            self.arrays[last][where] = results[last]
            to_disk(self.file(last, index))
        except OSError as error:
            raise SweepError(f"{self.path}: a chunk cannot be written ({error}); those there are kept") from None


def to_disk(file: Path) -> None:
    """Wait until a file and its name are on the disk, not only in the kernel's memory.

    Parameters
    ----------
    file
        A file that was written.
    """
    for path in (file, file.parent):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def repaired(path: Path, plan: Plan) -> list[str]:
    """Restore damaged coordinates and metadata of a store, which follow from the plan; names of those files.

    Parameters
    ----------
    path
        Folder of the store.
    plan
        The plan it was made from.

    Returns
    -------
    list[str]
        Names inside the store; empty where nothing was damaged.
    """
    found = []
    with scratch(path.name, path.parent) as folder:
        _write_empty(folder / "empty", plan)
        for whole in sorted((folder / "empty").rglob("*")):
            there = path / whole.relative_to(folder / "empty")
            if whole.is_file() and (not there.is_file() or there.read_bytes() != whole.read_bytes()):
                there.parent.mkdir(parents=True, exist_ok=True)
                os.replace(whole, there)
                found.append(str(there.relative_to(path)))
    return found


def verify(path: Path, plan: Plan, threads: int = 1) -> tuple[int, list[str]]:
    """Check every file of a store against its checksum and the plan; nothing is changed.

    Parameters
    ----------
    path, plan
        The store, and the plan it must have been made from.
    threads
        How many chunks are read at once.

    Returns
    -------
    whole : int
        Chunks that are whole.
    faults : list of str
        One line per chunk that is missing or damaged.

    Raises
    ------
    SweepError
        If there is no store, or it was made from something else.
    """
    path = path.absolute()
    if not path.exists():
        raise SweepError(f"{path}: no such store")
    check(path, plan)
    try:
        store = Store(path, _arrays(path, result_names(plan)), plan)
    except Exception as error:  # the metadata of an array is damaged
        raise SweepError(f"{path}: cannot be opened ({error}); run the sweep again: it repairs the store") from None
    whole, damaged = store.done(threads)
    lines = [f"chunk {'/'.join(map(str, index))}: damaged" for index in sorted(damaged)]
    missing = sorted(set(plan.indices()) - whole - damaged)
    return len(whole), lines + [f"chunk {'/'.join(map(str, index))}: missing" for index in missing]


@contextmanager
def open_store(path: Path, plan: Plan) -> Iterator[Store]:
    """Make the store of a plan, or open the one an earlier run left; nobody else writes to it meanwhile.

    Parameters
    ----------
    path
        Folder of the store.
    plan
        The plan.

    Yields
    ------
    Store
        The store, locked for this process.

    Raises
    ------
    SweepError
        If there is something else at `path`, the store was made from something else (says what differs), or
        another process writes to it.
    """
    path = path.absolute()
    _make(path, plan)
    check(path, plan)
    lock = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SweepError(f"{path}: another process is writing to this store; wait for it to end") from None
        for left_over in path.rglob("*.partial"):  # of a process killed while it wrote a chunk
            left_over.unlink()
        repaired(path, plan)
        yield Store(path, _arrays(path, result_names(plan)), plan)
    finally:
        os.close(lock)


def check(path: Path, plan: Plan) -> None:
    """See whether a store, if there is one, was made from this plan by this library.

    Parameters
    ----------
    path
        Folder of the store.
    plan
        The plan.

    Raises
    ------
    SweepError
        If there is something else at `path`, or the store was made from something else: every difference.
    """
    if not path.exists():
        return
    try:
        attributes = json.loads((path / "zarr.json").read_text(encoding="utf-8"))["attributes"]
        before = attributes[ATTRIBUTE]
    except (OSError, ValueError, KeyError, TypeError):
        raise SweepError(f"{path}: exists and is not the store of a sweep; choose another --out") from None
    if found := differences(before, fingerprint(plan)):
        lines = "\n".join(f"  {line}" for line in found)
        raise SweepError(f"{path}: made from something else; choose another --out or remove it. Store -> now:\n{lines}")


def differences(before: Any, now: Any, place: str = "") -> list[str]:
    """Every value that differs between two trees of plain data, as `place: before -> now`.

    Parameters
    ----------
    before
        Tree of dicts, lists and values.
    now
        The other one.
    place
        Name of the trees in the lines.

    Returns
    -------
    list[str]
        One line per value, empty where they are equal.
    """
    if isinstance(before, dict) and isinstance(now, dict):
        keys = [*before, *(key for key in now if key not in before)]
        inner = (differences(before.get(k), now.get(k), f"{place}.{k}" if place else k) for k in keys)
        return [line for lines in inner for line in lines]
    return [] if before == now else [f"{place}: {_words(before)} -> {_words(now)}"]


def _words(value: Any) -> str:
    return "not given" if value is None else json.dumps(value)


def result_names(plan: Plan) -> list[str]:
    """Names of a sweep's results, in the order in which they are written.

    Parameters
    ----------
    plan
        The plan.

    Returns
    -------
    list[str]
        Names of variables; the last one marks a chunk as done.
    """
    return [str(name) for name in _template(plan).data_vars]


def _template(plan: Plan) -> xr.Dataset:
    first = plan.scenario(plan.region(tuple(0 for _ in plan.axes)))
    return result_of(first, plan.engine)


def _make(path: Path, plan: Plan) -> None:
    """Make the store under another name and move it into place, so that there is no half of one."""
    if not path.parent.is_dir():
        raise SweepError(f"{path.parent}: no such folder")
    folder = os.open(path.parent, os.O_RDONLY)
    staging = path.with_name(f".{path.name}.part")
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if path.exists():
            return
        shutil.rmtree(staging, ignore_errors=True)
        _write_empty(staging, plan)
        staging.rename(path)
    except OSError as error:
        shutil.rmtree(staging, ignore_errors=True)
        raise SweepError(f"{path}: cannot be written ({error})") from error
    finally:
        os.close(folder)


def _write_empty(path: Path, plan: Plan) -> None:
    import zarr
    from zarr.codecs import Crc32cCodec, ZstdCodec

    template = _template(plan)
    # xarray's mark of variables that are coordinates
    marks = {"coordinates": " ".join(plan.coordinate_names()), ATTRIBUTE: fingerprint(plan)}
    group = zarr.create_group(path, attributes={**template.attrs, **marks})
    for name, variable in template.data_vars.items():
        series = ["time"] if "time" in variable.dims else []
        length = [template.sizes["time"]] if series else []
        group.create_array(
            str(name),
            shape=(*plan.sizes.values(), *length),
            chunks=(*plan.chunk_shape, *length),
            dtype=variable.dtype,
            fill_value=np.nan,
            compressors=(ZstdCodec(), Crc32cCodec()),  # a reader of damaged bytes gets an error, not a number
            dimension_names=(*plan.sizes, *series),
            attributes=variable.attrs,
        )
    if "time" in template.coords:
        _write_coordinate(group, "time", "time", template.time.values, template.time.attrs)
    arrays: dict[str, Any] = {}
    for axis in plan.axes:
        for start in range(0, axis.size, COORDINATES):
            part = slice(start, min(start + COORDINATES, axis.size))
            for label, values in plan.coords(axis.dim, part).items():
                if start == 0:
                    arrays[label] = _create_coordinate(group, label, axis.dim, axis.size, values)
                arrays[label][part] = values.values
    with warnings.catch_warnings():
        # one file instead of one per variable to open; Zarr calls it not yet standardised
        warnings.simplefilter("ignore")
        zarr.consolidate_metadata(path)


def _create_coordinate(group: Any, label: str, dim: str, size: int, values: xr.DataArray) -> Any:
    text = values.dtype.kind == "U"
    return group.create_array(
        label,
        shape=(size,),
        chunks=(min(size, COORDINATES),),
        dtype=str if text else values.dtype,
        dimension_names=(dim,),
        attributes=values.attrs,
    )


def _write_coordinate(group: Any, label: str, dim: str, values: Array, attrs: Mapping[str, Any]) -> None:
    group.create_array(label, data=values, chunks=values.shape, dimension_names=(dim,), attributes=dict(attrs))


def _arrays(path: Path, names: list[str]) -> dict[str, Any]:
    import zarr

    # a chunk of nothing but NaN is a result too
    with zarr.config.set({"array.write_empty_chunks": True}):
        group = zarr.open_group(path, mode="r+", use_consolidated=False)
        return {name: group[name] for name in names}
