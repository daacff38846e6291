"""Compiled kernels, kept on disk under the sources they were made from: a changed source never meets old code.

numba's own cache looks at the file a function is written in. Kernels here take in functions and constants of other
files, and numba would go on using them after those have changed. Its index, too, is shared by processes that start
together, and the last one to write wins. `njit` therefore keeps every kernel in a file of its own, named after what
it was compiled for, in a folder named after all sources of the model and the compiler's version, whatever was imported
first and wherever the user's ``NUMBA_CACHE_DIR`` is.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba.core import caching, config
from numba.core.serialize import dumps
from numba.core.types.misc import unliteral
from numba.misc.appdirs import AppDirs

SOURCES = Path(__file__).parent
KEPT = 4
"""Folders of other states of the sources that are kept, newest first: changing branches compiles nothing anew."""

OLD = 86400.0
"""Seconds after its last use from which a folder beyond `KEPT` is removed: no running process still needs it."""


@cache
def digest() -> str:
    """Short sha256 over all sources of the model and the versions of compiler and Python."""
    total = hashlib.sha256(repr((numba.__version__, llvmlite.__version__, sys.version_info[:2])).encode())
    for path in sorted(SOURCES.rglob("*.py")):
        total.update(path.relative_to(SOURCES).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:16]


@cache
def folder() -> Path | None:
    """Where kernels of these sources are kept; None if no place can be written to (each process compiles its own).

    The first of these that can be written to: ``NUMBA_CACHE_DIR``, the package itself, the user's cache folder.
    """
    places = [Path(config.CACHE_DIR)] if config.CACHE_DIR else []
    for place in (*places, SOURCES / "__pycache__", Path(AppDirs("tunbp", appauthor=False).user_cache_dir)):
        mine = place / "tunbp-kernels" / digest()
        try:
            mine.mkdir(parents=True, exist_ok=True)
            os.utime(mine)
            tempfile.TemporaryFile(dir=mine).close()
        except OSError:
            continue
        _remove_old(mine)
        return mine
    return None


def _remove_old(mine: Path) -> None:
    """Remove folders of other states of the sources, but for the newest."""
    try:
        others = sorted((p for p in mine.parent.iterdir() if p != mine), key=lambda p: -p.stat().st_mtime)
        for path in others[KEPT:]:
            if time.time() - path.stat().st_mtime > OLD:
                shutil.rmtree(path, ignore_errors=True)
    except OSError:  # another process is removing the same
        return


_announced = threading.Event()


def announce() -> None:
    """Say once, on the process's own standard error, that it compiles: no output of a notebook, but of its server."""
    if not _announced.is_set() and sys.__stderr__ is not None:
        words = "Compiling kernels for this processor, once, some seconds each (all ahead: python -m tunbp.model.ready)"
        print(words, file=sys.__stderr__, flush=True)
    _announced.set()


def say_nothing() -> None:
    """Keep this process from announcing that it compiles: another one counts what is done."""
    _announced.set()


class _Files:
    """One file per kernel, named after its key, written whole or not at all: nothing is shared, nothing is locked."""

    def __init__(self, place: Path, name: str) -> None:
        self._place, self._name = place, name

    def _path(self, key: Any) -> Path:
        return self._place / f"{self._name}-{hashlib.sha256(repr(key).encode()).hexdigest()[:24]}.nbc"

    def load(self, key: Any) -> Any:
        """The compiled kernel of this key; None if there is none or its file is damaged."""
        try:
            known, data = pickle.loads(self._path(key).read_bytes())
        except (OSError, EOFError, ValueError, TypeError, pickle.UnpicklingError):
            return None
        return data if known == repr(key) else None

    def save(self, key: Any, data: Any) -> None:
        """Keep a kernel; a full or read-only disk only means that it is compiled again."""
        path = self._path(key)
        part = path.with_suffix(f".{os.getpid()}.part")
        try:
            part.write_bytes(dumps((repr(key), data)))
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)

    def flush(self) -> None:
        """Remove the kernels of this function."""
        for path in self._place.glob(f"{self._name}-*.nbc"):
            path.unlink(missing_ok=True)


class _Impl(caching.CompileResultCacheImpl):  # type: ignore[misc]
    """What numba stores of a kernel."""

    def __init__(self, function: Any) -> None:
        self._lineno = function.__code__.co_firstlineno
        self._locator = self
        self._py_file = function.__code__.co_filename


class _Cache(caching.FunctionCache):  # type: ignore[misc]
    """numba's cache of one function, in our files."""

    def __init__(self, function: Any, place: Path) -> None:
        self._name, self._py_func = repr(function), function
        self._impl = _Impl(function)
        self._cache_path = str(place)
        name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}".replace("<locals>.", "")
        self._cache_file = _Files(place, name)
        self.enable()

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        """Types, processor, and what the function closes over: numba's own key of a compiled function is random."""
        return sig, codegen.magic_tuple(), _closed_over(self._py_func)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled kernel, or None, which has it compiled."""
        found = super().load_overload(sig, target_context)
        if found is None and self._py_func.__name__ == "run":  # a kernel; what it calls is compiled with it
            announce()
        return found

    def _save_overload(self, sig: Any, data: Any) -> None:
        if self._enabled and self._impl.check_cachable(data):
            self._cache_file.save(self._index_key(sig, data.codegen), self._impl.reduce(data))


def _closed_over(function: Any) -> tuple[Any, ...]:
    """Values that a function closes over; functions by their name and what they close over themselves."""
    values = [cell.cell_contents for cell in function.__closure__ or ()]
    functions = [getattr(value, "py_func", None) for value in values]
    return tuple(
        repr(value) if inner is None else (inner.__module__, inner.__qualname__, _closed_over(inner))
        for value, inner in zip(values, functions, strict=True)
    )


def njit(**options: Any) -> Callable[[Any], Any]:
    """`numba.njit` whose compiled code is kept on disk, under the state of all of the model's sources.

    A function called by another one is compiled once for the types of its arguments, not anew for every constant that
    they are in one caller or another; only one that is inlined (``forceinline``) sees constants.

    Parameters
    ----------
    **options
        As for `numba.njit`; ``cache`` is not among them.

    Returns
    -------
    callable
        The decorator.
    """

    def decorate(function: Any) -> Any:
        dispatcher = numba.njit(**options)(function)
        if not options.get("forceinline"):
            by_constant = dispatcher.get_call_template
            dispatcher.get_call_template = lambda args, kws: by_constant([unliteral(a) for a in args], kws)
        place = folder()
        if place is not None:
            dispatcher._cache = _Cache(function, place)
        return dispatcher

    return decorate
