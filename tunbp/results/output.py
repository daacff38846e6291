"""What a notebook writes: figures with their provenance inside, tables, and headline numbers."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from tunbp import opened
from tunbp.errors import OutputError
from tunbp.escape import visible
from tunbp.plots.legend import lead_to
from tunbp.plots.stacked import stacked
from tunbp.plots.style import COLUMN_WIDTH, style_file
from tunbp.plots.tables import in_shown_units
from tunbp.plots.texts import Text
from tunbp.plots.tidy import need, rows
from tunbp.project import project_root
from tunbp.results import citing, files, latex, provenance
from tunbp.results.numbers import Number, macro_name
from tunbp.sources import cite, link, named, source

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("pdf", "svg", "png")
NARROW = "narrow.svg"
"""Ending of a wide figure's twin with its panels below each other, for phones."""


Shown = str | tuple[str, str] | tuple[str, str, int]
"""Unit of a printed column: SI, SI and the unit to show, or both and the significant digits."""

DIGITS = 3
"""Significant digits of printed quantities: what simulations and repeated measurements bear."""


class Output:
    """Results of one notebook run: `figures/`, `tables/` and `numbers/` under the folder of results.

    The same commit, parameters and inputs give the same bytes in every file. Nothing here knows the time.

    Parameters
    ----------
    out_dir
        Folder of results; a relative path is relative to the project root, wherever the notebook runs.
    notebook
        Name of the notebook, e.g. `"01_openvpn_throughput"`.
    params
        Its parameters: a mapping or a pydantic model. `out_dir` is not part of their hash.
    inputs
        Files that it reads by other means than this package: paths (relative to the working directory or the
        project root), or a mapping of name to path or sha256. What the package reads is recorded by itself.
    texts
        Title, caption and alternative text by figure id, for figures written without them.
    variant
        Name of the parameter file when the notebook runs with several of them; part of the name of the run,
        not of the names of figures: those must be unique over all runs.

    Raises
    ------
    OutputError
        If an input does not exist, or a figure, table or number name is used twice.

    Examples
    --------
    In a notebook::

        out = Output("results", "01_openvpn_throughput", params)
        out.figure(fig, "openvpn_ring", "Throughput over ring size", "OpenVPN over 120 ms ...", data=table)
        out.table(errors, "openvpn_errors", "Model against published values")
        out.number("openvpn_gain", 57.2, "%", text="gain of backpressure at a ring of 500 packets")
        out.close()
    """

    def __init__(
        self,
        out_dir: str | Path = "results",
        notebook: str = "",
        params: Any = None,
        inputs: Iterable[Any] | Mapping[str, Any] = (),
        *,
        variant: str = "",
        texts: Mapping[str, Text] | None = None,
    ) -> None:
        if not notebook:
            raise OutputError("Output: the name of the notebook is missing, e.g. '01_openvpn_throughput'")
        self.notebook = notebook
        self.run = f"{notebook}.{variant}" if variant else notebook
        self.folder = (project_root() / Path(out_dir).expanduser()).resolve()
        self._collected = provenance.collect(self.run, params, inputs)
        self._opened_from = opened.mark()
        self.texts = dict(texts or {})
        self.save_figures = _save_figures(params)
        self.figures: list[str] = []
        self.tables: list[str] = []
        self.numbers: dict[str, Number] = {}
        self.findings: list[dict[str, Any]] = []

    @property
    def provenance(self) -> provenance.Provenance:
        """Where results come from as far as known now: the inputs are those read since this was made."""
        return self._collected.with_inputs(opened.since(self._opened_from))

    def figure(
        self, fig: Figure, id: str, title: str = "", caption: str = "", data: Any = None, *, alt: str = ""
    ) -> Path:
        """Write a figure as PDF, SVG and PNG, with `ID.json` and `ID.bib` beside it; a wide one as `ID.narrow.svg` too.

        With the parameter `save_figures` false nothing is written; the notebook only shows the figure.

        Parameters
        ----------
        fig
            The figure; it stays open, so a notebook shows it inline.
        id
            Name of its files: letters, digits, underscores, unique over all notebooks.
        title
            One line; default from `texts`.
        caption
            What to see in it and what it does not show, one or more sentences; default from `texts`.
        data
            The numbers plotted: a DataFrame, Dataset or mapping of them; default all points on the axes.
        alt
            Text for those who cannot see it; default from `texts`, else the title.

        Returns
        -------
        Path of the PDF.

        Raises
        ------
        OutputError
            If the id is not a good name or already used by this or another run, or there is no title.
        """
        known = self.texts.get(id, Text("", ""))
        title, caption = title or known.title, caption or known.caption
        if not title:
            raise OutputError(f"figure {id!r} of {self.run}: has no title")
        path = self.folder / "figures" / id
        if not self.save_figures:
            return path.with_suffix(".pdf")
        self._claim(id, self.figures, "figures", ".json")
        import matplotlib as mpl

        origin = self.provenance
        links = {name: link(name) for name in named(f"{title} {caption}") if link(name)}
        kinds = [*FORMATS, NARROW] if fig.get_figwidth() > COLUMN_WIDTH else FORMATS
        record = {
            "id": id,
            "title": title,
            "caption": caption,
            "alt": alt or known.alt or title,
            "sources": {name: cite(name) for name in named(f"{title} {caption}")},
            "files": [f"{id}.{kind}" for kind in kinds],
            "bibtex": provenance.bibtex(id, title, origin, links),
            "width": float(fig.get_figwidth()),
            "data": files.plain(data if data is not None else plotted(fig)),
            **origin.record(),
        }
        if origin.link:
            lead_to(fig, origin.link)
        with mpl.rc_context(fname=style_file()):
            contents = {kind: self._render(fig, kind, record) for kind in FORMATS}
            if NARROW in kinds:
                with stacked(fig):
                    contents[NARROW] = self._render(fig, "svg", record)
        for kind, content in contents.items():
            files.write(path.with_suffix(f".{kind}"), content)
        files.write(path.with_suffix(".bib"), f"{citing.PREAMBLE}{record['bibtex']}")
        files.write_json(path.with_suffix(".json"), record)
        return path.with_suffix(".pdf")

    def _render(self, fig: Figure, kind: str, record: Mapping[str, Any]) -> bytes:
        buffer = io.BytesIO()
        # savefig.dpi of the style, whatever the notebook's screen has
        fig.savefig(buffer, format=kind, metadata=_metadata(kind, record), bbox_inches=None, facecolor="white")
        return buffer.getvalue()

    def table(
        self,
        df: pd.DataFrame | xr.Dataset,
        id: str,
        caption: str,
        printed: Mapping[str, Shown] | pd.DataFrame | None = None,
    ) -> Path:
        """Write a table as `tables/ID.csv` and as LaTeX (booktabs) `tables/ID.tex`.

        Parameters
        ----------
        df
            The table, SI units, one row per case; missing values stay empty. A named index becomes columns.
        id
            Name of its files, unique over all notebooks.
        caption
            What the rows are.
        printed
            Columns of the LaTeX table, each with its SI unit, `(SI unit, unit to show)`, both and the significant
            digits, or `""` for one without a unit; or the rows to print, as they are to be read; None: all columns in
            SI. The CSV always has all.

        Returns
        -------
        Path of the CSV.

        Raises
        ------
        OutputError
            If the id is not a good name or already used by this or another run.
        """
        self._claim(id, self.tables, "tables", ".json")
        frame = rows(df)
        path = self.folder / "tables" / id
        files.write(path.with_suffix(".csv"), frame.to_csv(index=False, float_format="%.10g", lineterminator="\n"))
        files.write(path.with_suffix(".tex"), latex.table(_printed(frame, printed), id, caption))
        files.write_json(
            path.with_suffix(".json"),
            {
                "id": id,
                "caption": caption,
                "sources": _sources(frame, caption),
                "curated": None if printed is None else _curated(_printed(frame, printed)),
                "files": [f"{id}.csv", f"{id}.tex"],
                **self.provenance.record(),
            },
        )
        return path.with_suffix(".csv")

    def number(
        self,
        name: str,
        value: float,
        unit: str = "1",
        uncertainty: float | tuple[float, float] | None = None,
        text: str = "",
        *,
        shown: str | None = None,
        digits: int = 3,
    ) -> Number:
        r"""Note a headline number; it becomes a row of `numbers.json` and a LaTeX command.

        Parameters
        ----------
        name
            Letters, digits, underscores; unique over all notebooks. `openvpn_gain` -> `\OpenvpnGain`.
        value, unit
            In SI (`"bit/s"`, `"s"`, `"packet/s"`, `"1"`), or `"%"` for a ratio given in percent.
        uncertainty
            Half width, or `(low, high)`, same unit.
        text
            What it is, in words.
        shown, digits
            Unit to show (default Mbit/s, ms, Kpps) and significant digits when there is no uncertainty.

        Returns
        -------
        The number; `str()` of it is value, uncertainty and unit as a sentence needs them.

        Raises
        ------
        OutputError
            If the name is not a good one or already used with another value.
        """
        if isinstance(uncertainty, (tuple, list)):
            uncertainty = (float(uncertainty[0]), float(uncertainty[1]))
        elif uncertainty is not None:
            uncertainty = float(uncertainty)
        number = Number(name, float(value), unit, uncertainty, text, shown, digits)
        macro_name(name)
        str(number)
        if self.numbers.setdefault(name, number) != number:
            raise OutputError(f"number {name!r} of {self.run}: noted twice, as {self.numbers[name]} and {number}")
        return number

    def finding(
        self,
        place: int,
        number: str,
        sentence: str,
        detail: str = "",
        *,
        figure: str = "",
        table: str = "",
        sources: Sequence[str] = (),
    ) -> None:
        """Note a finding: one of the few sentences that the results page opens with; docs and README quote it.

        Parameters
        ----------
        place
            Where among the findings of all notebooks it stands.
        number
            The number that says it, as people read it, e.g. `"57.2 %"`; the sentence goes on after it.
        sentence
            What was found, in one sentence.
        detail
            Its interval, what limits it, what others said of it in their words.
        figure, table
            Ids of the figure that shows it and of the table with every number of it.
        sources
            Ids of the sources whose values it rests on; none for measurements of our own.
        """
        links = {name: {"what": source(name).what, "link": link(name)} for name in sources}
        words = {"number": number, "sentence": sentence, "detail": detail}
        self.findings.append({"place": place, **words, "figure": figure, "table": table, "sources": links})

    def close(self) -> Path:
        """Write `numbers/RUN.json` (numbers, outputs, parameters, inputs) and drop what a former run left.

        Returns
        -------
        Path of the JSON.
        """
        path = self.folder / "numbers" / f"{self.run}.json"
        self._drop_leftovers()
        return files.write_json(
            path,
            {
                "notebook": self.notebook,
                "figures": self.figures,
                "tables": self.tables,
                "findings": self.findings,
                "numbers": {name: number.record() for name, number in self.numbers.items()},
                **self.provenance.record(),
            },
        )

    def headlines(self) -> pd.DataFrame:
        """Headline numbers noted so far: `number` in words, `value` as shown, `LaTeX` command of `numbers.tex`."""
        rows = [(item.text or item.name, str(item), macro_name(item.name)) for item in self.numbers.values()]
        return pd.DataFrame(rows, columns=["number", "value", "LaTeX"])

    def __enter__(self) -> Output:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()

    def _claim(self, id: str, used: list[str], folder: str, suffix: str) -> None:
        """Take a name for this run, or say who has it."""
        if not id.replace("_", "").isalnum() or not id.isascii():
            raise OutputError(f"{folder[:-1]} id {id!r}: use letters, digits and underscores only")
        if id in used:
            raise OutputError(f"{folder[:-1]} {id!r} of {self.run}: written twice in one run")
        other = _owner(self.folder / folder / f"{id}{suffix}")
        if other not in (None, self.run):
            raise OutputError(f"{folder[:-1]} {id!r} of {self.run}: the name is taken by run {other}")
        used.append(id)

    def _drop_leftovers(self) -> None:
        """Remove figures and tables that an earlier run of this notebook wrote and this one did not."""
        for folder, kept in (("figures", self.figures), ("tables", self.tables)):
            for record in sorted((self.folder / folder).glob("*.json")):
                if record.stem not in kept and _owner(record) == self.run:
                    for path in sorted(record.parent.glob(f"{record.stem}.*")):
                        path.unlink()


def _curated(shown: pd.DataFrame) -> dict[str, Any]:
    """A printed table for the results page, whose columns stay in their order."""
    return {"columns": list(map(str, shown)), "rows": [files.plain(list(row)) for row in shown.itertuples(index=False)]}


def _printed(frame: pd.DataFrame, columns: Mapping[str, Shown] | pd.DataFrame | None) -> pd.DataFrame:
    """The columns to print, in the units to show, which their names tell."""
    if isinstance(columns, pd.DataFrame):
        return columns
    columns = dict.fromkeys(map(str, frame), "") if columns is None else columns
    need(frame, *columns)
    units = {name: given if isinstance(given, str) else given[:2] for name, given in columns.items() if given}
    table, heads = in_shown_units(frame[list(columns)], units)
    for name in (column for column in columns if pd.api.types.is_float_dtype(table[column])):
        given = columns[name]
        digits = DIGITS if isinstance(given, str) or len(given) < 3 else given[2]
        table[name] = [float(f"{value:.{digits - 1}e}") for value in table[name]]
    return table.rename(columns=heads)


def _sources(frame: pd.DataFrame, caption: str) -> dict[str, str]:
    """Every source that a table or its caption names, with its link."""
    texts = [str(cell) for column in frame.select_dtypes(exclude="number") for cell in frame[column]]
    return {name: cite(name) for name in sorted(named(" ".join([caption, *texts])))}


def _save_figures(params: Any) -> bool:
    found = params.get("save_figures", True) if isinstance(params, Mapping) else getattr(params, "save_figures", True)
    return bool(found)


def _owner(record: Path) -> str | None:
    """Run that wrote a figure or table; None when there is no record of it."""
    import json

    try:
        return str(json.loads(record.read_text())["run"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _metadata(kind: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata of a figure file in the words of its format; no dates: equal content is equal bytes."""
    cite, software = f"How to cite: {record['cite']}", f"tunbp {record['versions']['tunbp']}"
    facts = (
        f"figure={record['id']}; commit={record['commit']}; "
        f"parameters-sha256={record['parameters_sha256']}; inputs-sha256={record['inputs_sha256']}; "
        f"command={record['command']}"
    )
    common = {"Title": f"{record['title']} (figure {record['id']})"}
    author, caption = str(record["cite"]).split(".")[0], str(record["caption"])
    if kind == "pdf":
        own = {
            "Author": author,
            "Subject": cite,
            "Keywords": facts,
            "Creator": software,
            "CreationDate": None,
        }
    elif kind == "svg":
        own = {"Creator": author, "Description": caption, "Identifier": facts, "Source": software}
        own |= {"Relation": cite, "Date": None}
    else:
        own = {
            "Author": author,
            "Description": caption,
            "Source": facts,
            "Comment": cite,
            "Software": software,
        }
    # control characters are no characters of XML
    return {name: visible(value) if isinstance(value, str) else value for name, value in (common | own).items()}


def plotted(fig: Figure) -> list[dict[str, Any]]:
    """Numbers found on a figure: per axes its labels and the points of every line, band, bar and map.

    Parameters
    ----------
    fig
        The figure as it was drawn.

    Returns
    -------
    list[dict[str, Any]]
        One entry per axes.
    """
    return [_plotted_on(ax) for ax in fig.axes]


def _plotted_on(ax: Axes) -> dict[str, Any]:
    from matplotlib.collections import PathCollection, QuadMesh
    from matplotlib.patches import Rectangle

    record: dict[str, Any] = {"x": ax.get_xlabel(), "y": ax.get_ylabel(), "title": ax.get_title()}
    record["lines"] = [
        {"x": _column(line.get_xdata()), "y": _column(line.get_ydata())}
        for line in ax.lines
        if np.size(line.get_xydata())
    ]
    patches = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    record["bars"] = [files.plain([p.get_x(), p.get_y(), p.get_width(), p.get_height()]) for p in patches]
    record["points"] = [
        files.plain(np.asarray(part.get_offsets())) for part in ax.collections if isinstance(part, PathCollection)
    ]
    record["maps"] = [
        files.plain(np.ma.filled(np.ma.asarray(part.get_array()), np.nan))
        for part in ax.collections
        if isinstance(part, QuadMesh)
    ]
    return {name: value for name, value in record.items() if value not in ("", [])}


def _column(values: Any) -> Any:
    return files.plain(np.asarray(values))
