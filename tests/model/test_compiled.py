"""Compiled kernels follow every source they are made of, whatever was imported first and whoever shares the folder."""

import os
import platform
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import tunbp
from tunbp.model import compiled

PACKAGE = Path(tunbp.__file__).parent
SCENARIO = "Scenario(duration=30.0, ring=1000, receive_window=4e7)"
SHORT = f"from tunbp import Scenario, simulate; print(float(simulate({SCENARIO}).received_rate))"
TOY = """
import sys
import numpy as np
from tunbp.model.compiled import Kernel, njit

def define(number):
    @njit()
    def run(x, to):
        to[0] = x + number
    return run

def adds(number):
    return Kernel(f"adds-{number}", "__main__:define", number)

found = np.zeros(4)
for i in range(4):
    adds((start + i) % 4)(0.5, found[(start + i) % 4:])
print(found.tolist(), file=sys.stdout)
"""


CONSTANT = """
import numpy as np
from tunbp.model.compiled import Kernel, njit
from tunbp.model.congestion.cubic import C

def define():
    @njit()
    def run(to):
        to[0] = C
    return run

found = np.zeros(1)
Kernel("constant", "__main__:define")(found)
print(found[0])
"""
"""A small kernel with a constant of the model, and an engine's in `make soak`: what is compiled is found alike."""

soak = pytest.mark.skipif("TUNBP_SOAK" not in os.environ, reason="with an engine's kernel: make soak")


def python(code: str, copy: Path, **extra: str) -> subprocess.Popen[str]:
    """A new process that finds the package in `copy`."""
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
    environment |= {"PYTHONPATH": str(copy), **extra}
    return subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True, cwd=copy)


def answer(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate(timeout=240)
    assert process.returncode == 0
    return out.strip()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package, alone in a folder, with nothing compiled."""
    shutil.copytree(PACKAGE, tmp_path / "tunbp", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.mark.parametrize("code", [pytest.param(CONSTANT, id="small"), pytest.param(SHORT, marks=soak, id="soak")])
def test_a_changed_constant_changes_the_result_whatever_was_imported_first(copy, code):
    shared = {"NUMBA_CACHE_DIR": str(copy / "named")}
    before = answer(python("import numba;" + code, copy, **shared))
    assert answer(python(code, copy, **shared)) == before
    (source,) = [p for p in (copy / "tunbp/model").rglob("*.py") if "\nC = 0.4" in p.read_text()]
    source.write_text(source.read_text().replace("\nC = 0.4", "\nC = 0.04"))
    slower = answer(python("import numba;" + code, copy, **shared))
    assert float(slower) < 0.99 * float(before)


@pytest.mark.parametrize("extra", [{}, {"NUMBA_CACHE_DIR": "named"}], ids=["own folder", "the user's folder"])
def test_a_change_of_any_source_moves_the_folder_and_a_moved_package_keeps_its_kernels(copy, extra):
    where = "from tunbp.model import compiled; print(compiled.folder())"
    extra = {key: str(copy / value) for key, value in extra.items()}
    before = answer(python("import numba;" + where, copy, **extra))
    assert before.startswith(str(copy))
    assert answer(python(where, copy, **extra)) == before
    (copy / "elsewhere").mkdir()
    shutil.copytree(copy / "tunbp", copy / "elsewhere/tunbp")
    assert Path(answer(python(where, copy / "elsewhere", **extra))).name == Path(before).name
    with (copy / "tunbp/model/drivers.py").open("a") as source:
        source.write("# changed\n")
    assert answer(python(where, copy, **extra)) != before


def test_processes_that_start_cold_at_once_agree(copy):
    started = [python(f"start = {i}\n{TOY}", copy) for i in range(4)]
    assert {answer(process) for process in started} == {"[0.5, 1.5, 2.5, 3.5]"}
    (folder,) = (copy / "tunbp/model/__pycache__/tunbp-kernels").iterdir()
    assert len(list(folder.glob("*/adds-*.o"))) == 4
    assert not list(folder.glob("*/*.part"))


def test_a_process_that_compiles_says_so_once_and_one_that_does_not_says_nothing(copy):
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    command = [sys.executable, "-c", f"start = 0\n{TOY}"]
    said = [
        subprocess.run(command, env=environment, capture_output=True, text=True, cwd=copy, check=True).stderr
        for _ in range(2)
    ]
    assert said[0].startswith("Compiling the simulation for this processor")
    assert said[0].count("\n") == 1
    assert said[1] == ""


def test_a_damaged_file_is_compiled_anew(copy):
    code = f"start = 0\n{TOY}"
    right = answer(python(code, copy))
    (folder,) = (copy / "tunbp/model/__pycache__/tunbp-kernels").iterdir()
    for path in folder.glob("*/*.o"):
        path.write_bytes(path.read_bytes()[:100])
    assert answer(python(code, copy)) == right


def test_threads_that_begin_at_once_compile_one_kernel_after_the_other_and_get_each_its_own(monkeypatch, tmp_path):
    compiling, together, before = [], [], sys.getswitchinterval()
    inside = compiled._compile

    def watched(dispatcher, arguments):
        compiling.append(threading.get_ident())
        together.append(len(compiling))
        try:
            return inside(dispatcher, arguments)
        finally:
            compiling.pop()

    monkeypatch.setattr(compiled, "folder", lambda: tmp_path)
    monkeypatch.setattr(compiled, "_compile", watched)
    sys.setswitchinterval(1e-5)  # threads take turns in the middle of everything
    kernels, found = [compiled.Kernel(f"adds-{n}", f"{__name__}:adds", n) for n in (1, 2, 3, 4)], np.zeros((4, 2))
    begin = threading.Barrier(8)

    def work(number):
        begin.wait()
        kernels[number % 4](found[number % 4, number // 4 :][:1])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert together == [1, 1, 1, 1]
    assert found.tolist() == [[n, n] for n in (1, 2, 3, 4)]
    assert len(list(tmp_path.rglob("adds-*.o"))) == 4


def test_without_a_place_to_write_each_process_compiles_its_own(monkeypatch):
    compiled.folder.cache_clear()
    monkeypatch.setattr(compiled.tempfile, "TemporaryFile", _refuse)
    try:
        assert compiled.folder() is None
        doubled = np.ones(3)
        compiled.Kernel("doubles", f"{__name__}:doubles")(doubled)
        assert doubled.tolist() == [2.0, 2.0, 2.0]
    finally:
        compiled.folder.cache_clear()


def _refuse(**_):
    raise PermissionError


def doubles():
    @compiled.njit()
    def run(values):
        for i in range(values.size):
            values[i] *= 2.0

    return run


def test_running_what_is_compiled_needs_no_compiler(copy):
    code = f"start = 0\n{TOY}"
    answer(python(code, copy))
    assert answer(python(f"{code}print('numba' in sys.modules)", copy)).endswith("False")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="a wheel carries kernels for x86-64")
def test_a_package_that_carries_kernels_compiles_nothing(copy):
    """Machine code for the oldest level, as a wheel carries it, is what a newer processor runs."""
    level = {"NUMBA_CPU_NAME": "x86-64-v2", "NUMBA_CPU_FEATURES": ""}
    found = answer(python(CONSTANT, copy, **level))
    (made,) = (copy / "tunbp/model/__pycache__/tunbp-kernels").glob("*/*/constant*.o")
    carried = copy / "tunbp/model/kernels" / compiled.sources() / "x86-64-v2"
    carried.mkdir(parents=True)
    made.rename(carried / made.name)
    there = answer(python(f"{CONSTANT}\nimport sys; print('numba' in sys.modules)", copy))
    assert there.split() == [found, "False"]


def test_a_kernel_refuses_an_array_whose_rows_are_apart():
    with pytest.raises(TypeError, match="C-contiguous"):
        compiled.Kernel("doubles", f"{__name__}:doubles")(np.ones((4, 4))[:, 0])


def test_folders_of_old_sources_are_removed_but_for_the_newest(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    for i in range(compiled.KEPT + 3):
        (tmp_path / str(i)).mkdir()
        age = (i + 1) * compiled.OLD
        os.utime(tmp_path / str(i), (os.stat(mine).st_mtime - age,) * 2)
    compiled._remove_old(mine)
    assert sorted(p.name for p in tmp_path.iterdir()) == [*map(str, range(compiled.KEPT)), "mine"]


BITS = """
import hashlib, numpy as np, xarray as xr
from tunbp import Scenario, simulate
ring = xr.DataArray(np.geomspace(*RINGS, 16).astype(int), dims="ring")
made = simulate(Scenario(ring=ring, duration=5.0, rtt=0.05, dt=5e-4, stall_rate=5.0, stall_mean=0.002, path_rate=4e4,
                         ack_cost=1e-6))
print(hashlib.sha256(b"".join(made[name].values.tobytes() for name in sorted(made.data_vars))).hexdigest())
"""


@pytest.mark.parametrize(
    "rings", [pytest.param((20, 500), id="small rings"), pytest.param((1000, 2000), marks=soak, id="soak")]
)
def test_a_processor_without_vectors_gives_the_bits_of_this_one(copy, rings):
    """A kernel compiled for the oldest processor of this kind, where LLVM has no AVX and no fused multiply-add."""
    ready = compiled.folder() / compiled.processor()
    if (ready / "ready").exists():  # the same sources: what is compiled for this processor is compiled already
        kept = copy / "tunbp/model/__pycache__/tunbp-kernels" / compiled.digest()
        shutil.copytree(ready, kept / ready.name)
    plain = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    code = f"RINGS = {rings}{BITS}"  # small rings feel blocks, large ones do not
    both = [python(code, copy), python(code, copy, **plain)]
    ours, generic = map(answer, both)
    assert generic == ours
    (folder,) = (copy / "tunbp/model/__pycache__/tunbp-kernels").iterdir()
    assert len(list(folder.iterdir())) == 2
    assert len(list(folder.glob("generic-*/fluid-*.o"))) == 1


def test_a_user_without_a_home_has_kernels_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as for a number that is nobody's
    assert compiled.folder.__wrapped__() is not None
    monkeypatch.setattr(compiled, "SOURCES", Path("/proc/nowhere"))
    compiled.sources.cache_clear()
    compiled.digest.cache_clear()
    assert compiled.folder.__wrapped__() is None
    compiled.sources.cache_clear()
    compiled.digest.cache_clear()


def adds(number):
    """A function that adds a number of its own."""

    @compiled.njit()
    def run(to):
        for place in range(to.shape[0]):
            to[place] += number

    return run
