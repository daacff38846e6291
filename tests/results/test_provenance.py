from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from pydantic import BaseModel

from tunbp.errors import OutputError
from tunbp.results import provenance


class Params(BaseModel):
    rtt: float = 0.1
    trace: Path | None = None
    out_dir: Path = Path("results")


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "tunbp"\n')
    (tmp_path / "trace.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


def test_the_hash_of_parameters_does_not_depend_on_where_results_go():
    hashes = {provenance.collect("r", Params(out_dir=Path(d)), []).parameters_sha256 for d in ("a", "b")}
    assert len(hashes) == 1
    assert provenance.collect("r", Params(rtt=0.2), []).parameters_sha256 not in hashes


def test_paths_in_parameters_are_recorded_relative_to_the_project(project):
    found = provenance.collect("r", Params(trace=project / "trace.json"), [])
    assert found.parameters["trace"] == "trace.json"


def test_inputs_are_hashed_by_content_and_may_come_as_a_hash(project):
    known = "0" * 64
    found = provenance.collect("r", {}, {"raw": known, "trace": "trace.json"})
    assert {i.name: i.sha256 for i in found.inputs} == {
        "raw": known, "trace": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    }  # fmt: skip


def test_a_missing_input_is_named(project):
    with pytest.raises(OutputError, match=r"nothing\.csv"):
        provenance.collect("r", {}, ["nothing.csv"])


def test_the_commit_says_when_tracked_files_were_changed(project):
    assert provenance.commit(project) == "unknown"
    git(project, "init")
    git(project, "add", "trace.json")
    git(project, "commit", "-m", "one")
    clean = provenance.commit(project)
    assert len(clean) == 40
    (project / "new.txt").write_text("untracked files do not count")
    assert provenance.commit(project) == clean
    (project / "trace.json").write_text("changed")
    assert provenance.commit(project) == f"{clean}+changes"


def test_the_citation_comes_from_citation_cff(project):
    (project / "CITATION.cff").write_text(
        "cff-version: 1.2.0\ntitle: A tool\nversion: 9.1\ndate-released: 2025-05-01\ndoi: 10.1/x\n"
        "authors:\n- given-names: Ada\n  family-names: Lovelace\n- name: The team\n"
    )
    cite = provenance.citation(project)
    assert cite.text == "Ada Lovelace, The team. A tool, version 9.1. 2025. https://doi.org/10.1/x."
    assert cite.people == ("Ada Lovelace",)


def test_a_broken_citation_file_is_named(project):
    (project / "CITATION.cff").write_text("title: [")
    with pytest.raises(OutputError, match=r"CITATION\.cff"):
        provenance.citation(project)


def test_the_bibtex_entry_is_escaped_and_braced():
    found = provenance.collect("r", {}, [])
    entry = provenance.bibtex("a_b", "50 % & more", found)
    assert entry.startswith("@misc{tunbp:a_b,\n")
    assert r"title = {{50 \% \& more}}" in entry
    assert r"Figure a\_b of" in entry
    sources = provenance.bibtex("a", "b", found, {"S03": "https://example.org/3"})
    assert r"published data: S03 \url{https://example.org/3}" in sources
    assert entry.count("{") - entry.count(r"\{") == entry.count("}") - entry.count(r"\}")
