"""Every source id in every file of a results folder carries its link, or says that it has none."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from tunbp.results.output import Output
from tunbp.site.finish import finish
from tunbp.sources import link, named, sources


def unlinked(path: Path) -> list[str]:
    """Ids of sources in a file that neither are links nor say that there is none."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".html":
        text = re.sub(r"data:[^\"']+|<(style|script).*?</\1>", "", text, flags=re.S)
        # a summary opens what it sums up, whose caption has the links
        text = re.sub(r"<summary>.*?</summary>", "", text, flags=re.S)
        text = re.sub(r"<a\b[^>]*\bhref=.*?</a>|<[^>]+>", " ", text, flags=re.S)
        return [name for name in named(text) if f"{name} (no link)" not in text]
    if path.suffix == ".tex":
        return [name for name in named(text) if f"{name} (no link)" not in text]
    if path.suffix == ".csv":
        known = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["sources"]
        return [name for name in named(text) if name not in known]
    if path.suffix == ".json":
        record = json.loads(text)
        known = record.get("sources", {}) if isinstance(record, dict) else {}
        assert all((link(name) or "no link") in words for name, words in known.items())
        told = f"{record.get('title', '')} {record.get('caption', '')}" if isinstance(record, dict) else ""
        return [name for name in named(told) if name not in known]
    return []


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources") / "results"
    table = pd.DataFrame({"row": ["a", "b"], "source_id": ["S13", "S28"], "words": ["as in X24", "none"]})
    with Output(folder, "01_sources") as out:
        fig, ax = plt.subplots()
        ax.plot([1, 2], [3, 4])
        out.figure(fig, "picture", "Rates", "Markers: published (S13, S28).", alt="A line that rises.")
        plt.close(fig)
        out.table(table, "rows", "Rows of S13")
        out.finding(1, "57 %", "more, as S03 says", figure="picture", table="rows", sources=["S03"])
    finish(folder)
    return folder


def test_every_id_in_every_file_is_linked(results: Path) -> None:
    files = [path for path in sorted(results.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    written = {path.suffix for path in files}
    assert {".html", ".json", ".csv", ".tex"} <= written
    found = {path.relative_to(results).as_posix(): unlinked(path) for path in files if path.suffix in
             {".html", ".json", ".csv", ".tex"}}  # fmt: skip
    assert {path: names for path, names in found.items() if names} == {}


def test_captions_cells_and_findings_of_the_page_are_links(results: Path) -> None:
    page = (results / "index.html").read_text(encoding="utf-8")
    for name in ("S03", "S13", "X24"):
        assert f'<a href="{link(name)}">{name}</a>' in page
    assert "S28 (no link)" in page
    told = json.loads((results / "tables" / "rows.json").read_text(encoding="utf-8"))["sources"]
    assert set(told) == {"S13", "S28", "X24"}
    assert told["S28"].endswith(f"no link: {sources()['S28'].unresolved}")
    caption = (results / "figures.tex").read_text(encoding="utf-8")
    assert rf"\href{{{link('S13')}}}{{S13}}" in caption


def test_the_results_of_a_whole_run_are_linked() -> None:
    if "TUNBP_RESULTS" not in os.environ:
        pytest.skip("TUNBP_RESULTS does not name the results of a run")
    folder = Path(os.environ["TUNBP_RESULTS"])
    kinds = {".html", ".json", ".csv", ".tex"}
    files = [path for path in folder.rglob("*") if path.suffix in kinds and ".state" not in path.parts]
    found = {path.relative_to(folder).as_posix(): unlinked(path) for path in sorted(files)}
    assert {path: names for path, names in found.items() if names} == {}
