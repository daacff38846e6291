"""The wheel, with its core dependencies alone, in an environment and a folder outside the clone.

The dependencies come from the environment that runs the tests (hard links of their files): the closure that the
wheel's own metadata asks for, in the versions of the lock, without a network.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tunbp.extras import extra_of, hint
from tunbp.model import compiled

ROOT = Path(__file__).parent.parent
RUN = ROOT / "tests" / "traces" / "fixtures" / "iperf3_reverse.json"
PLAN = """\
experiment: ring
repeat: 1
cells:
  - {mode: steady, ring: 25, qdisc: pfifo_fast, reader_rate: 2000, offered_rate: 6000, duration: 1}
"""
SWEEP = """\
design: grid
parameters:
  ring: [25, 100, 500, 1000]
  driver: [stock, "7.3"]
  rtt: 0.05
  duration: 2
"""
KERNEL = "build/kernels/digest/x86-64-v2/fluid.o"
MOST_PACKAGES, MOST_BYTES = 35, 480e6


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of what git knows of this tree, so that nothing left over in it gets in."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("no git repository: which files belong to the wheel is not known")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    (source / KERNEL).parent.mkdir(parents=True)
    (source / KERNEL).write_text("what `make wheel` compiles")
    pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(target), str(source))
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel and its core dependencies."""
    environment = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    for name in core_of(wheel):
        link(metadata.distribution(name), site_packages(environment))
    python = str(environment / "bin" / "python")
    pip("--python", python, "install", "--no-deps", "--no-index", "--no-compile", str(wheel))
    return environment


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder to work in."""
    return tmp_path_factory.mktemp("empty")


def alone() -> dict[str, str]:
    """The environment without what names modules or data of another place; kernels of the same sources are shared."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "TUNBP"))}
    kernels = compiled.folder()
    return kept if kernels is None else {**kept, "NUMBA_CACHE_DIR": str(kernels.parents[1])}


def pip(*arguments: str) -> None:
    """Run the pip of this environment, or fail with what it says."""
    command = [sys.executable, "-m", "pip", "-q", *arguments]
    done = subprocess.run(command, env=alone(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def site_packages(environment: Path) -> Path:
    """Folder of the modules of an environment."""
    return environment / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"


def core_of(wheel: Path) -> set[str]:
    """Every package that the wheel needs without any extra, directly or not."""
    with ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        lines = archive.read(name).decode().splitlines()
    todo = [Requirement(line.removeprefix("Requires-Dist: ")) for line in lines if line.startswith("Requires-Dist: ")]
    found: set[str] = set()
    while todo:
        each = todo.pop()
        if (each.marker is None or each.marker.evaluate({"extra": ""})) and canonicalize_name(each.name) not in found:
            found.add(canonicalize_name(each.name))
            todo += map(Requirement, metadata.requires(each.name) or [])
    return found


def link(package: metadata.Distribution, target: Path) -> None:
    """Put the files of an installed package into another folder of modules; scripts and byte-code stay behind."""
    for file in package.files or []:
        if PurePosixPath(file).parts[0] != ".." and file.suffix != ".pyc":
            place = target / file
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(package.locate_file(file), place)  # type: ignore[arg-type]
            except OSError:  # another file system
                shutil.copy(package.locate_file(file), place)  # type: ignore[arg-type]


def tunbp(installed: Path, folder: Path, *arguments: str, status: int = 0) -> str:
    """What a command prints, run in a folder outside the clone with nothing of this environment."""
    command = [installed / "bin" / "tunbp", *arguments]
    done = subprocess.run(command, cwd=folder, env=alone(), capture_output=True, text=True)
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_wheel_carries_data_and_everything_the_library_reads(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tracked = subprocess.check_output(["git", "ls-files", "tunbp", "data"], cwd=ROOT, text=True).splitlines()
    expected = {f"tunbp/{name}" if name.startswith("data/") else name for name in tracked if (ROOT / name).is_file()}
    expected.add(KERNEL.replace("build", "tunbp/model", 1))
    assert expected - names == set()
    assert {name for name in names if ".dist-info/" not in name} - expected == set()


def test_the_core_is_small(wheel: Path, installed: Path) -> None:
    assert len(core_of(wheel)) + 1 <= MOST_PACKAGES
    files = [path for path in site_packages(installed).rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert sum(path.stat().st_size for path in files) <= MOST_BYTES


def test_a_path_is_predicted(installed: Path, folder: Path) -> None:
    path = ["--rtt", "120ms", "--drain", "60k/s", "--ring", "100", "--rings", "1000"]
    assert "IFF_BACKPRESSURE" in tunbp(installed, folder, "predict", *path, "--duration", "2s")


def test_a_trace_is_read_and_converted(installed: Path, folder: Path) -> None:
    assert "iperf3" in tunbp(installed, folder, "trace", str(RUN))
    tunbp(installed, folder, "convert", str(RUN), "run.nc")
    assert "iperf3" in tunbp(installed, folder, "trace", "run.nc")


def test_claims_are_checked_against_the_data_that_came_along(installed: Path, folder: Path) -> None:
    assert "contradicted" in tunbp(installed, folder, "check", "--claims")
    assert "claims.yaml" in tunbp(installed, folder, "data", "verify")


def test_a_sweep_is_planned(installed: Path, folder: Path) -> None:
    (folder / "plan.yaml").write_text(SWEEP)
    assert "scenarios  8" in tunbp(installed, folder, "sweep", "plan.yaml", "--plan")


def checked(installed: Path, folder: Path) -> str:
    """What `lab check` prints; it fails where this machine can run nothing, as in a container without namespaces."""
    done = subprocess.run([installed / "bin" / "tunbp", "lab", "check"], cwd=folder, env=alone(), capture_output=True,
                          text=True)  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def test_the_laboratory_says_what_it_can_and_knows_its_plans(installed: Path, folder: Path) -> None:
    assert " of 19" in checked(installed, folder)
    assert "ring" in tunbp(installed, folder, "lab", "run", "no_such_plan", status=1)


@pytest.mark.netns
def test_the_laboratory_measures_a_ring(installed: Path, folder: Path) -> None:
    if not re.search(r"\n ring +[1-9]\d* of", checked(installed, folder)):
        pytest.skip("no namespaces, /dev/net/tun or iproute2 here: tunbp lab check says what is missing")
    (folder / "lab.yaml").write_text(PLAN)
    assert "steady" in tunbp(installed, folder, "lab", "run", "lab.yaml", "--variants", "stock", "--out", "lab")


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (["predict", "--rtt", "120ms", "--rings", "10", "--duration", "1s", "--plot", "path.pdf"], "report"),
        (["sweep", "plan.yaml", "--out", "sweep.zarr"], "sweep"),
        (["convert", str(RUN), "run.zarr"], "sweep"),
        (["data", "fetch", "nodrop"], "fetch"),
    ],
)
def test_a_command_that_needs_an_extra_names_it(
    installed: Path, folder: Path, arguments: list[str], extra: str
) -> None:
    (folder / "plan.yaml").write_text(SWEEP)
    before = set(folder.iterdir())
    said = tunbp(installed, folder, *arguments, status=1)
    assert f"pip install 'tunbp[{extra}]'" in said
    assert set(folder.iterdir()) == before


def test_reproduce_says_where_the_notebooks_are(installed: Path, folder: Path) -> None:
    assert "a clone" in tunbp(installed, folder, "reproduce", status=1)


def test_extras_are_found_by_the_module_they_bring() -> None:
    assert extra_of("matplotlib") == "report"
    assert extra_of("SALib") == "infer"
    assert extra_of("numpy") is None
    assert hint("papermill.engines") == "needs papermill, which is not installed: pip install 'tunbp[notebooks]'"
