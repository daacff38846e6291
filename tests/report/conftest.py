from __future__ import annotations

import shutil

import matplotlib as mpl
import pandas as pd
import pytest
from small_run import make_figure, make_repeated, make_table, write_run

from tunbp.report import style
from tunbp.report.output import Output
from tunbp.report.run import finish

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")
    mpl.rcdefaults()
    mpl.use("Agg")


@pytest.fixture
def table():
    return make_table()


@pytest.fixture
def repeated():
    return make_repeated()


@pytest.fixture
def figure():
    return make_figure()


@pytest.fixture
def small():
    """A figure that is quick to write, where its content does not matter."""
    fig, ax = style.figure()
    ax.plot([1, 2], [1, 2])
    return fig


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """The `Output` of one run, for tests that only read its files."""
    return write_run(tmp_path_factory.mktemp("written"))


@pytest.fixture(scope="session")
def _finished_once(tmp_path_factory):
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
