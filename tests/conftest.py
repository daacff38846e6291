"""Fixtures of the tests of plots, results and pages: a small table, its figure, a finished run."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import hypothesis
import pytest

os.environ["MPLBACKEND"] = "Agg"
# how long an example takes says nothing on a machine that others use
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

SLOW = (
    "notebooks/test_notebooks.py", "model/engines/test_fluid.py", "model/test_compiled.py", "lab/probe/test_truth.py",
    "test_extensions.py", "lab/test_live.py", "sweep/test_compute.py", "run/test_batch.py", "test_wheel.py",
    "test_statistics.py", "model/test_engines.py", "browser/test_jupyterlab.py", "browser/test_results_page.py",
    "browser/test_docs_pages.py", "traces/test_datasets.py", "prediction/test_ten_questions.py",
    "model/engines/test_doubt.py", "model/test_qdiscs.py", "traces/test_pasted.py", "evidence/test_posteriors.py",
    "test_escape.py", "traces/test_fuzz.py", "evidence/test_predictive.py", "test_architecture.py",
)  # fmt: skip
"""Files that take longest, in the order in which they are begun, before all others: a file is one process's work, and
one that is begun last would run alone at the end."""


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    place = {here / name: number for number, name in enumerate(SLOW)}
    items.sort(key=lambda item: place.get(item.path, len(SLOW)))


CLEAN = {}
"""Settings of matplotlib as a test finds them."""


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt = sys.modules.get("matplotlib.pyplot")
    if plt is None or (not plt.get_fignums() and dict(dict.items(plt.rcParams)) == CLEAN):
        return
    import matplotlib as mpl

    plt.close("all")
    mpl.rcdefaults()
    mpl.use("Agg")
    CLEAN.update(dict.items(mpl.rcParams))


@pytest.fixture
def table():
    from small_run import make_table

    return make_table()


@pytest.fixture
def repeated():
    from small_run import make_repeated

    return make_repeated()


@pytest.fixture
def figure():
    from small_run import make_figure

    return make_figure()


@pytest.fixture
def small():
    """A figure that is quick to write, where its content does not matter."""
    from tunbp.plots import style

    fig, ax = style.figure()
    ax.plot([1, 2], [1, 2])
    return fig


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """The `Output` of one run, for tests that only read its files."""
    from small_run import write_run

    return write_run(tmp_path_factory.mktemp("written"))


@pytest.fixture(scope="session")
def _finished_once(tmp_path_factory):
    import pandas as pd
    from small_run import write_run

    from tunbp.results.output import Output
    from tunbp.site.finish import finish

    folder = tmp_path_factory.mktemp("finished") / "results"
    write_run(folder)
    claims = pd.DataFrame(
        {
            "claim": ["stock is 36.4 % lower", "<b>gain</b> of 36 %", "nobody printed it"],
            "published": [0.364, 0.36, None],
            "recomputed": [0.364, 0.572, 2.0],
            "verdict": ["holds", "contradicted", "not checkable"],
        }
    )
    with Output(folder, "02_claims") as out:
        out.table(claims, "claims", "Published claims")
    finish(folder)
    return folder


@pytest.fixture
def finished(_finished_once, tmp_path):
    """A finished results folder of two notebooks, one with the claims; each test has its own copy."""
    return shutil.copytree(_finished_once, tmp_path / "results")
