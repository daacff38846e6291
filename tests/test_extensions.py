"""The extensions of the how-to pages are real: each diff applies to this tree, and what it adds works."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
DIFFS = ROOT / "docs" / "howto" / "diffs"
PLACES = {"driver": 1, "congestion": 1, "qdisc": 1, "format": 2, "experiment": 2, "notebook": 5}
"""Files that each extension touches: what a newcomer pays."""


def copied(folder: Path, *names: str) -> Path:
    """A copy of the library with these diffs applied."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "tunbp", "notebooks", "params", "pyproject.toml"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("no git repository: which files belong to the library is not known")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    (folder / "data").symlink_to(ROOT / "data")
    for name in names:
        patch = ["git", "apply", "-C1", "--recount", str(DIFFS / f"{name}.diff")]
        done = subprocess.run(
            patch, cwd=folder, env={**os.environ, "GIT_DIR": os.devnull}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def extended(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A copy of the library with one diff applied."""
    return copied(tmp_path, request.param)


def python(extended: Path, *arguments: str, allowed: tuple[int, ...] = (0,)) -> str:
    """What Python prints, with the extended library."""
    mine = {"PYTHONPATH": str(extended), "XDG_STATE_HOME": str(extended / "state")}
    environment = {**os.environ, **mine, "NUMBA_OPT": "1"}  # the same bits, compiled in four fifths of the time
    done = subprocess.run([sys.executable, *arguments], cwd=extended, env=environment, capture_output=True, text=True)
    assert done.returncode in allowed, done.stdout + done.stderr
    return done.stdout


MODEL = """
import json
from tunbp import Scenario, simulate
from tunbp.model.drivers import driver, wake_threshold
from tunbp.model.laws import loss_window
from tunbp.model.limits import bounds

said = {}
one = Scenario(driver="7.9", ring=1000, wake_cost=1e-3, rtt=0.001)
full = float(bounds(one).wake_cycle_bound) / 8 / one.mss
refilling = 1 - one.drain_rate / one.burst_rate
said["driver"] = wake_threshold(driver("7.9").wake, 1000), 1 / full - 1 / one.drain_rate, refilling

one = Scenario(congestion="scalable", driver="backpressure", qdisc="pfifo", qdisc_limit=200, ring=100, drain_rate=10e3,
               rtt=0.05, receive_window=30e6, origin="forwarded", duration=60.0, warmup=20.0)
rounds = {}
for engine in ("fluid", "packets"):
    result = simulate(one, engine=engine)
    rounds[engine] = float(40.0 / result.mean_rtt / result.loss_events)
said["congestion"] = rounds, float(loss_window(1e-3, 0.05, "scalable"))

one = Scenario(qdisc="fifo20", driver="backpressure", ring=10, drain_rate=10e3, rtt=0.02, origin="forwarded",
               source="open", offered_rate=20e3, duration=5.0, warmup=1.0)
said["qdisc"] = {engine: float(simulate(one, engine=engine).qdisc_sojourn) for engine in ("fluid", "packets")}
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the library says with everything that changes the model: kernels are compiled anew, in one process."""
    model = copied(tmp_path_factory.mktemp("model"), "driver", "congestion", "qdisc")
    answers: dict[str, Any] = json.loads(python(model, "-c", MODEL))
    return answers


@pytest.mark.parametrize("name", PLACES)
def test_an_extension_has_the_size_that_is_promised_and_is_shown_on_its_page(name: str) -> None:
    touched = re.findall(r"^\+\+\+ b/(.*)$", (DIFFS / f"{name}.diff").read_text(), re.MULTILINE)
    assert len([path for path in touched if not path.endswith("__init__.py")]) <= PLACES[name]
    assert f"diffs/{name}.diff" in (ROOT / "docs" / "howto" / f"{name}.md").read_text()


def test_a_kernel_version_is_one_row_that_both_engines_read(said: dict[str, Any]) -> None:
    k, added, refilling = said["driver"]
    assert k == 750
    assert added == pytest.approx(1e-3 * refilling / 750, rel=1e-6)


def test_a_congestion_control_is_one_file_that_both_engines_and_the_bounds_read(said: dict[str, Any]) -> None:
    rounds, window = said["congestion"]
    assert window == pytest.approx(80.0)
    # 7/8 of the window grows by a hundredth per round trip, after one or two of recovery: it lasts until what was lost,
    # up to a round trip after the first loss, has arrived; one loss more or less is 2.5 %
    growing = math.log(8 / 7) / math.log(1.01)
    assert set(rounds) == {"fluid", "packets"}
    for engine, value in rounds.items():
        assert 0.97 * (1 + growing) < value < 1.03 * (2 + growing), engine


def test_a_qdisc_is_one_row_that_both_engines_hold_to(said: dict[str, Any]) -> None:
    assert set(said["qdisc"]) == {"fluid", "packets"}
    for engine, waited in said["qdisc"].items():
        assert waited == pytest.approx(20 / 10e3, rel=0.1), engine  # full all the time


@pytest.mark.parametrize("extended", ["format"], indirect=True)
def test_a_trace_format_is_read_like_all_others(extended: Path) -> None:
    (extended / "a.log").write_text("# bitrate_log 1\n0 1000000\n1 2000000\n")
    told = python(extended, "-c", "from tunbp.cli import main; main()", "trace", "a.log")
    assert "bitrate_log" in told
    code = "from tunbp import open_trace; print(open_trace('a.log').throughput.sum('time').max().item())"
    assert float(python(extended, "-c", code)) == 24e6


@pytest.mark.parametrize("extended", ["experiment"], indirect=True)
def test_an_experiment_is_checked_planned_and_its_row_found(extended: Path) -> None:
    check = ("-c", "from tunbp.cli import main; main()", "lab", "check")
    assert "loopback" in python(extended, *check, allowed=(0, 1))  # 1 where this machine can run no plan
    code = """
from pathlib import Path
from tunbp.lab import plans
from tunbp.lab.experiments import EXPERIMENTS
plan, cells = plans.load(plans.find("loopback"))
measured = EXPERIMENTS[plan.experiment].measure({"ring": 100}, False, Path("."))
print([cell.label for cell in cells], 0 < measured["queue_latency"] < 1)
"""
    assert python(extended, "-c", code).strip() == "['ring10', 'ring100', 'ring1000'] True"


@pytest.mark.parametrize("extended", ["notebook"], indirect=True)
def test_a_notebook_runs_by_papermill_and_saves_its_figure(extended: Path) -> None:
    run = ["-m", "papermill", "--no-progress-bar", "notebooks/10_burst_law.ipynb", "out.ipynb"]
    python(extended, *run, "-f", "params/burst_law.yaml", "-p", "out_dir", str(extended / "results"))
    record = json.loads((extended / "results" / "figures" / "burst_law.json").read_text())
    assert record["run"] == "10_burst_law"
    assert (extended / "results" / "figures" / "burst_law.pdf").stat().st_size > 1000
