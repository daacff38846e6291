"""Where a result comes from: commit, versions, hashes of parameters and inputs, and how to cite it."""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

import tunbp
from tunbp.errors import OutputError
from tunbp.project import project_root
from tunbp.results.files import plain, sha256
from tunbp.results.latex import escape

PACKAGES = ("tunbp", "dask", "matplotlib", "numba", "numpy", "pandas", "scipy", "xarray")
"""Packages whose version can change a result."""

IGNORED_PARAMETERS = ("out_dir", "save_figures", "interactive")
"""Parameters that say where to write and what to show: left out of the hash, so that a run has one hash."""


@dataclass(frozen=True)
class Input:
    """One input file of a run: its name (relative to the project when inside it) and its sha256."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Citation:
    """How to cite the project, from `CITATION.cff`; authors who are people are also in `people`."""

    title: str = "tunbp: reproducible research on qdisc backpressure for Linux tun/tap and vhost-net"
    authors: tuple[str, ...] = ("The tunbp authors",)
    people: tuple[str, ...] = ()
    version: str = tunbp.__version__
    year: str = ""
    url: str = ""
    doi: str = ""
    code: str = ""

    @property
    def text(self) -> str:
        """One line: authors, title, version, year, where."""
        where = f"https://doi.org/{self.doi}" if self.doi else self.url
        parts = [", ".join(self.authors), f"{self.title}, version {self.version}", self.year, where]
        return ". ".join(part for part in parts if part) + "."


@dataclass(frozen=True)
class Provenance:
    """Everything a result file says about where it comes from; one for all outputs of a notebook run."""

    run: str
    commit: str
    parameters: Mapping[str, Any]
    parameters_sha256: str
    inputs: tuple[Input, ...]
    versions: Mapping[str, str]
    citation: Citation = field(default_factory=Citation)

    @property
    def inputs_sha256(self) -> str:
        """One hash over the names and hashes of all inputs."""
        return sha256("".join(f"{item.sha256}  {item.name}\n" for item in self.inputs).encode())

    @property
    def command(self) -> str:
        """The command that makes the same results again at this commit."""
        values = json.dumps(plain(self.parameters), sort_keys=True, ensure_ascii=False)
        return f"papermill notebooks/{self.run.split('.')[0]}.ipynb out.ipynb -y {shlex.quote(values)}"

    @property
    def link(self) -> str:
        """The project at this commit; empty while `CITATION.cff` names no `repository-code`, or without git."""
        code = self.citation.code.removesuffix("/").removesuffix(".git")
        known = re.fullmatch("[0-9a-f]{40}", self.commit.removesuffix("+changes"))
        return f"{code}/tree/{known[0]}" if code and known else ""

    def with_inputs(self, paths: Iterable[Path]) -> Provenance:
        """Return the same with more input files or folders, each hashed as it is now.

        Parameters
        ----------
        paths
            Files or folders that were opened besides.

        Returns
        -------
        Provenance
            A new record.
        """
        more = _hashed(paths, project_root())
        return replace(self, inputs=tuple(sorted({*self.inputs, *more}, key=lambda item: item.name)))

    def record(self) -> dict[str, Any]:
        """Give the same as plain JSON types."""
        return {
            "run": self.run,
            "commit": self.commit,
            "parameters": plain(self.parameters),
            "parameters_sha256": self.parameters_sha256,
            "inputs": [{"name": item.name, "sha256": item.sha256} for item in self.inputs],
            "inputs_sha256": self.inputs_sha256,
            "versions": dict(self.versions),
            "command": self.command,
            "cite": self.citation.text,
        }


def collect(run: str, params: Any, inputs: Iterable[Any] | Mapping[str, Any]) -> Provenance:
    """Provenance of a notebook run.

    Parameters
    ----------
    run
        Name of the notebook, and of the variant of its parameters if it has several.
    params
        Mapping or pydantic model of its parameters.
    inputs
        Paths of the files it reads; or a mapping of name to path or to sha256.

    Returns
    -------
    Provenance
        What the run was made of.

    Raises
    ------
    OutputError
        If an input file does not exist.
    """
    root = project_root()
    parameters = _parameters(params, root)
    canonical = json.dumps(parameters, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Provenance(
        run=run,
        commit=commit(root),
        parameters=parameters,
        parameters_sha256=sha256(canonical.encode()),
        inputs=_hashed(inputs, root),
        versions=versions(),
        citation=citation(root),
    )


def _parameters(params: Any, root: Path) -> dict[str, Any]:
    """Parameters as plain types; a path in the project is relative to it: it differs between machines."""
    values = params.model_dump() if hasattr(params, "model_dump") else dict(params or {})
    named = {k: relative(v, root) if isinstance(v, Path) else v for k, v in values.items()}
    return {k: plain(v) for k, v in named.items() if k not in IGNORED_PARAMETERS}


def _hashed(inputs: Iterable[Any] | Mapping[str, Any], root: Path) -> tuple[Input, ...]:
    named = inputs.items() if isinstance(inputs, Mapping) else ((None, item) for item in inputs)
    found = {}
    for name, item in named:
        if isinstance(item, Input):
            found[item.name] = item.sha256
        elif name is not None and re.fullmatch(r"[0-9a-f]{64}", str(item)):
            found[str(name)] = str(item)
        else:
            path = Path(item) if Path(item).exists() else root / str(item)
            if not path.is_file() and not path.is_dir():
                raise OutputError(f"input {str(item)!r}: no such file, here or in {root.name}/")
            found[str(name) if name is not None else relative(path, root)] = _digest(path)
    return tuple(Input(name, digest) for name, digest in sorted(found.items()))


def _digest(path: Path) -> str:
    """Sha256 of a file, or over the names and hashes of the files of a folder (a Zarr group is one)."""
    if path.is_file():
        return sha256(path)
    inside = sorted(part for part in path.rglob("*") if part.is_file())
    return sha256("".join(f"{sha256(part)}  {part.relative_to(path).as_posix()}\n" for part in inside).encode())


def relative(path: Path, root: Path) -> str:
    """Path of a file as written into results: relative to the project, or its bare name outside of it.

    Parameters
    ----------
    path
        A file.
    root
        The project's folder.

    Returns
    -------
    str
        Path with forward slashes.
    """
    path, root = path.resolve(), root.resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def commit(root: Path) -> str:
    """Full git commit of the project, `+changes` when tracked files differ from it, `unknown` without git.

    Parameters
    ----------
    root
        The project's folder.

    Returns
    -------
    str
        40 hexadecimal digits, or a word.
    """
    head = _git(root, "rev-parse", "HEAD")
    if not head:
        return "unknown"
    return f"{head}+changes" if _git(root, "status", "--porcelain", "--untracked-files=no") else head


@lru_cache
def commit_date(root: Path) -> str:
    """Day of the commit (ISO, UTC), empty without git: the one date that results of a commit may carry.

    Parameters
    ----------
    root
        The project's folder.

    Returns
    -------
    str
        E.g. ``"2026-11-27"``.
    """
    seconds = _git(root, "log", "-1", "--format=%ct")
    if not seconds:
        return ""
    import datetime

    return datetime.datetime.fromtimestamp(int(seconds), datetime.UTC).date().isoformat()


def _git(root: Path, *arguments: str) -> str:
    # optional locks off: asking for the state of a working tree must not get in the way of others
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, env=environment, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


@lru_cache
def versions() -> dict[str, str]:
    """Versions of Python and of the packages that can change a result."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def citation(root: Path) -> Citation:
    """Read `CITATION.cff` of the project; its defaults without one.

    Parameters
    ----------
    root
        Folder with `CITATION.cff`.

    Returns
    -------
    Citation
        Title, authors and references.

    Raises
    ------
    OutputError
        If the file is not readable as YAML.
    """
    path = root / "CITATION.cff"
    year = commit_date(root)[:4]
    if not path.is_file():
        return Citation(year=year)
    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise OutputError(f"{path.name}: not valid YAML ({error})") from error
    names = [
        item.get("name") or " ".join(filter(None, (item.get("given-names"), item.get("family-names"))))
        for item in content.get("authors", [])
    ]
    people = [name for name, item in zip(names, content.get("authors", []), strict=True) if "name" not in item]
    return Citation(
        title=str(content.get("title", Citation.title)),
        authors=tuple(names) or Citation.authors,
        people=tuple(people),
        version=str(content.get("version", tunbp.__version__)),
        year=str(content.get("date-released", ""))[:4] or year,
        url=str(content.get("url") or content.get("repository-code") or ""),
        doi=str(content.get("doi", "")),
        code=str(content.get("repository-code", "")),
    )


def bibtex(identifier: str, title: str, provenance: Provenance, data: Mapping[str, str] | None = None) -> str:
    """One BibTeX entry (`@misc`) of a figure or table.

    Parameters
    ----------
    identifier
        Key of the entry.
    title
        Title of the figure or table.
    provenance
        Of the run that made it.
    data
        Where values in it were published: addresses by the keys that captions name.

    Returns
    -------
    str
        BibTeX source.
    """
    cite = provenance.citation
    places = ", ".join(rf"{key} \url{{{address}}}" for key, address in (data or {}).items())
    published = f"; published data: {places}" if places else ""
    short = provenance.commit if provenance.commit == "unknown" else provenance.commit[:12]
    fields = {
        "title": f"{{{escape(title)}}}",
        "author": " and ".join(f"{{{escape(name)}}}" for name in cite.authors),
        "year": cite.year,
        "howpublished": f"Figure {escape(identifier)} of {escape(cite.title)}, version {escape(cite.version)}",
        "doi": cite.doi,
        "url": cite.url,
        "note": f"commit {short}, parameters sha256 {provenance.parameters_sha256[:16]}{published}",
    }
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
    return f"@misc{{tunbp:{identifier},\n" + ",\n".join(lines) + "\n}\n"
