"""Grids of panels over the values of one or two columns, in the house style."""

from __future__ import annotations

from typing import Any

import pandas as pd
import seaborn as sns

from tunbp.plots import style


def facets(data: pd.DataFrame, height: float, **options: Any) -> sns.FacetGrid:
    """Make a grid of panels of text width; draw into `axes_dict` of what is returned.

    Parameters
    ----------
    data
        Rows that the panels divide among them.
    height
        Height of the figure [inch].
    **options
        Passed to `seaborn.FacetGrid`: `row`, `col`, their orders, `sharex`, `sharey`.

    Returns
    -------
    sns.FacetGrid
        Its axes by the value of the column that was split.
    """
    import matplotlib as mpl

    style.use()
    # seaborn lays out tightly while it makes the grid
    with mpl.rc_context({"figure.constrained_layout.use": False}):
        grid = sns.FacetGrid(data, despine=False, **options)
    grid.figure.set_layout_engine("constrained")
    grid.figure.set_size_inches(style.TEXT_WIDTH, height)
    return grid
