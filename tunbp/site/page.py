"""The page of a run: one HTML file with every figure, number and table, that needs no network."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd

from tunbp.plots.style import VARIANTS
from tunbp.plots.texts import opening
from tunbp.quantities import label_unit, significant
from tunbp.results import files
from tunbp.results.numbers import macro_name
from tunbp.results.output import NARROW
from tunbp.site import notebook_page, statements
from tunbp.site.collected import Collected
from tunbp.site.templates import render

TITLE = "tunbp: results"
MAIN_TABLES = {
    "claims": ("Claims", "Claims: statements of others, and our own questions"),
    "coverage": ("Reproduced", "Reproduced: what was published and is here"),
    "validation": ("Validation", "Validation: the model against published values"),
}
"""Tables that have a section of their own, if a notebook wrote them: its name in the list of sections, its heading."""

_GOOD = re.compile(r"(?i)(ok|yes|true|holds|confirmed|reproduced|within|pass(ed)?|agrees)\b")
_BAD = re.compile(r"(?i)(no|false|wrong|past|outside|fail(s|ed)?|contradict\w*|refuted)\b")
_SVG_LIMIT = 400_000
"""Letters from which the PNG is the smaller picture."""


@dataclass(frozen=True)
class Cell:
    """One cell of a table: its text, what it is sorted by, and its classes."""

    text: str
    key: str | None
    classes: str


def build(collected: Collected, environment: Mapping[str, Any]) -> str:
    """HTML of the page.

    Parameters
    ----------
    collected
        What the notebooks wrote.
    environment
        Content of `environment.json`.

    Returns
    -------
    The page as text; the same input gives the same text.
    """
    tables = {name: _table(collected.folder, record) for name, record in collected.tables.items()}
    main_tables = [
        tables.pop(name) | {"name": short, "heading": heading}
        for name, (short, heading) in MAIN_TABLES.items()
        if name in tables
    ]
    findings = _findings(collected)
    sections = [("findings", "Findings")] if findings else []
    sections += [("your-path", "Your path")] if findings and "your_path" in collected.figures else []
    sections += [("figures", "Figures")]
    sections += [(table["id"], table["name"]) for table in main_tables]
    sections += [("numbers", "Numbers"), ("tables", "Tables"), ("notebooks", "Notebooks"), ("parameters", "Parameters")]
    sections += [("environment", "Environment")]
    cite = next((str(run["cite"]) for run in collected.runs.values()), "")
    return render(
        "index.html.j2",
        title=TITLE,
        commit=collected.commit,
        cite=f"How to cite: {cite}" if cite else "",
        looks=_looks(),
        runs=[_run(collected, name, run) for name, run in collected.runs.items()],
        figures=collected.figures,
        findings=findings,
        numbers=[
            {"name": n.name, "text": n.text, "shown": str(n), "macro": macro_name(n.name)}
            for n in sorted(collected.numbers.values(), key=lambda n: (collected.numbers_from[n.name], n.name))
        ],
        tables=_grouped(tables, collected),
        count=len(collected.tables),
        main_tables=main_tables,
        failures=[{"notebook": name, "error": error} for name, error in collected.failures.items()],
        sections=sections,
        environment=_flat(environment),
    )


def _grouped(tables: Mapping[str, dict[str, Any]], collected: Collected) -> list[tuple[str, list[dict[str, Any]]]]:
    """Tables by the notebook that wrote them, in its order."""
    groups = [
        (_title(collected, name, run), [tables[key] for key in run["tables"] if key in tables])
        for name, run in collected.runs.items()
    ]
    return [(title, found) for title, found in groups if found]


def _title(collected: Collected, name: str, run: Mapping[str, Any]) -> str:
    notebook = collected.notebook_file(str(run["notebook"]))
    return (notebook_page.title(nbformat.read(notebook, as_version=4)) if notebook else "") or name


def _findings(collected: Collected) -> list[dict[str, Any]]:
    """Findings of all notebooks in their order, each linked to what of its figure, table and messages is there."""
    noted = [entry for run in collected.runs.values() for entry in run.get("findings", [])]
    return [
        {
            "number": entry["number"],
            # a phone shows what is in front of the colon, and the rest with what limits it
            "head": (parts := entry["sentence"].partition(": "))[0],
            "rest": parts[1] + parts[2],
            "detail": entry["detail"],
            "figure": f"#figure-{entry['figure']}" if entry["figure"] in collected.figures else "",
            "data": f"#table-{entry['table']}" if entry["table"] in collected.tables else "",
            "sources": [
                (name, told["what"], told["link"])
                for name, told in entry["sources"].items()
                if str(told["link"]).startswith("https://")
            ],
        }
        for entry in sorted(noted, key=lambda entry: entry["place"])
    ]


def _looks() -> str:
    stock, backpressure = VARIANTS["stock"], VARIANTS["backpressure"]
    return f"{stock.label} is orange, dashed and round, {backpressure.label} dark blue, solid and square"


def _run(collected: Collected, name: str, run: Mapping[str, Any]) -> dict[str, Any]:
    notebook = collected.notebook_file(str(run["notebook"]))
    page = notebook.with_suffix(".html") if notebook else None
    return {
        "name": name,
        "title": _title(collected, name, run),
        "page": f"notebooks/{page.name}" if page and page.is_file() else "",
        "notebook_file": f"notebooks/{notebook.name}" if notebook else "",
        "figures": [
            _figure(collected.folder / "figures", collected.figures[key])
            for key in run["figures"]
            if key in collected.figures
        ],
        "parameters": [(key, json.dumps(value)) for key, value in sorted(run["parameters"].items())],
        "inputs": run["inputs"],
    }


def _figure(folder: Path, record: Mapping[str, Any]) -> dict[str, Any]:
    name = str(record["id"])
    svg = folder / f"{name}.svg"
    width, height = _size(svg)
    # advice stands line by line above the words about the picture
    *advice, words = str(record["caption"]).split("\n")
    first, more = opening(words)
    narrow = folder / f"{name}.{NARROW}"
    return {
        "id": name,
        "title": str(record["title"]).rstrip(".") + ".",
        "lines": advice,
        "first": first,
        "more": more,
        # what it shows stands below it, and would be read twice
        "alt": f"Figure: {record.get('alt') or str(record['title']).rstrip('.')}",
        "full": f"figures/{name}.svg",
        "image": _embedded(svg),
        "narrow": _embedded(narrow) if narrow.is_file() else "",
        "width": width,
        "height": height,
        # wider than one IEEE column (3.5 in of 72 points)
        "wide": width > 300,
        "bibtex": str(record["bibtex"]).strip(),
        "links": [(kind.upper(), f"figures/{name}.{kind}") for kind in ("pdf", "svg", "png", "json", "bib")],
    }


def _embedded(svg: Path) -> str:
    """A picture as a data URL: coordinates to a hundredth of a point, or its PNG where that is smaller."""
    drawn = _INDENT.sub("\n", _METADATA.sub("", svg.read_text(encoding="utf-8")))
    content = _COORDINATE.sub(lambda number: f"{float(number[0]):.2f}", drawn).encode()
    png = svg.with_suffix(".png")
    if len(content) <= _SVG_LIMIT or not png.is_file():
        return f"data:image/svg+xml;base64,{base64.b64encode(content).decode()}"
    return f"data:image/png;base64,{base64.b64encode(png.read_bytes()).decode()}"


_INDENT = re.compile(r"\n\s+")
_METADATA = re.compile(r"<metadata>.*?</metadata>|<!--.*?-->", re.DOTALL)
_COORDINATE = re.compile(r"-?[1-9]\d*\.\d{3,}")


def _size(svg: Path) -> tuple[int, int]:
    """Width and height of an SVG [points]."""
    with svg.open() as file:
        found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', file.read(4000))
    return (round(float(found[1])), round(float(found[2]))) if found else (252, 173)


_VERDICTS = ("verdict", "met", "agrees", "status")
"""Columns that say whether a row holds: shown right after the first one, in sight on a phone too."""


_RATES = ("bit/s", "packet/s")
_LONG = 60
"""Letters from which a cell is a sentence that needs a wide column."""


def _table(folder: Path, record: Mapping[str, Any]) -> dict[str, Any]:
    name = str(record["id"])
    whole = pd.read_csv(folder / "tables" / f"{name}.csv")
    curated = record.get("curated")
    frame = (
        _readable(whole)
        if curated is None or name in MAIN_TABLES
        else pd.DataFrame(curated["rows"], columns=curated["columns"])
    )
    verdicts = [column for column in _VERDICTS if column in frame.columns[1:]]
    others = [column for column in frame.columns[1:] if column not in verdicts]
    frame = frame[[*frame.columns[:1], *verdicts, *others]]
    numeric = [
        pd.api.types.is_numeric_dtype(frame[column]) and not pd.api.types.is_bool_dtype(frame[column])
        for column in frame.columns
    ]
    return {
        "id": name,
        "caption": record["caption"],
        "title": str(record["caption"]).split(". ")[0].rstrip(".").replace("`", ""),
        "columns": [
            {"name": str(column).replace("_", " "), "numeric": is_number}
            for column, is_number in zip(frame.columns, numeric, strict=True)
        ],
        "rows": [
            [_cell(value, is_number) for value, is_number in zip(row, numeric, strict=True)]
            for row in frame.itertuples(index=False)
        ],
        "links": [("CSV", f"tables/{name}.csv"), ("LaTeX", f"tables/{name}.tex")],
        "claims": statements.claims(whole) if name == "claims" else [],
        "coverage": statements.coverage(whole) if name == "coverage" else [],
    }


def _readable(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of rates that name their SI unit each: in the unit people use, the error in percent right after the names.

    Other tables stay as they are.
    """
    if not {"unit", "error"} <= set(frame) or not set(frame["unit"]) <= set(_RATES):
        return frame
    labels = frame["unit"].map(lambda unit: label_unit(unit)[0])
    sizes = frame["unit"].map(lambda unit: label_unit(unit)[1])
    scaled = {name: frame[name] / sizes for name in ("published", "model", "low", "high") if name in frame}
    # a fitted row is off by the rounding of the arithmetic: that is 0
    percents = (100 * frame["error"]).round(2) + 0.0
    shown = frame.assign(**scaled, unit=labels, error=percents).rename(columns={"error": "error (%)"})
    first = [name for name in ("table", "row", "error (%)", "published", "model", "unit") if name in shown]
    return shown[[*first, *(name for name in shown if name not in first)]]


def _cell(value: Any, numeric: bool) -> Cell:
    if pd.isna(value):
        return Cell("", "", "number" if numeric else "")
    if numeric:
        return Cell(significant(float(value)), f"{float(value):.12g}", "number")
    text = str(value)
    verdict = "good" if _GOOD.match(text) else "bad" if _BAD.match(text) else ""
    # only short texts are verdicts; sentences may start with the same words
    return Cell(text, None, verdict if len(text) <= 32 else "long" if len(text) > _LONG and " " in text else "")


def _flat(content: Mapping[str, Any], above: str = "") -> Sequence[tuple[str, str]]:
    """Nested mapping as (name, value) rows."""
    rows: list[tuple[str, str]] = []
    for name, value in content.items():
        label = f"{above}{name}".replace("_", " ")
        if isinstance(value, Mapping):
            rows += _flat(value, f"{label}: ")
        else:
            rows.append((label, str(value)))
    return rows


def write(collected: Collected, environment: Mapping[str, Any]) -> Path:
    """Write `index.html` into the results folder.

    Parameters
    ----------
    collected
        What is in the folder.
    environment
        What `environment.write` returned.

    Returns
    -------
    Path
        Path of the page.
    """
    return files.write(collected.folder / "index.html", build(collected, environment))
