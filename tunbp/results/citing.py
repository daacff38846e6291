r"""How to cite the software and the paper that it reproduces, from `CITATION.cff`; `\tunbpfigure` for LaTeX."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from tunbp.errors import OutputError
from tunbp.plots.style import COLUMN_WIDTH
from tunbp.results.latex import escape
from tunbp.results.provenance import citation
from tunbp.results.provenance import commit as commit_of
from tunbp.sources import linked

_MACRO = r"""\makeatletter
\providecommand{\href}[2]{#2}
\providecommand{\tunbpfigures}{figures}
\newcommand{\tunbpfigure}[2][]{%
  \def\tunbp@float{figure}\@ifundefined{tunbp@wide@#2}{}{\def\tunbp@float{figure*}}%
  \begin{\tunbp@float}
  \centering\sbox0{\includegraphics[#1]{\tunbpfigures/#2}}%
  \ifdim\wd0>\linewidth\resizebox{\linewidth}{!}{\usebox0}\else\usebox0\fi
  \caption{\@ifundefined{tunbp@#2}{\PackageError{tunbp}{no figure #2}{}}{\@nameuse{tunbp@#2}}~\cite{tunbp:#2}.}
  \label{fig:#2}
  \end{\tunbp@float}}
"""
"""A float of one column, or of both for a wide figure; in the size it was drawn in where there is room for it."""


PREAMBLE = r"""@preamble{"\providecommand{\url}[1]{\texttt{\detokenize{#1}}}"}
"""
"""Of every file of entries: BibTeX's own styles show a note and no address, and not every document knows `\\url`."""


def software_bibtex(root: Path, commit: str = "") -> str:
    """BibTeX entry of the software.

    Parameters
    ----------
    root
        Folder with `CITATION.cff`.
    commit
        That of the run that is cited; without it the one of the folder.

    Returns
    -------
    str
        One entry.
    """
    cite, commit = citation(root), commit or commit_of(root)
    # BibTeX's own styles know no @software and show no `version`
    return _entry(
        "misc", "tunbp",
        {"title": f"{{{escape(cite.title)}}}", "author": " and ".join(f"{{{escape(name)}}}" for name in cite.authors),
         "howpublished": f"Software, version {escape(cite.version)}", "year": cite.year, "version": cite.version,
         "doi": cite.doi, "url": cite.url, "note": f"commit {commit[:12]}" if commit not in ("", "unknown") else ""},
    )  # fmt: skip


def paper_bibtex(root: Path) -> str:
    """BibTeX entry of the paper whose results are reproduced: the first reference of `CITATION.cff`.

    Parameters
    ----------
    root
        Folder with `CITATION.cff`.

    Returns
    -------
    str
        One entry.

    Raises
    ------
    OutputError
        If the file names none.
    """
    path = root / "CITATION.cff"
    content = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    papers = [item for item in content.get("references", []) if "paper" in str(item.get("type", ""))]
    if not papers:
        raise OutputError(f"{path}: names no paper under `references`")
    paper: Mapping[str, Any] = papers[0]
    people = [f"{escape(a['family-names'])}, {escape(a['given-names'])}" for a in paper["authors"]]
    place = paper.get("conference", {}) or {}
    fields = {
        "title": f"{{{escape(paper['title'])}}}",
        "author": " and ".join(people),
        "booktitle": escape(str(paper.get("collection-title", place.get("name", "")))),
        "address": escape(str(place.get("city", ""))),
        "year": str(paper.get("year", "")),
        "doi": str(paper.get("doi", "")),
        "url": str(paper.get("url", "")),
        "note": rf"Authors' version: \url{{{paper['url']}}}" if paper.get("url") else "",
    }
    return _entry("inproceedings", f"{people[0].split(',')[0].lower()}{fields['year']}", fields)


def _entry(kind: str, key: str, fields: Mapping[str, str]) -> str:
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
    return f"@{kind}{{{key},\n" + ",\n".join(lines) + "\n}\n"


def figures_tex(figures: Iterable[Mapping[str, Any]], head: str) -> str:
    r"""Content of `figures.tex`: `\tunbpfigure[OPTIONS]{ID}` is a float with its caption, label and citation.

    OPTIONS are those of `\includegraphics`.

    Parameters
    ----------
    figures
        Records of figures.
    head
        Comment at the top.

    Returns
    -------
    str
        LaTeX source.
    """
    lines = [*(f"% {line}" for line in head.splitlines()), _MACRO.rstrip()]
    for record in figures:
        title = str(record["title"]).rstrip(".")
        # the macro ends it, after the citation
        caption = linked(escape(str(record["caption"]).rstrip(". ")), "latex")
        lines.append(rf"\@namedef{{tunbp@{record['id']}}}{{{escape(title)}. {caption}}}")
        if float(record.get("width", 0.0)) > COLUMN_WIDTH:
            lines.append(rf"\@namedef{{tunbp@wide@{record['id']}}}{{}}")
    return "\n".join([*lines, r"\makeatother", ""])


def figures_bib(figures: Iterable[Mapping[str, Any]], root: Path) -> str:
    """Content of `figures.bib`: the software, the paper if one is named, and every figure.

    Parameters
    ----------
    figures
        Records of the figures.
    root
        Folder with `CITATION.cff`.

    Returns
    -------
    str
        BibTeX source.
    """
    figures = list(figures)
    commit = next((str(record["commit"]) for record in figures if "commit" in record), "")
    entries = [PREAMBLE, software_bibtex(root, commit)]
    with contextlib.suppress(OutputError):
        entries.append(paper_bibtex(root))
    return "\n".join([*entries, *(str(record["bibtex"]) for record in figures)])
