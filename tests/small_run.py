"""A small table, a figure of it, and a finished run with both."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from tunbp.plots import bands, legend, points, style
from tunbp.results.output import Output

RINGS = [10.0, 100.0, 1000.0]


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
    bands.draw_simulated(ax, make_repeated(), "ring", "received_rate")
    points.draw_published(ax, table, "ring", "received_rate")
    points.draw_measured(ax, table.assign(received_rate=table["received_rate"] * 0.9), "ring", "received_rate")
    legend.key(ax)
    return fig


def write_run(folder, notebook="01_demo", figure=None):
    """One finished notebook run with a figure, a table and numbers."""
    parameters = {"rings": [10, 100, 1000], "rtt": 0.12, "out_dir": str(folder)}
    name = notebook[3:]
    with Output(folder, notebook, parameters, inputs=["pyproject.toml"]) as out:
        caption = "Rate over 100 % of rings."
        out.figure(figure or make_figure(), f"{name}_ring", "Throughput & ring", caption, data=make_table())
        out.table(make_table(), f"{name}_rates", "Rates_by ring")
        out.finding(2, "57.2 %", "more at a ring of 500 <packets>", figure=f"{name}_ring", table=f"{name}_rates")
        out.number(f"{name}_gain", 57.2, "%", text="gain at a ring of 500")
        out.number(f"{name}_rate", 171.68e6, "bit/s", 2.1e6, text="received rate")
    return out
