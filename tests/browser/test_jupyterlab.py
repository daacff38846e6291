"""The notebooks in JupyterLab as `make jupyter` opens it, used with the mouse."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tunbp.project import project_root
from tunbp.run.params import model

PROJECT = project_root(Path(__file__).parent)
REGRESSION, YOUR_PATH = "02_pktgen_regression", "06_your_path"
NOTEBOOKS = PROJECT / "notebooks"
MINUTE = 60_000
ALL_DONE = r"""() => {
    const cells = [...document.querySelectorAll(".jp-CodeCell")];
    const code = cell => cell.querySelector(".cm-content")?.textContent.trim();
    const done = cell => /\[\d+\]/.test(cell.querySelector(".jp-InputArea-prompt").textContent);
    return cells.length > 0 && cells.every(cell => !code(cell) || done(cell));
}"""


def needs(name):
    there = (NOTEBOOKS / f"{name}.ipynb").is_file()
    return pytest.mark.skipif(not there, reason=f"notebooks/{name}.ipynb is not there")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of what the notebooks use: a test must not write into the project."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copy(PROJECT / "pyproject.toml", folder)
    for name in ("data", "params"):
        shutil.copytree(PROJECT / name, folder / name)
    shutil.copytree(NOTEBOOKS, folder / "notebooks", ignore=shutil.ignore_patterns(".*"))
    make_small(folder / "notebooks" / f"{YOUR_PATH}.ipynb")
    return folder


def make_small(path):
    """Give a notebook the parameters with which it runs in seconds, in its cell, as somebody edits it."""
    text = path.read_text()
    for name, value in model(path.stem).small.items():
        text, found = re.subn(rf'"{name}: (.*?) = .*?  #', lambda m, n=name, v=value: f'"{n}: {m[1]} = {v}  #', text)
        assert found == 1, name
    path.write_text(text)


def lab_options():
    """Options with which `make jupyter` starts JupyterLab."""
    return re.findall(r"--(?:ServerApp|LabApp)\.\S+", (PROJECT / "Makefile").read_text())


@pytest.fixture(scope="module")
def lab(project, tmp_path_factory):
    """Address of a JupyterLab on the notebooks, with its own settings and an open port of its own."""
    own = tmp_path_factory.mktemp("jupyter")
    environment = {
        **{name: value for name, value in os.environ.items() if name != "MPLBACKEND"},  # that of other tests
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTER_CONFIG_DIR": str(own / "config"),
        "JUPYTER_DATA_DIR": str(own / "data"),
        "JUPYTER_RUNTIME_DIR": str(own / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(own / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(own / "workspaces"),
    }
    options = [
        "--no-browser",
        "--ServerApp.port=0",
        "--IdentityProvider.token=test",
        "--ServerApp.ip=127.0.0.1",
    ]
    options += ["--allow-root"] if os.geteuid() == 0 else []
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *lab_options(), *options],
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield _address(server)
    finally:
        server.terminate()
        server.wait(30)


def _address(server):
    """Read the server's log up to its address; a thread reads on, so that the server never waits for us."""
    said = []
    for line in server.stdout:
        said.append(line)
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        if found:
            threading.Thread(target=server.stdout.read, daemon=True).start()
            return found[0]
    raise AssertionError(f"JupyterLab did not start:\n{''.join(said)}")


@pytest.fixture
def page(chromium, lab):
    page = chromium.new_page(viewport={"width": 1400, "height": 1000})
    page.failures = []
    page.on("pageerror", lambda error: page.failures.append(str(error)))
    page.set_default_timeout(3 * MINUTE)  # of a machine that does other things too
    yield page
    page.close()


def open_notebook(page, lab, name):
    page.goto(f"{lab}/lab/tree/notebooks/{name}.ipynb?reset&token=test")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    # the kernel is the notebook's own, chosen without asking
    page.locator(".jp-KernelName", has_text="Python 3").first.wait_for()
    assert page.locator(".jp-Dialog").count() == 0
    assert page.locator(".jp-Notification-Toast-Warning, .jp-Notification-Toast-Error").count() == 0


def run_all(page):
    """Run > Run All Cells, and wait until the kernel has done them all."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_function(ALL_DONE, timeout=4 * MINUTE)


def errors(page):
    outputs = page.locator("[data-mime-type='application/vnd.jupyter.stderr'], pre:has(.ansi-red-fg)")
    return outputs.all_inner_texts()


@needs(REGRESSION)
def test_notebook_02_runs_to_the_end_and_shows_its_figure(page, lab, project):
    open_notebook(page, lab, REGRESSION)
    run_all(page)
    assert errors(page) == []
    pictures = page.locator(".jp-OutputArea-output img")
    # cells out of sight are not in the page: the first picture is that of the third cell of code
    page.locator(".jp-CodeCell").nth(2).scroll_into_view_if_needed()
    pictures.first.wait_for()
    assert all(p.evaluate("p => p.complete && p.naturalWidth > 300") for p in pictures.all())
    assert list((project / "results" / "figures").glob("*.pdf"))
    assert page.failures == []


@needs(YOUR_PATH)
def test_notebook_06_redraws_its_plot_when_a_slider_is_moved_with_the_mouse(page, lab):
    open_notebook(page, lab, YOUR_PATH)
    run_all(page)
    assert errors(page) == []
    picture = page.locator(".jp-OutputArea-output img").last
    before = picture.get_attribute("src")
    handle = page.locator(".widget-slider .noUi-handle").first
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 40, middle[1], steps=4)
    page.mouse.up()
    page.wait_for_function(
        "old => [...document.querySelectorAll('.jp-OutputArea-output img')].at(-1)?.src !== old", arg=before
    )
    assert page.locator(".jp-OutputArea-output img").last.evaluate("p => p.decode().then(() => p.naturalWidth)") > 300
    # the slider itself tells a screen reader the exponent; this line is announced
    assert re.fullmatch(r"round-trip time: [\d.]+ ms", page.locator(".widget-html-content [role=status]").inner_text())
    assert errors(page) == []
    assert page.failures == []
