from __future__ import annotations

import shutil

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from tunbp.report import figures, style
from tunbp.report.output import Output
from tunbp.report.run import finish

mpl.use("Agg")

RINGS = [10.0, 100.0, 1000.0]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")
    mpl.rcdefaults()
    mpl.use("Agg")


def make_table():
    """Two variants over three ring sizes, SI."""
    return pd.DataFrame(
        {
            "ring": RINGS * 2,
            "received_rate": [1.6e6, 66.4e6, 177.1e6, 183.6e6, 183.5e6, 183.0e6],
            "variant": ["stock"] * 3 + ["patched"] * 3,
        }
    )


def make_repeated():
    """The same eleven times, spread evenly over +-10 %, as a Dataset over variant, ring and seed."""
    spread = xr.DataArray(np.linspace(0.9, 1.1, 11), dims="seed", coords={"seed": range(11)})
    return make_table().set_index(["variant", "ring"]).to_xarray() * spread


def make_figure():
    """A figure with all three kinds."""
    fig, ax = style.figure()
    ax.set_xscale("log")
    table = make_table()
    figures.simulated(ax, make_repeated(), "ring", "received_rate", over="seed")
    figures.published(ax, table, "ring", "received_rate")
    figures.measured(ax, table.assign(received_rate=table["received_rate"] * 0.9), "ring", "received_rate")
    figures.key(ax)
    return fig


def write_run(folder, notebook="01_demo", figure=None):
    """One finished notebook run with a figure, a table and numbers."""
    parameters = {"rings": [10, 100, 1000], "rtt": 0.12, "out_dir": str(folder)}
    name = notebook[3:]
    with Output(folder, notebook, parameters, inputs=["pyproject.toml"]) as out:
        caption = "Rate over 100 % of rings."
        out.figure(figure or make_figure(), f"{name}_ring", "Throughput & ring", caption, data=make_table())
        out.table(make_table(), f"{name}_rates", "Rates_by ring")
        out.number(f"{name}_gain", 57.2, "%", text="gain at a ring of 500")
        out.number(f"{name}_rate", 171.68e6, "bit/s", 2.1e6, text="received rate")
    return out


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
            "verdict": ["holds", "contradicted", "cannot be checked"],
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
