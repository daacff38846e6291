"""The figure of "your path", and the sliders that redraw it while they move."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from tunbp.evidence import prediction
from tunbp.model.drivers import COMPARED, label
from tunbp.model.qdiscs import QDISCS
from tunbp.plots import style
from tunbp.plots.bands import draw_simulated
from tunbp.plots.legend import key
from tunbp.plots.texts import Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEXTS = {
    "your_path": Text(
        "Throughput and latency of your path against txqueuelen",
        "",
    ),
}
"""Words of each figure, by its id."""

PANELS = (("received_rate", "Throughput"), ("sparse_latency", "Wait of a sparse flow"))
SCREEN_DPI = 110

COMPARABLE = {label(name): name for name in (COMPARED["backpressure"], "v7", "test-empty")}
"""Versions that the sliders compare with stock, by their words."""

SLIDERS: dict[str, tuple[Any, ...]] = {
    "rtt": (1e-4, 0.5), "ring": (1, 10_000, ".0f"), "drain_rate": (1e3, 2e6), "receive_window": (5e4, 64e6),
    "ack_interval": (1e-5, 0.05), "burst_rate": (5e4, 1e7),
}  # fmt: skip
"""Ends of the logarithmic sliders in SI units, by field."""


def path_figure(result: xr.Dataset, ring: int, title: str = "") -> Figure:
    """Draw throughput and a sparse flow's wait against txqueuelen, stock and backpressure.

    Parameters
    ----------
    result
        What `tunbp.evidence.prediction.predict` returned.
    ring
        Present txqueuelen, marked by a line.
    title
        Line above both panels.
    """
    fig, axes = style.figure("text", 2.7, cols=2)
    for ax, (name, words) in zip(axes, PANELS, strict=True):
        draw_simulated(ax, result[name], "ring", name, label=False)
        ax.axvline(ring, color="black", linewidth=0.8, linestyle=":", zorder=1)
        ax.set_xscale("log")
        ax.set_ylim(bottom=0)
        style.label_field(ax.xaxis, "ring")
        style.label_axis(ax.yaxis, words, "bit/s" if name == "received_rate" else "s")
    limit = float(result["receive_window_bound"].max())
    if limit < 1.6 * float(result["received_rate"].max()):
        axes[0].axhline(limit, color="#666666", linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
        axes[0].annotate("receive window / RTT", (0.98, limit), xycoords=("axes fraction", "data"),
                         ha="right", xytext=(0, 2), textcoords="offset points", fontsize=6.5)  # fmt: skip
        axes[0].set_ylim(top=1.15 * limit)
    key(axes[0], loc="lower right")
    axes[1].annotate("your ring", (ring, 0.03), xycoords=("data", "axes fraction"), rotation=90, va="bottom",
                     ha="right", fontsize=6.5)  # fmt: skip
    if title:
        fig.suptitle(title)
    return fig


class Redraw:
    """A picture of a prediction that is redrawn by moving its lines, in a fraction of a full figure's time.

    Parameters
    ----------
    result
        First prediction shown.
    ring
        Present txqueuelen.
    """

    def __init__(self, result: xr.Dataset, ring: int) -> None:
        import matplotlib as mpl
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        # no layout engine: the layout is settled once, a redraw must not measure every label again
        with style_context(), mpl.rc_context({"figure.constrained_layout.use": False}):
            self.figure = Figure(figsize=(style.TEXT_WIDTH, 2.7), dpi=SCREEN_DPI)
            self.canvas: Any = FigureCanvasAgg(self.figure)
            self.axes = self.figure.subplots(1, 2)
            self.lines: dict[tuple[str, str], Any] = {}
            for ax, (name, words) in zip(self.axes, PANELS, strict=True):
                for variant in COMPARED:
                    look = style.variant_style(variant)
                    shown = {"color": look.color, "linestyle": look.linestyle, "label": look.label}
                    (self.lines[name, variant],) = ax.plot([1, 10], [0, 1], **shown)
                ax.set_xscale("log")
                style.label_field(ax.xaxis, "ring")
                style.label_axis(ax.yaxis, words, "bit/s" if name == "received_rate" else "s")
            self.marks = [ax.axvline(ring, color="black", linewidth=0.8, linestyle=":") for ax in self.axes]
            self.axes[0].legend(loc="lower right")
        self.figure.subplots_adjust(0.085, 0.17, 0.99, 0.96, 0.22)
        self.png = b""
        self.show(result, ring)

    def show(self, result: xr.Dataset, ring: int) -> bytes:
        """Draw another prediction; returns the PNG."""
        middle = result[[name for name, _ in PANELS]].median("seed")
        for (name, variant), line in self.lines.items():
            line.set_data(result["ring"].to_numpy(), middle[name].sel(variant=variant).to_numpy())
        for ax, (name, _) in zip(self.axes, PANELS, strict=True):
            highest = float(np.nanmax(middle[name].to_numpy()))
            ax.set_ylim(0, 1.1 * highest if highest > 0 else 1.0)
            ax.set_xlim(float(result["ring"].min()) * 0.8, float(result["ring"].max()) * 1.25)
        for mark in self.marks:
            mark.set_xdata([ring, ring])
        picture = io.BytesIO()
        with style_context():
            # a screen picture: speed matters, size does not
            self.canvas.print_png(picture, pil_kwargs={"compress_level": 1})
        self.png = picture.getvalue()
        return self.png


def style_context() -> Any:
    """The house style for as long as the context lasts."""
    import matplotlib as mpl

    return mpl.rc_context(fname=style.style_file())


def watched() -> bool:
    """Whether somebody sits before this notebook: a kernel started by Jupyter's or an editor's session."""
    return "JPY_SESSION_NAME" in os.environ or "VSCODE_PID" in os.environ


def explore(values: Mapping[str, Any]) -> Any:
    """Sliders with the figure and the advice; None in a batch run, or where `interactive` is false.

    Parameters
    ----------
    values
        Parameters of the notebook by name.
    """
    if not values.get("interactive", True) or not watched():
        return None
    return Explorer(values).box


class Explorer:
    """Sliders, picture and advice of one path.

    Parameters
    ----------
    values
        Fields of the scenario, `rings` and `seeds` by name: where the sliders start.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        import ipywidgets as widgets

        self.values = dict(values)
        self.rings: list[int] = list(values["rings"])
        self.controls = controls(values)
        start = self.scenario()
        # the first call of a kind compiles it; a slider must not wait for that
        result = prediction.draft(start, self.rings)
        self.redraw = Redraw(result, int(start.ring))
        self.image = widgets.Image(value=self.redraw.png, format="png")
        self.advice = widgets.HTML()
        self.button = widgets.Button(description="Compute precisely")
        self.button.on_click(lambda _: self.update(precise=True))
        self.update()
        for control in self.controls.values():
            control.observe(lambda _: self.update(), names="value")
        grid = widgets.GridBox([*self.controls.values(), self.button],
                               layout=widgets.Layout(grid_template_columns="repeat(2, 50%)"))  # fmt: skip
        self.box = widgets.VBox([grid, self.image, self.advice])

    def scenario(self) -> Any:
        """The scenario where the sliders stand."""
        given = {name: control.value for name, control in self.controls.items()}
        given |= {name: given[name] * style.axis_words(name)[1] for name in SLIDERS}
        given["ring"] = max(round(given["ring"]), 1)
        return prediction.path_scenario({**self.values, **given})

    def update(self, precise: bool = False) -> None:
        """Predict again and redraw."""
        scenario = self.scenario()
        if precise:
            result = prediction.predict(scenario, self.rings, int(self.values["seeds"]))
        else:
            result = prediction.draft(scenario, self.rings)
        self.image.value = self.redraw.show(result, int(scenario.ring))
        advice = prediction.advise(scenario, result, more=precise)
        held = [str(result["binding_bound"].sel(variant=v, ring=scenario.ring).item()) for v in COMPARED]
        self.advice.value = (
            f"<p><b>At your ring of {scenario.ring}:</b> "
            f"stock is held by {held[0]}, backpressure by {held[1]}.</p>"
            f"<p>{advice}</p>"
        )


def controls(values: Mapping[str, Any]) -> dict[str, Any]:
    """One control per parameter that matters, in the units people use, by field name."""
    import ipywidgets as widgets

    layout = widgets.Layout(width="97%")
    look = {"style": {"description_width": "9em"}, "layout": layout}

    def slide(name: str, low: float, high: float, form: str = ".3g") -> Any:
        words, size = style.axis_words(name)
        value = float(np.clip(values[name], low, high)) / size
        return widgets.FloatLogSlider(
            value=value, base=10, min=np.log10(low / size), max=np.log10(high / size), step=0.02,
            description=words, readout_format=form, **look,
        )  # fmt: skip

    names = list(COMPARABLE.values())
    merged = COMPARED["backpressure"]
    driver = values.get("driver", merged)
    return {
        **{name: slide(name, *ends) for name, ends in SLIDERS.items()},
        "streams": widgets.IntSlider(value=values["streams"], min=1, max=16, description="Streams", **look),
        "qdisc": widgets.Dropdown(options=list(QDISCS), value=values["qdisc"], description="qdisc", **look),
        "driver": widgets.Dropdown(
            options=COMPARABLE, value=driver if driver in names else merged, description="Backpressure", **look
        ),
    }
