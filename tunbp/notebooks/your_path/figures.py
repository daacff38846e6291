"""The sliders of "your path": a rough picture while they move, the prediction of the command once they rest."""

from __future__ import annotations

import html
import io
import os
import threading
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tunbp.escape import html_sentence
from tunbp.infer.priors import products
from tunbp.model.drivers import COMPARED
from tunbp.model.fields import FIELDS
from tunbp.model.qdiscs import QDISCS
from tunbp.notebooks.your_path.tables import Answer, changed, fields_of, path_of, told_of
from tunbp.plots import style
from tunbp.plots.fans import PANELS, fans, view
from tunbp.plots.texts import Text
from tunbp.prediction import Prediction
from tunbp.prediction.card import card
from tunbp.prediction.measured import Told
from tunbp.prediction.path import Path
from tunbp.prediction.products import product
from tunbp.quantities import show

if TYPE_CHECKING:
    from tunbp.results.output import Output

TEXTS = {
    "your_path": Text(
        "Throughput and ping of your path against txqueuelen",
        "Left and right: stock and backpressure, median of the draws of what is not known and 90 % of them (edged as "
        "their line), with the model's error; below 64 packets of ring that error is larger. Middle: the gain within "
        "each draw, which is surer than the bands at its sides, as what is not known moves both. Dotted: the present "
        "txqueuelen. No ping is shorter than the round trip of the idle path; it grows most where the reader is slower "
        "than the path (live_openvpn).",
        "Three panels over txqueuelen: throughput and ping under load with a line and a band for stock and for "
        "backpressure, and between them the gain with its bands.",
    ),
}
"""Words of each figure, by its id."""

SCREEN_DPI = 110

DRAFT_DRAWS, DRAFT_STEPS, DRAFT_RINGS = 16, 3e6, 6
"""Draws, scenario-steps and rings of a rough picture: about a tenth of a second."""

STEP = 0.02
"""Step of a slider, in decades."""

REST = 0.7
"""Seconds without a movement after which the whole prediction is computed, s."""

SLIDERS: dict[str, tuple[Any, ...]] = {
    "rtt": (1e-4, 0.5), "ring": (1, 10_000, ".0f"), "measured_rate": (1e5, 20e9), "path_rate": (1e2, 2e6),
    "drain_rate": (1e3, 2e6), "receive_window": (5e4, 64e6),
}  # fmt: skip
"""Ends of the logarithmic sliders in SI units, by parameter."""

OPTIONAL = ("measured_rate", "path_rate", "drain_rate", "receive_window")
"""Parameters that may be unknown: a box beside the slider says whether it is known."""


class Redraw:
    """A picture of a prediction that is redrawn by moving its lines and bands, faster than a new figure.

    Parameters
    ----------
    found
        First prediction shown.
    """

    def __init__(self, found: Prediction) -> None:
        import matplotlib as mpl
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        # no layout engine: the layout is settled once, a redraw must not measure every label again
        with style_context(), mpl.rc_context({"figure.constrained_layout.use": False}):
            self.figure = Figure(figsize=(style.TEXT_WIDTH, 2.7), dpi=SCREEN_DPI)
            self.canvas: Any = FigureCanvasAgg(self.figure)
            self.axes = self.figure.subplots(1, 2)
            self.lines: dict[tuple[str, str], Any] = {}
            self.bands: dict[tuple[str, str], Any] = {}
            for ax, (name, words, unit) in zip(self.axes, PANELS, strict=True):
                for variant in COMPARED:
                    look = style.variant_style(variant)
                    shown = {"color": look.color, "linestyle": look.linestyle, "label": look.label}
                    (self.lines[name, variant],) = ax.plot([1, 10], [1, 1], **shown)
                    self.bands[name, variant] = ax.fill_between([1, 10], [1, 1], alpha=0.18, color=look.color, lw=0)
                ax.set_xscale("log")
                style.label_field(ax.xaxis, "ring")
                style.label_axis(ax.yaxis, words, unit)
            self.marks = [ax.axvline(found.ring, color="black", linewidth=0.8, linestyle=":") for ax in self.axes]
            self.axes[0].legend(loc="best", title="median, 90 %")
        self.figure.subplots_adjust(0.085, 0.17, 0.99, 0.96, 0.22)
        self.png = b""
        self.show(found)

    def show(self, found: Prediction) -> bytes:
        """Draw another prediction; returns the PNG.

        Parameters
        ----------
        found
            What is drawn.

        Returns
        -------
        bytes
            The picture.
        """
        rings = found.draws["ring"].to_numpy().astype(float)
        ends = found.draws[[name for name, *_ in PANELS]].quantile([0.05, 0.5, 0.95], "draw")
        for (name, variant), line in self.lines.items():
            low, middle, high = ends[name].sel(variant=variant).transpose("quantile", "ring").to_numpy()
            line.set_data(rings, middle)
            outline = np.concatenate([np.column_stack([rings, low]), np.column_stack([rings, high])[::-1]])
            self.bands[name, variant].set_verts([outline])
        for ax, mark, (name, *_) in zip(self.axes, self.marks, PANELS, strict=True):
            values = ends[name].to_numpy()
            ax.set_ylim(*view(name, float(values.min()), 1.1 * max(float(values.max()), 1e-6)))
            ax.set_xlim(rings.min() * 0.8, rings.max() * 1.25)
            mark.set_xdata([found.ring, found.ring])
        picture = io.BytesIO()
        with style_context():
            # a screen picture: speed matters, size does not
            self.canvas.print_png(picture, pil_kwargs={"compress_level": 1})
        self.png = picture.getvalue()
        return self.png


def write(out: Output, told: Answer) -> Any:
    """Draw and write the figure of an answer, with its card as caption.

    Parameters
    ----------
    out
        Results of the notebook.
    told
        What `tunbp.notebooks.your_path.tables.answer` returned.

    Returns
    -------
    matplotlib.figure.Figure or None
        None where no prediction follows, or its rows would only mislead.
    """
    if not told.shown or told.found is None:
        return None
    found = told.found
    figure = fans(found.draws, found.ring, found.used)
    caption = "\n".join([*told.sentences, TEXTS["your_path"].caption]).replace("`", "")
    out.figure(figure, "your_path", caption=caption, data=found.draws[["received_rate", "latency"]])
    return figure


def style_context() -> Any:
    """The house style for as long as the context lasts."""
    import matplotlib as mpl

    return mpl.rc_context(fname=style.style_file())


def watched() -> bool:
    """Whether somebody sits before this notebook: a kernel started by Jupyter's or an editor's session."""
    return "JPY_SESSION_NAME" in os.environ or "VSCODE_PID" in os.environ


def explore(values: Mapping[str, Any]) -> Any:
    """Sliders with the figure and the advice; None in a batch run, where `interactive` is false, or of a bad trace.

    Parameters
    ----------
    values
        Parameters of the notebook by name.

    Returns
    -------
    ipywidgets.VBox or None
        The sliders with figure and advice.
    """
    if not values.get("interactive", True) or not watched():
        return None
    told = told_of(values)
    if told is not None and told.cannot and values.get("measured_rate") is None:
        return None  # the card has said why no prediction follows
    return Explorer(values, told).box


class Explorer:
    """Sliders, picture and card of one path.

    Parameters
    ----------
    values
        Parameters of the notebook by name: where the sliders start.
    told
        What a trace says: sliders start there instead, and its runs choose among the draws wherever they are moved.
    """

    def __init__(self, values: Mapping[str, Any], told: Told | None = None) -> None:
        import ipywidgets as widgets

        self.told = told
        if told is not None:
            unsaid = dict.fromkeys(name for name in OPTIONAL if name in FIELDS)
            values = {**values, **unsaid, **told.fields, **changed(values)}
            # from here on its fields are where the sliders stand
            self.told = replace(told, fields={n: value for n, value in told.fields.items() if n not in values})
        self.values = values
        self.drawing = threading.Lock()
        self.controls, self.known = controls(values)
        self.start = {name: self.controls[name].value for name in SLIDERS}
        self.stood = self.given()
        # the first call of a kind compiles it; a slider must not wait for that
        found = self.draft()
        self.redraw = Redraw(found)
        self.image = widgets.Image(value=self.redraw.png, format="png")
        self.card = widgets.HTML()
        # a slider tells a screen reader the exponent it stands at: this line is what is heard, and seen, instead
        self.heard = widgets.HTML()
        self.timer: threading.Timer | None = None
        self.show(found, rough=True)
        for name, control in (*self.controls.items(), *self.known.items()):
            control.observe(partial(self.moved, name), names="value")
        rows = [
            widgets.HBox([control, *([self.known[name]] if name in self.known else [])])
            for name, control in self.controls.items()
        ]
        grid = widgets.GridBox(rows, layout=widgets.Layout(grid_template_columns="repeat(2, 50%)"))
        self.box = widgets.VBox([grid, self.heard, self.image, self.card])

    def moved(self, name: str, _: Any) -> None:
        """Say where a control stands now, and redraw.

        Parameters
        ----------
        name
            Field that the control is of.
        _
            The change as ipywidgets tells it.
        """
        value = self.given()[name]
        if value != self.stood[name]:  # not what the screen moves to its nearest step
            self.heard.value = f'<p role="status">{html.escape(spoken(name, value))}</p>'
        self.stood = self.given()
        self.update()

    def given(self) -> dict[str, Any]:
        """Parameters where the sliders stand."""
        given = {name: control.value for name, control in self.controls.items()}
        for name, start in self.start.items():
            # the screen moves a slider to its nearest step: as long as nobody moves it further, its value stays
            rests = abs(np.log10(given[name] / start)) <= STEP and self.values[name] is not None
            given[name] = self.values[name] if rests else given[name] * face(name, given["product"])[1]
        given["ring"] = max(round(given["ring"]), 1)
        given |= {name: None for name, box in self.known.items() if not box.value}
        return {**self.values, **given}

    def path(self, given: Mapping[str, Any]) -> Path:
        """The path where the sliders stand, which override the trace as options do.

        Parameters
        ----------
        given
            Parameters of the notebook by name, see `given`.

        Returns
        -------
        Path
            To be predicted.
        """
        return path_of(given, self.told, fields_of(given))

    def draft(self) -> Prediction:
        """A rough prediction: few draws, few rings, short runs."""
        rings = list(self.values["rings"])
        few = rings[:: -(-len(rings) // DRAFT_RINGS)]
        return self.path(self.given()).predict(few, DRAFT_DRAWS, int(self.values["seed"]), DRAFT_STEPS)

    def update(self) -> None:
        """Redraw roughly now, and precisely when the sliders rest."""
        self.show(self.draft(), rough=True)
        if self.timer is not None:
            self.timer.cancel()
        self.timer = threading.Timer(REST, self.refine)
        self.timer.daemon = True
        self.timer.start()

    def refine(self) -> None:
        """Show the prediction that `tunbp predict` gives for the same values."""
        given = self.given()
        found = self.path(given).predict(given["rings"], int(given["draws"]), int(given["seed"]))
        if given == self.given():  # nothing moved meanwhile
            self.show(found, rough=False)

    def show(self, found: Prediction, rough: bool) -> None:
        """Bring a prediction to the screen.

        Parameters
        ----------
        found
            The prediction.
        rough
            Whether a finer one follows, which the line below says.
        """
        # a slider that moves and the timer of one that rests are two threads, and there is one figure
        with self.drawing:
            self.image.value = self.redraw.show(found)
        # rows of constants that do not give the run would only mislead: the card says why
        self.image.layout.display = "none" if found.fit is not None and not found.fit.reproduced else None
        device = self.told.device if self.told else ""
        lines = card(found, device, program=self.controls["product"].value, more=not rough).sentences
        words = "".join(f"<p>{html_sentence(line)}</p>" for line in lines)
        state = "rough, refining" if rough else f"{found.draws.sizes['draw']} draws"
        self.card.value = f"<p><i>{state}</i></p>{words}"


def face(name: str, program: str) -> tuple[str, float]:
    """Label of a parameter's slider, and the size of the unit that it shows: rates of a path in Mbit/s of payload.

    Parameters
    ----------
    name
        A parameter of the notebook.
    program
        The product, whose packets a rate is of.

    Returns
    -------
    tuple[str, float]
        Label with unit, and how many SI units that unit is.

    Examples
    --------
    >>> face("rtt", "openvpn"), face("measured_rate", "openvpn")
    (('Round-trip time (ms)', 0.001), ('Carries now (Mbit/s)', 1000000.0))
    """
    if name == "measured_rate":
        return "Carries now (Mbit/s)", 1e6
    if name == "path_rate":
        return "Link rate (Mbit/s)", 1e6 / (8.0 * float(product(program).fields.get("mss", FIELDS["mss"].default)))
    return style.axis_words(name)


def spoken(name: str, value: Any) -> str:
    """A field and its value as they are said, with a unit.

    Parameters
    ----------
    name
        A parameter of the notebook.
    value
        In SI units; None: not known.

    Returns
    -------
    str
        A few words.

    Examples
    --------
    >>> spoken("rtt", 0.08), spoken("qdisc", "fq_codel"), spoken("path_rate", None)
    ('round-trip time: 80 ms', 'qdisc: fq_codel', 'link rate: not known')
    """
    field = FIELDS.get(name)
    words = name.replace("_", " ") if field is None else field.long_name
    if value is None:
        return f"{words}: not known"
    if name == "measured_rate":
        return f"{words}: {show(value, 'bit/s', 3)}"
    return f"{words}: {value if isinstance(value, str) or field is None else show(value, field.units, 3)}"


def controls(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """One control per parameter that matters, in the units people use, and the boxes of what may be unknown.

    Parameters
    ----------
    values
        Parameters of the notebook by name.

    Returns
    -------
    tuple[dict[str, Any], dict[str, Any]]
        Controls by parameter, and boxes by parameter.
    """
    import ipywidgets as widgets

    look = {"style": {"description_width": "12em"}, "layout": widgets.Layout(width="80%")}

    def slide(name: str, low: float, high: float, form: str = ",.3r") -> Any:
        words, size = face(name, values["product"])
        start = values[name] if values[name] is not None else np.sqrt(low * high)
        value = float(np.clip(start, low, high)) / size
        return widgets.FloatLogSlider(
            value=value, base=10, min=np.log10(low / size), max=np.log10(high / size), step=STEP,
            description=words, readout_format=form, **look,
        )  # fmt: skip

    def known(name: str) -> Any:
        layout = widgets.Layout(width="20%")
        return widgets.Checkbox(values[name] is not None, description="known", indent=False, layout=layout)

    def choose(words: str, options: list[str], value: str) -> Any:
        return widgets.Dropdown(options=options, value=value, description=words, **look)

    found = {
        "product": choose("Program", list(products()), values["product"]),
        **{name: slide(name, *ends) for name, ends in SLIDERS.items()},
        "streams": widgets.IntSlider(value=values["streams"], min=1, max=16, description="Streams", **look),
        "qdisc": choose("qdisc", list(QDISCS), values["qdisc"]),
    }
    return found, {name: known(name) for name in OPTIONAL}
