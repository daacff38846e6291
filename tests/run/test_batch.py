"""Batch runs of small notebooks: what they leave behind, what is redone, and what a kill does."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.machinery
import io
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from rich.console import Console

from tunbp.errors import ParamsError, ReproduceError
from tunbp.run import state as runstate
from tunbp.run.batch import STAGING, Batch, _seconds, check_place, run
from tunbp.run.jobs import Job, find_notebooks, read_params, what_to_run
from tunbp.run.worker import Worker, has_died

FIGURE = """\
from pathlib import Path
for name in ("figures/{name}.pdf", "figures/{name}.png", "tables/{name}.csv"):
    path = Path(out_dir) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{{x}}")
print(out_dir)
"""
FAILS = "y = 1\nraise ValueError(f'x was {x}')"
DIES = "import os\nos._exit(9)"
# with a pipe `arrived` beside it, says its process id there and then waits for ever
WAITS = """\
import os
if os.path.exists("arrived"):
    open("arrived", "w").write(str(os.getpid()))
    open("never").read()
"""


def write_notebook(root: Path, name: str, cells: list[str], parameters: str = 'x = 1\nout_dir = "results"') -> None:
    """A notebook with a parameters cell and then `cells`."""
    notebook = nbformat.v4.new_notebook()
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    tagged = nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
    title = nbformat.v4.new_markdown_cell("# Title")
    notebook.cells = [title, tagged, *map(nbformat.v4.new_code_cell, cells)]
    nbformat.write(notebook, root / "notebooks" / f"{name}.ipynb")


def new_project(root: Path) -> Path:
    """An empty project folder."""
    for folder in ("notebooks", "data"):
        (root / folder).mkdir(parents=True)
    (root / "pyproject.toml").write_text('[project]\nname = "tunbp"\n')
    (root / "requirements.lock").write_text("numpy==1.0\n")
    (root / "data" / "table.csv").write_text("a,b\n1,2\n")
    return root


def batch_of(
    root: Path, names: tuple[str, ...] = (), params: Any = None, workers: int = 2
) -> tuple[Batch, io.StringIO]:
    """A batch of a project's notebooks, and what it prints."""
    screen = io.StringIO()
    results = root / "results"
    jobs = what_to_run(root, results, find_notebooks(root, names), params or {})
    return Batch(results, jobs, workers, Console(file=screen, width=100)), screen


def reasons(root: Path, params: Any = None) -> dict[str, str]:
    """Why each notebook would be run."""
    return {job.name: job.reason for job in batch_of(root, params=params)[0].jobs}


def files(folder: Path) -> set[str]:
    """All files below a folder but hidden ones."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in found if not path.parts[0].startswith(".")}


@pytest.fixture(scope="module", autouse=True)
def only_this_project() -> Iterator[None]:
    """The package under test may change while tests run; here only the project's own files count."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runstate, "hash_library", lambda root: runstate.hash_file(root / "requirements.lock"))
        patch.setattr("tunbp.run.batch.REPORT", "tunbp.site.no_such_module")
        yield


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A project after a run in which two of four notebooks failed; what it printed, and its error."""
    root = new_project(tmp_path_factory.mktemp("project"))
    write_notebook(root, "01_good", ["1 + 1", FIGURE.format(name="one")])
    write_notebook(root, "02_fails", ["1 + 1", FIGURE.format(name="two"), FAILS])
    write_notebook(root, "03_dies", [DIES])
    write_notebook(
        root,
        "04_good",
        [FIGURE.format(name="four"), "import os; print(*map(os.getenv, ('OMP_NUM_THREADS', 'NUMBA_NUM_THREADS')))"],
    )
    batch, screen = batch_of(root)
    with pytest.raises(ReproduceError) as caught:
        run(batch)
    return root, screen.getvalue(), str(caught.value)


@pytest.fixture
def project(first_run: tuple[Path, str, str], tmp_path: Path) -> Path:
    """A copy of that project."""
    return Path(shutil.copytree(first_run[0], tmp_path / "copy"))


def test_failing_notebooks_do_not_stop_the_others(first_run: tuple[Path, str, str]) -> None:
    root, screen, error = first_run
    states = {state.notebook: state for state in runstate.read_all(root / "results")}
    verdicts = {"01_good": "done", "02_fails": "failed", "03_dies": "failed", "04_good": "done"}
    assert {name: state.verdict for name, state in states.items()} == verdicts
    assert (states["01_good"].figures, states["02_fails"].figures) == (1, 0)
    lines = error.splitlines()
    assert lines[0] == "2 parts of the run failed"
    assert "02_fails, cell 5 (y = 1): ValueError: x was 1" in lines
    assert any(line.startswith("03_dies, cell 3 (import os): DeadKernelError") for line in lines)
    rows = [line for line in screen.splitlines() if line.startswith("│")]
    assert [row.split()[1] for row in rows] == sorted(verdicts)
    assert [row.split()[-2] for row in rows] == list(verdicts.values())


def test_results_hold_what_finished_and_the_notebook_that_failed(first_run: tuple[Path, str, str]) -> None:
    results = first_run[0] / "results"
    good = {f"{folder}/{name}.{suffix}" for name in ("one", "four") for folder, suffix in
            (("figures", "pdf"), ("figures", "png"), ("tables", "csv"))}  # fmt: skip
    assert files(results) == good | {f"notebooks/{name}.ipynb" for name in
                                     ("01_good", "02_fails", "03_dies", "04_good")}  # fmt: skip
    failed = (results / "notebooks" / "02_fails.ipynb").read_text()
    assert "x was 1" in failed
    assert not (results / STAGING / "02_fails").exists()


def test_executed_notebooks_speak_of_the_results_folder_not_of_the_staging(
    first_run: tuple[Path, str, str],
) -> None:
    for path in (first_run[0] / "results" / "notebooks").glob("*.ipynb"):
        assert STAGING not in path.read_text()
        assert nbformat.validate(nbformat.read(path, 4)) is None


def test_each_notebook_gets_its_share_of_the_cores_and_its_engines_what_others_leave(
    first_run: tuple[Path, str, str],
) -> None:
    notebook = nbformat.read(first_run[0] / "results" / "notebooks" / "04_good.ipynb", 4)
    cores = len(os.sched_getaffinity(0))
    assert notebook.cells[-1].outputs[0].text.split() == [str(max(1, cores // 2)), str(cores)]


def test_the_longest_notebook_is_begun_first_and_an_unknown_one_before_it(project: Path) -> None:
    known, *_ = batch_of(project, ("01",))[0].jobs
    assert known.before
    known.before.seconds = 1.0  # however long it took
    names = ("06_your_path", "08_sensitivity", "09_what_the_data_say", "10_of_somebody")
    new = [dataclasses.replace(known, name=name, before=None) for name in names]
    order = sorted([known, *new], key=_seconds)
    assert [job.name for job in order] == ["01_good", *names]


def test_nothing_changed_means_nothing_to_run(project: Path) -> None:
    assert reasons(project) == {
        "01_good": "",
        "02_fails": "failed before",
        "03_dies": "failed before",
        "04_good": "",
    }


def test_second_run_does_nothing_and_says_so(project: Path) -> None:
    before = {path: (project / "results" / path).stat().st_mtime_ns for path in files(project / "results")}
    batch, screen = batch_of(project, ("01", "04"))
    run(batch)
    assert [(job.outcome, job.figures) for job in batch.jobs] == [("unchanged", 1), ("unchanged", 1)]
    assert screen.getvalue().count("unchanged") == 2
    assert {path: (project / "results" / path).stat().st_mtime_ns for path in files(project / "results")} == before


def edit_source(project: Path) -> None:
    path = project / "notebooks" / "01_good.ipynb"
    path.write_text(path.read_text().replace("1 + 1", "1 + 2"))


def edit_outputs_only(project: Path) -> None:
    path = project / "notebooks" / "01_good.ipynb"
    notebook = nbformat.read(path, 4)
    notebook.cells[2].execution_count = 7
    notebook.cells[2].outputs = [nbformat.v4.new_output("stream", text="2")]
    nbformat.write(notebook, path)


def edit_data(project: Path) -> None:
    (project / "data" / "table.csv").write_text("a,b\n1,3\n")


def edit_lock(project: Path) -> None:
    (project / "requirements.lock").write_text("numpy==1.1\n")


def lose_figure(project: Path) -> None:
    (project / "results" / "figures" / "one.pdf").unlink()


def truncate_table(project: Path) -> None:
    (project / "results" / "tables" / "one.csv").write_text("")


def break_state(project: Path) -> None:
    (project / "results" / runstate.FOLDER / "01_good.json").write_text('{"notebook": "01_')


@pytest.mark.parametrize(
    ("change", "one", "four"),
    [
        (edit_source, "notebook changed", ""),
        (edit_outputs_only, "", ""),
        (edit_data, "data changed", "data changed"),
        (edit_lock, "library changed", "library changed"),
        (lose_figure, "results are missing or changed", ""),
        (truncate_table, "results are missing or changed", ""),
        (break_state, "not done yet", ""),
    ],
)
def test_what_changed_is_redone_and_nothing_else(project: Path, change: Any, one: str, four: str) -> None:
    change(project)
    found = reasons(project)
    assert (found["01_good"], found["04_good"]) == (one, four)


def test_parameters_are_part_of_what_a_result_was_made_from(project: Path) -> None:
    assert reasons(project, {"01_good": {"x": 2}})["01_good"] == "parameters changed"


def test_a_file_that_a_parameter_names_is_part_of_the_data(project: Path) -> None:
    file = project / "mine.json"
    file.write_text("1")
    before = runstate.hash_data(project, {"trace": str(file)})
    file.write_text("2")
    assert runstate.hash_data(project, {"trace": str(file)}) != before
    assert runstate.hash_data(project, {"trace": "mine.json"}) == runstate.hash_data(project, {"trace": str(file)})


def test_a_change_in_the_data_folder_that_the_environment_names_is_seen(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "other data"
    elsewhere.mkdir()
    (elsewhere / "tcp.csv").write_text("1")
    monkeypatch.setenv("TUNBP_DATA", str(elsewhere))
    before = runstate.hash_data(project, {})
    (elsewhere / "tcp.csv").write_text("2")
    assert runstate.hash_data(project, {}) != before


def test_package_sources_and_python_are_part_of_the_library(tmp_path: Path) -> None:
    folder = tmp_path / "package"
    (folder / "__pycache__").mkdir(parents=True)
    (folder / "a.py").write_text("1")
    before = runstate.hash_folder(folder)
    (folder / "__pycache__" / "a.pyc").write_text("x")
    assert runstate.hash_folder(folder) == before
    (folder / "a.py").write_text("2")
    assert runstate.hash_folder(folder) != before


def test_a_rerun_replaces_what_the_notebook_wrote_before(project: Path) -> None:
    write_notebook(project, "01_good", [FIGURE.format(name="uno")])
    write_notebook(project, "04_good", [FAILS])
    write_notebook(project, "05_clash", [FIGURE.format(name="four")])
    batch, _ = batch_of(project, ("01", "04", "05"), {"01_good": {"x": 5}}, workers=1)
    with pytest.raises(ReproduceError) as caught:
        run(batch)
    assert str(caught.value).splitlines() == [
        "2 parts of the run failed",
        "04_good, cell 3 (y = 1): ValueError: x was 1",
        "05_clash, writes figures/four.pdf, which notebook 04_good has written too",
    ]
    # new results in place of the old ones; of what fails now, the old ones are gone, not taken for results
    written = files(project / "results") - {f"notebooks/{path.name}" for path in (project / "notebooks").iterdir()}
    assert written == {"figures/uno.pdf", "figures/uno.png", "tables/uno.csv"}
    assert (project / "results" / "tables" / "uno.csv").read_text() == "5"
    found = reasons(project, {"01_good": {"x": 5}})
    assert (found["01_good"], found["04_good"], found["05_clash"]) == ("", "failed before", "failed before")


@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL])
def test_killed_run_leaves_no_process_and_goes_on_where_it_was(project: Path, kill: signal.Signals) -> None:
    for name in ("02_fails", "03_dies"):
        (project / "notebooks" / f"{name}.ipynb").unlink()
    write_notebook(project, "05_waits", [FIGURE.format(name="five"), WAITS])
    for pipe in ("arrived", "never"):
        os.mkfifo(project / pipe)
    # a shell that starts a job in the background has it ignore SIGINT: undo that here
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{code}\nfrom tunbp.cli import main\nmain()", "reproduce", "05"]
    process = subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    kernel = os.pidfd_open(int((project / "arrived").read_text()))
    process.send_signal(kill)
    output, _ = process.communicate()
    assert process.returncode == (-9 if kill == signal.SIGKILL else 130)
    assert kill == signal.SIGKILL or "Run the same command again" in output
    assert select.select([kernel], [], [], 20)[0], "the kernel outlived the run"
    os.close(kernel)
    state = runstate.read(project / "results", "05_waits")
    assert state is not None
    assert (state.verdict, state.outputs) == ("running", {})
    assert not (project / "results" / "figures" / "five.pdf").exists()
    assert reasons(project) == {"01_good": "", "04_good": "", "05_waits": "interrupted before"}

    if kill == signal.SIGKILL:
        (project / "arrived").unlink()
        batch, _ = batch_of(project)
        run(batch)
        assert [job.outcome for job in batch.jobs] == ["unchanged", "unchanged", "done"]
        assert (project / "results" / "figures" / "five.pdf").exists()
        assert not (project / "results" / STAGING / "05_waits").exists()
        assert reasons(project)["05_waits"] == ""


# first leaves a process that writes when the second run has written, and waits to be killed
OUTLIVES = '''\
import os, subprocess, sys
from pathlib import Path
late = """
import sys
open('go').read()
try:
    open(sys.argv[1], 'w').write('old')
finally:
    open('went', 'w').write('1')
"""
figure = Path(out_dir) / "figures" / "five.pdf"
figure.parent.mkdir(parents=True, exist_ok=True)
if os.path.exists("arrived"):
    subprocess.Popen([sys.executable, "-c", late, str(figure)], start_new_session=True)
    open("arrived", "w").write("1")
    open("never").read()
figure.write_text("new")
open("go", "w").write("1")
open("went").read()
'''


def test_what_outlives_a_killed_run_does_not_write_into_the_next_one(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    for path in (project / "notebooks").glob("*.ipynb"):
        path.unlink()
    write_notebook(project, "05_outlives", [OUTLIVES])
    for pipe in ("arrived", "never", "go", "went"):
        os.mkfifo(project / pipe)
    command = [sys.executable, "-c", "from tunbp.cli import main; main()", "reproduce", "05"]
    process = subprocess.Popen(command, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    (project / "arrived").read_text()
    process.kill()
    process.wait()
    (project / "arrived").unlink()
    batch, _ = batch_of(project)
    run(batch)
    assert [job.outcome for job in batch.jobs] == ["done"]
    assert (project / "results" / "figures" / "five.pdf").read_text() == "new"


def test_two_runs_into_one_folder_are_refused(project: Path) -> None:
    import fcntl

    with (project / "results" / runstate.FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ReproduceError, match="another run is writing there"):
            run(batch_of(project, ("01",))[0])


def test_results_that_cannot_be_written_are_named(project: Path) -> None:
    batch, _ = batch_of(project, ("01",))
    batch.results = project / "pyproject.toml"
    with pytest.raises(ReproduceError, match=r"pyproject\.toml: results cannot be written there"):
        run(batch)


def test_a_worker_that_dies_is_a_failure_with_its_last_words(tmp_path: Path) -> None:
    with Worker(threads=1) as worker:
        worker.process.kill()
        event = worker.execute(tmp_path / "a.ipynb", tmp_path / "b.ipynb", {}, lambda: None)
    assert (event["event"], event["error"]) == ("failed", "worker ended")


# -- what must survive


KILLS_ITS_WORKER = """\
import os, signal
if not os.path.exists("killed_once"):
    open("killed_once", "w").close()
    os.kill(int(open(f"/proc/{os.getpid()}/stat").read().rpartition(")")[2].split()[1]), signal.SIGKILL)
"""


def test_a_killed_worker_is_replaced_its_notebook_tried_again_and_the_others_run(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (project / "notebooks").glob("*.ipynb"):
        path.unlink()
    write_notebook(project, "01_kills", [KILLS_ITS_WORKER.replace("killed_once", str(project / "killed_once"))])
    write_notebook(project, "02_waits", ["1 + 1"])
    batch, screen = batch_of(project, workers=1)
    run(batch)
    assert [job.outcome for job in batch.jobs] == ["done", "done"]
    assert "killed by SIGKILL" in screen.getvalue() or "01_kills: failed" in screen.getvalue()


DIES_ONCE = """\
import os
if not os.path.exists("died_once"):
    open("died_once", "w").close()
    os._exit(9)
"""


def test_a_notebook_whose_kernel_was_killed_is_tried_again(project: Path) -> None:
    for path in (project / "notebooks").glob("*.ipynb"):
        path.unlink()
    write_notebook(project, "01_dies", [DIES_ONCE.replace("died_once", str(project / "died_once"))])
    batch, _ = batch_of(project, workers=1)
    run(batch)
    assert [job.outcome for job in batch.jobs] == ["done"]


@pytest.mark.parametrize(
    ("event", "died"),
    [
        ({"error": "worker ended", "cell": None}, True),
        ({"error": "DeadKernelError", "cell": 3}, True),
        ({"error": "RuntimeError", "cell": None, "message": "Kernel died before replying to kernel_info"}, True),
        ({"error": "RuntimeError", "cell": 2, "message": "raised by a cell"}, False),
        ({"error": "ValueError", "cell": 2}, False),
        ({"event": "done"}, False),
    ],
)
def test_a_cell_that_raises_an_error_is_not_tried_again(event: dict[str, Any], died: bool) -> None:
    assert has_died(event) == died


def test_what_a_killed_run_had_published_already_does_not_stay(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_notebook(project, "05_new", [FIGURE.format(name="five")])
    replace = Path.replace

    def killed(path: Path, target: Path) -> Path:
        if path.name == "five.png":
            raise SystemExit("killed here")
        return replace(path, target)

    batch, _ = batch_of(project, ("05",))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(SystemExit):
            run(batch)
    write_notebook(project, "05_new", ["1 + 1"])
    run(batch_of(project, ("05",))[0])
    assert not [name for name in files(project / "results") if "five" in name]


def test_a_folder_named_as_the_package_does_not_hide_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (project / "notebooks").glob("*.ipynb"):
        path.unlink()
    (project / "numpy").mkdir()
    (project / "numpy" / "__init__.py").write_text("raise ImportError('imported from the current folder')")
    monkeypatch.chdir(project)
    write_notebook(project, "01_imports", ["import numpy; numpy.array([1])"])
    run(batch_of(project, workers=1)[0])


def test_notebooks_need_no_home_that_can_be_written(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (project / "notebooks").glob("*.ipynb"):
        path.unlink()
    nowhere = tmp_path / "a file"
    nowhere.write_text("")
    for name in ("HOME", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(nowhere / "home"))
    write_notebook(project, "01_good", ["1 + 1"])
    run(batch_of(project, workers=1)[0])


def test_without_a_loopback_the_run_says_so_at_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: Any, **__: Any) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr("tunbp.run.batch.socket.create_connection", down)
    with pytest.raises(ReproduceError, match=r"loopback .*Network is unreachable.*ip link set lo up"):
        run(batch_of(project)[0])


def test_parts_of_dead_processes_are_removed_at_the_next_run(project: Path) -> None:
    figures = project / "results" / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    dead = subprocess.Popen(["true"])
    dead.wait()
    old, new = figures / f".a.pdf.{dead.pid}.part", figures / f".b.pdf.{os.getpid()}.part"
    for part in (old, new):
        part.write_text("half")
        os.utime(part, (1, 1))
    batch, _ = batch_of(project, ("04",))
    with contextlib.suppress(ReproduceError):
        run(batch)
    assert not old.exists()
    assert new.exists(), "its process lives"


def test_a_state_file_that_names_something_outside_removes_nothing(project: Path) -> None:
    results = project / "results"
    outside = project / "outside.txt"
    outside.write_text("precious")
    (results / "linked").symlink_to(project)
    paths = ("../outside.txt", "/etc/hostname", "figures/../../outside.txt", "linked/outside.txt")
    numbers = [f"1{number}" for number in range(len(paths))]
    for number, path in zip(numbers, paths, strict=True):
        name = f"{number}_names_something_outside"
        write_notebook(project, name, ["1 + 1"])
        state = runstate.read(results, "04_good")
        assert state is not None
        state.notebook, state.outputs = name, {path: runstate.hash_file(outside)}
        runstate.write(results, state)
        assert runstate.read(results, name) is None, path
    batch, _ = batch_of(project, tuple(numbers), workers=1)
    with contextlib.suppress(ReproduceError):
        run(batch)
    assert outside.read_text() == "precious"


@pytest.mark.timeout(20)
def test_results_go_only_into_a_folder_of_their_own(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setenv("HOME", str(tmp_path / "home" / "me"))
    (tmp_path / "home" / "me").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("mine")
    refused = dict.fromkeys(("/", "..", "."), "holds the project") | {
        str(tmp_path / "home"): "holds your home",
        str(tmp_path / "other"): "something else than results",
    }
    for out, says in refused.items():
        before = sorted(Path(out).iterdir())
        with pytest.raises(ReproduceError, match=says):
            check_place(Path(out).absolute())
        batch, _ = batch_of(project, ("01",))
        batch.results = Path(out).absolute()
        with pytest.raises(ReproduceError, match=says):
            run(batch)
        assert sorted(Path(out).iterdir()) == before
    (tmp_path / "new").mkdir()
    for place in (tmp_path / "new", tmp_path / "none", project / "results"):
        check_place(place)


def test_a_pipe_as_a_parameter_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert runstate.hash_file(tmp_path / "pipe") == ""
    assert runstate.hash_data(tmp_path, {"trace": str(tmp_path / "pipe")})


@pytest.mark.parametrize(("bound", "least"), [("MOST_FILES", 8), ("MOST_BYTES", 3.0)])
def test_a_folder_that_is_no_measurement_is_not_hashed_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, least: float
) -> None:
    for i in range(9):
        (tmp_path / f"{i}.json").write_text("{}")
    assert runstate.hash_folder(tmp_path)
    monkeypatch.setattr(runstate, bound, least)
    with pytest.raises(ParamsError, match=r"holds more than .*; name the folder of one measurement$"):
        runstate.hash_data(tmp_path, {"trace": str(tmp_path)})


# -- the report after the notebooks


class Report:
    """A stand-in for the report's module, which counts its calls."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self.error: Exception | None = None
        module = types.ModuleType("stand_in_report")
        module.__spec__ = importlib.machinery.ModuleSpec("stand_in_report", None)
        module.finish = self.finish  # type: ignore[attr-defined]
        patch.setitem(sys.modules, "stand_in_report", module)
        patch.setattr("tunbp.run.batch.REPORT", "stand_in_report")

    def finish(self, results: Path) -> None:
        """Write one page."""
        self.calls += 1
        if self.error:
            raise self.error
        (results / "index.html").write_text("page")


def test_report_is_made_again_only_when_results_changed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = Report(monkeypatch)
    index = project / "results" / "index.html"
    calls = []
    for before in (None, None, index.unlink, lambda: index.write_text("other"), None):
        if before:
            before()
        run(batch_of(project, ("01", "04"))[0])
        calls.append(report.calls)
    assert calls == [1, 1, 2, 3, 3]
    assert index.read_text() == "page"


def test_report_that_fails_is_a_failure_and_is_tried_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = Report(monkeypatch)
    report.error = OSError("disk full")
    for _ in range(2):
        with pytest.raises(ReproduceError, match="report: OSError: disk full"):
            run(batch_of(project, ("01", "04"))[0])
    assert report.calls == 2


# -- what is asked for


def test_notebooks_are_found_by_name_number_and_path(project: Path) -> None:
    assert [path.stem for path in find_notebooks(project, ["04", "notebooks/01_good.ipynb"])] == [
        "04_good",
        "01_good",
    ]
    with pytest.raises(ReproduceError, match="'0' fits several notebooks: 01_good, 02_fails"):
        find_notebooks(project, ["0"])
    with pytest.raises(ReproduceError, match="'nine' is none of 01_good"):
        find_notebooks(project, ["nine"])
    with pytest.raises(ReproduceError, match="no notebooks there"):
        find_notebooks(project / "data")


def test_parameters_of_a_notebook_without_a_model_must_stand_in_its_cell(project: Path) -> None:
    with pytest.raises(ParamsError, match="parameters of 01_good: unknown parameter 'z'; known: out_dir, x"):
        reasons(project, {"01_good": {"z": 1}})


def test_wrong_defaults_in_a_notebook_s_own_cell_stop_the_run(project: Path) -> None:
    write_notebook(project, "07_live_lab", [], 'lab_dir = None\nseeds = 0\nout_dir = "results"')
    with pytest.raises(ParamsError, match=r"07_live_lab\.ipynb: seeds = 0: must be greater than or equal to 1"):
        reasons(project)


def test_a_file_that_is_no_notebook_is_named(project: Path) -> None:
    (project / "notebooks" / "05_broken.ipynb").write_text("{}")
    with pytest.raises(ReproduceError, match=r"05_broken\.ipynb: not a notebook that can be read"):
        reasons(project)


def test_parameter_files_go_to_their_notebooks(tmp_path: Path) -> None:
    one, two, bare = tmp_path / "1.yaml", tmp_path / "2.yaml", tmp_path / "bare.yaml"
    one.write_text("# notebook: 07_live_lab\nseeds: 2\n")
    two.write_text("# notebook: 06_your_path\nring: 25\n")
    bare.write_text("seeds: 3\n")
    assert read_params([one, two], []) == {"07_live_lab": {"seeds": 2}, "06_your_path": {"ring": 25}}
    assert read_params([bare], ["07_live_lab"]) == {"07_live_lab": {"seeds": 3}}
    with pytest.raises(ParamsError, match=r"2\.yaml: is for notebook 06_your_path, not for 07_live_lab"):
        read_params([two], ["07_live_lab"])
    with pytest.raises(ParamsError, match="a second parameter file for notebook 07_live_lab"):
        read_params([one, one], [])
    bare.write_text("out_dir: here\n")
    with pytest.raises(ParamsError, match="out_dir = 'here': in a batch run, use --out"):
        read_params([bare], ["07_live_lab"])


def test_jobs_know_how_many_cells_they_have(project: Path) -> None:
    jobs: list[Job] = batch_of(project, ("01",))[0].jobs
    executed = json.loads((project / "results" / "notebooks" / "01_good.ipynb").read_text())
    assert [job.cells for job in jobs] == [len(executed["cells"])]
