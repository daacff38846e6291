"""Compiled kernels, kept on disk under the sources they were made from: a changed source never meets old code.

A kernel is one compiled function, machine code in a file of its own. numba makes it, where there is no such file yet;
running it needs no numba, which takes a third of a second to import and as long again to load kernels from its own
cache. Files are named after what was compiled and for which processor, in a folder named after all sources of the model
and the compiler's version: whatever was imported first and wherever the user's ``NUMBA_CACHE_DIR`` is, code and sources
agree. Files are written whole or not at all, so processes that start together share nothing that could be half done.

A wheel may carry kernels for the levels of x86-64 processors (`LEVELS`): the same bits, found under the same digest of
the sources, by whatever version of Python and numba.
"""

from __future__ import annotations

import ctypes
import gc
import hashlib
import importlib
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numpy as np

SOURCES = Path(__file__).parent
KEPT = 4
"""Folders of other states of the sources that are kept, newest first: changing branches compiles nothing anew."""

OLD = 86400.0
"""Seconds after its last use from which a folder beyond `KEPT` is removed: no running process still needs it."""

OPTIONS = {"error_model": "numpy", "_nrt": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""numba's options of all compiled functions: nothing is allocated, no reference counted, none is called from Python."""

ENDED = (0, -2)
"""What numba's compiled functions return at their end: something, or None."""


LEVELS = {
    "x86-64-v4": ("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"),
    "x86-64-v3": ("avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe"),
    "x86-64-v2": ("cx16", "popcnt", "sse4.2", "ssse3"),
}
"""Kinds of processor that a wheel may carry kernels for, best first, and what tells them (x86-64 psABI)."""


@cache
def sources() -> str:
    """Short sha256 over all sources of the model."""
    total = hashlib.sha256()
    for path in sorted(SOURCES.rglob("*.py")):
        total.update(path.relative_to(SOURCES).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:16]


@cache
def digest() -> str:
    """Short sha256 over all sources of the model and the version of the compiler."""
    return hashlib.sha256(repr((sources(), version("numba"), version("llvmlite"))).encode()).hexdigest()[:16]


@cache
def folder() -> Path | None:
    """Where kernels of these sources are kept; None if no place can be written to (each process compiles its own).

    The first of these that can be written to: ``NUMBA_CACHE_DIR``, the package itself, the user's cache folder.
    """
    named = os.environ.get("NUMBA_CACHE_DIR")
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # stays "~" where nobody has a home
    users = [] if cache.startswith("~") else [Path(cache) / "tunbp"]
    for place in (*([Path(named)] if named else []), SOURCES / "__pycache__", *users):
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
        ahead = "some seconds a part (all ahead: python -m tunbp.model.ready)"
        words = f"Compiling the simulation for this processor, once, {ahead}"
        print(words, file=sys.__stderr__, flush=True)
    _announced.set()


def say_nothing() -> None:
    """Keep this process from announcing that it compiles: another one counts what is done."""
    _announced.set()


def njit(**options: Any) -> Callable[[Any], Any]:
    """`numba.njit` for what a kernel calls.

    A function called by another one is compiled
    once for the types of its arguments, not anew for every constant that they are in one caller or another; only one
    that is inlined (``forceinline``) sees constants.

    Parameters
    ----------
    **options
        As for `numba.njit`; ``cache`` is not among them.

    Returns
    -------
    callable
        The decorator.
    """
    import numba
    from numba.core.types.misc import unliteral

    def decorate(function: Any) -> Any:
        dispatcher = numba.njit(**{**OPTIONS, **options})(function)
        if not options.get("forceinline"):
            by_constant = dispatcher.get_call_template
            dispatcher.get_call_template = lambda args, kws: by_constant([unliteral(a) for a in args], kws)
        return dispatcher

    return decorate


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without Python's collection of cyclic garbage, which takes a fifth of the time in which numba compiles."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


_ONE_AT_A_TIME = threading.Lock()
"""numba learns of types while it compiles: threads that begin at once find it half ready."""


class Kernel:
    """A compiled function of whole numbers, floats, C-contiguous arrays and tuples of them; it returns nothing.

    Parameters
    ----------
    name
        Name of the file, different for each function.
    define
        ``module:function`` that returns the function, decorated by `njit`; imported and called only where it has to be
        compiled.
    *arguments
        What it is called with.
    """

    def __init__(self, name: str, define: str, *arguments: Any) -> None:
        self._name, self._define, self._arguments = name, define, arguments
        self._loaded: dict[str, Any] = {}
        self._lock = threading.Lock()

    def __call__(self, *arguments: Any) -> None:
        """Run it, without the interpreter's lock."""
        taken = list(_flat(arguments))
        types = repr([_type(value) for value in taken])
        if types not in self._loaded:
            with self._lock:
                if types not in self._loaded:
                    self._loaded[types] = self._get(types, arguments, taken)
        nothing = (ctypes.c_void_p * 2)()
        at = ctypes.addressof(nothing)
        status = self._loaded[types](at, at + 8, *(part for value in taken for part in _words(value)))
        if status not in ENDED:
            raise RuntimeError(f"kernel {self._name} ended with status {status}")

    def _get(self, types: str, arguments: tuple[Any, ...], taken: list[Any]) -> Any:
        """The function as it is called, from its file or from the compiler."""
        place, name = folder(), self._file(types)
        mine = [] if place is None else [place / processor()]
        for path in (*mine, *came_along()):
            try:
                return _load((path / name).read_bytes(), taken)
            except (OSError, ValueError, RuntimeError):  # not there, or damaged
                continue
        announce()
        code = self._compile(arguments)
        for path in mine:
            _keep(path / name, code)
        return _load(code, taken)

    def prepare(self, *arguments: Any, place: Path) -> None:
        """Compile it for arguments of these types and keep it in a folder, without running it.

        Parameters
        ----------
        *arguments
            Values of the types that it will be called with; they are not changed.
        place
            Folder to keep it in.
        """
        path = place / self._file(repr([_type(value) for value in _flat(arguments)]))
        if not path.exists():
            _keep(path, self._compile(arguments))

    def _file(self, types: str) -> str:
        return f"{self._name}-{hashlib.sha256(types.encode()).hexdigest()[:16]}.o"

    def _compile(self, arguments: tuple[Any, ...]) -> bytes:
        module, _, function = self._define.partition(":")
        with _ONE_AT_A_TIME, _no_collection():
            define = getattr(importlib.import_module(module), function)
            return _compile(define(*self._arguments), arguments)


@cache
def processor() -> str:
    """Name of the processor that code is made for, as numba takes it, and a digest of its features."""
    name = os.environ.get("NUMBA_CPU_NAME") or llvm.get_host_cpu_name()
    features = os.environ.get("NUMBA_CPU_FEATURES", llvm.get_host_cpu_features().flatten())
    return f"{name}-{hashlib.sha256(features.encode()).hexdigest()[:8]}"


@cache
def came_along() -> tuple[Path, ...]:
    """Folders of kernels that came with the package, for levels that this processor has, best first."""
    if "NUMBA_CPU_NAME" in os.environ:  # somebody asks for one processor's code
        return ()
    features = llvm.get_host_cpu_features()
    levels = [name for name, needed in LEVELS.items() if all(features.get(one) for one in needed)]
    folders = [SOURCES / "kernels" / sources() / level for level in levels]
    return tuple(path for path in folders if path.is_dir())


def _compile(dispatcher: Any, arguments: tuple[Any, ...]) -> bytes:
    """Machine code for the types of these arguments: the function's name, its digest and an object file."""
    import numba

    compiled = dispatcher._compiler.compile(tuple(map(numba.typeof, arguments)), None)
    code = bytes(compiled.library._get_compiled_object())
    return f"{compiled.fndesc.llvm_func_name}\n{hashlib.sha256(code).hexdigest()}\n".encode() + code


def _keep(path: Path, code: bytes) -> None:
    """Write a file; a full or read-only disk only means that it is compiled again."""
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(code)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)


@cache
def _target() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple()


_ENGINES: list[Any] = []
"""What holds the memory of loaded code, as long as the process lives."""


def _load(code: bytes, taken: list[Any]) -> Any:
    """The function in the object file; ValueError if it is not whole."""
    name, sha256, objects = code.split(b"\n", 2)
    if hashlib.sha256(objects).hexdigest().encode() != sha256:
        raise ValueError("the file is not whole")
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target().create_target_machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(objects))
    engine.finalize_object()
    _ENGINES.append(engine)
    types = [part for value in taken for part in _word_types(value)]
    prototype = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *types)
    return prototype(engine.get_function_address(name.decode()))


def _flat(arguments: tuple[Any, ...]) -> Iterator[Any]:
    for value in arguments:
        if isinstance(value, tuple):
            yield from _flat(value)
        else:
            yield value


def _type(value: Any) -> Any:
    """What tells two types of arguments apart."""
    if isinstance(value, np.ndarray):
        if not value.flags.c_contiguous:
            raise TypeError("a kernel takes C-contiguous arrays")
        return _printed(value.dtype), value.ndim
    return "float" if isinstance(value, float) else "int"


@cache
def _printed(dtype: np.dtype[Any]) -> str:
    """A type as numpy writes it, which takes it a millisecond for one of many fields."""
    return str(dtype)


def _words(value: Any) -> list[Any]:
    """A value as numba's functions take it: an array as its owner (nobody), size, place, shape and strides."""
    if isinstance(value, np.ndarray):
        return [None, None, value.size, value.itemsize, value.ctypes.data, *value.shape, *value.strides]
    return [value]


def _word_types(value: Any) -> list[Any]:
    if isinstance(value, np.ndarray):
        pointer, number = ctypes.c_void_p, ctypes.c_int64
        return [pointer, pointer, number, number, pointer, *2 * value.ndim * [number]]
    return [ctypes.c_double if isinstance(value, float) else ctypes.c_int64]
