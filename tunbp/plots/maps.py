"""Heat maps of a quantity over two parameters, readable in grey by their contour lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import seaborn as sns
import xarray as xr

from tunbp.errors import OutputError
from tunbp.plots.legend import HALO
from tunbp.plots.style import GAP_COLOR, axis_words, format_tick, label_axis
from tunbp.quantities import label_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def heat_map(
    ax: Axes,
    data: xr.DataArray,
    x: str,
    y: str,
    label: str,
    *,
    unit: str = "",
    shown: str | None = None,
    log: bool = False,
    levels: Sequence[float] = (),
    ticks: tuple[Sequence[float], Sequence[float]] | None = None,
    cmap: str = "cividis",
    smooth: float = 0.0,
) -> None:
    """Map of a quantity over two parameters, one cell per value, with labelled contours.

    Every cell has the same size: choose values that are spread evenly on the scale that is meant, e.g.
    `numpy.geomspace`. `place` says where on the axes a value lies.

    Parameters
    ----------
    ax
        Axes to draw on.
    data
        Dims `x` and `y` only, SI units; missing cells stay hatched.
    x, y
        The dims; named on the axes as in the schema.
    label
        Quantity at the colour bar.
    unit, shown
        SI unit of the data, and the one to show.
    log
        Logarithmic colours.
    levels
        Values [SI] of contour lines.
    ticks
        Values [SI] to mark on the x and the y axis; default the dims' own, some left out.
    cmap
        Colour map, even in lightness.
    smooth
        Standard deviation [cells] of the Gaussian that contours are smoothed with (of the logarithm where colours are
        logarithmic); the cells keep their values.

    Raises
    ------
    OutputError
        If the dims are not exactly `x` and `y`.
    """
    from matplotlib.colors import LogNorm, Normalize

    if set(map(str, data.dims)) != {x, y}:
        raise OutputError(f"heat map over {x!r} and {y!r}: the data has dims {tuple(data.dims)}")
    frame = data.transpose(y, x).sortby([x, y]).to_pandas()
    ax.patch.set(facecolor="#f2f2f2", edgecolor=GAP_COLOR, hatch="xxx")
    norm: Normalize = LogNorm() if log else Normalize()
    sns.heatmap(
        frame, ax=ax, cmap=cmap, norm=norm, rasterized=True, cbar_kws={"pad": 0.02},
        xticklabels=False, yticklabels=False,
    )  # fmt: skip
    ax.invert_yaxis()
    bar = ax.collections[0].colorbar
    assert bar is not None
    _, size = label_unit(unit, shown)
    if levels:
        across, up = np.arange(frame.shape[1]) + 0.5, np.arange(frame.shape[0]) + 0.5
        drawn = _smoothed(np.asarray(frame, float), smooth, log)
        lines = ax.contour(across, up, drawn, levels=sorted(levels), colors="black", linewidths=0.8)
        lines.set_path_effects(HALO)
        names = {level: f"{level / size:.4g}{'×' if unit == '' else ''}" for level in levels}
        for text in ax.clabel(lines, fmt=names, fontsize=6.5, inline_spacing=2):
            text.set_path_effects(HALO)
    for axis, name, values, number in ((ax.xaxis, x, frame.columns, 0), (ax.yaxis, y, frame.index, 1)):
        words, axis_size = axis_words(name)
        chosen = ticks[number] if ticks else _some(values.to_numpy())
        axis.set_ticks(place(values.to_numpy(), chosen), [format_tick(value / axis_size) for value in chosen])
        axis.set_label_text(words)
    ax.tick_params(axis="both", length=2.5, rotation=0)
    label_axis(bar.ax.yaxis, label, unit, shown)


def _smoothed(values: np.ndarray, width: float, log: bool) -> np.ndarray:
    """Values smoothed for contours; as they are where one is missing, which would spread."""
    from scipy.ndimage import gaussian_filter

    if not width or not np.isfinite(values).all():
        return values
    smooth = gaussian_filter(np.log(values) if log else values, width, mode="nearest")
    return np.asarray(np.exp(smooth) if log else smooth)


def place(values: npt.ArrayLike, wanted: npt.ArrayLike) -> np.ndarray:
    """Where on the axis of a heat map values lie, between cells by their logarithm.

    Parameters
    ----------
    values
        Values of the cells, ascending, more than 0.
    wanted
        Values to find.

    Returns
    -------
    ndarray
        Positions in cells, the first cell's middle at 0.5.

    Examples
    --------
    >>> place([10, 100, 1000], [10, 1000]).tolist()
    [0.5, 2.5]
    """
    cells = np.log(np.asarray(values, float))
    return np.asarray(np.interp(np.log(np.asarray(wanted, float)), cells, np.arange(cells.size) + 0.5))


def _some(values: np.ndarray, most: int = 6) -> np.ndarray:
    return np.asarray(values[:: -(-len(values) // most)])
