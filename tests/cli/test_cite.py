from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pytest
from click.testing import CliRunner

from tunbp.cli import tunbp
from tunbp.errors import OutputError
from tunbp.plots import style
from tunbp.project import project_root
from tunbp.results.output import Output
from tunbp.site.finish import finish
from tunbp.sources import link

mpl.use("Agg")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    fig, ax = style.figure()
    ax.plot([1, 2], [1, 2])
    with Output(folder, "01_demo") as out:
        out.figure(fig, "demo_ring", "Throughput over ring size", "OpenVPN over 120 ms.")
    finish(folder)
    return folder


@pytest.mark.parametrize("name", ["demo_ring", "demo_ring.pdf", "results/figures/demo_ring.svg"])
def test_cite_prints_entry_and_caption_of_a_figure(results, name):
    done = CliRunner().invoke(tunbp, ["cite", name, "--results", str(results)])
    assert done.exit_code == 0
    assert done.output.startswith("@misc{tunbp:demo_ring,\n  title = {{Throughput over ring size}},")
    assert done.output.endswith("}\n\nThroughput over ring size. OpenVPN over 120 ms.\n")


def test_cite_of_an_unknown_figure_names_the_known_ones(results):
    with pytest.raises(OutputError, match=r"'nothing'.*demo_ring"):
        CliRunner().invoke(tunbp, ["cite", "nothing", "--results", str(results)], catch_exceptions=False)


def test_cite_alone_lists_what_can_be_cited(results, tmp_path):
    said = CliRunner().invoke(tunbp, ["cite", "--results", str(results)]).output
    assert "demo_ring                    Throughput over ring size" in said
    assert "--paper" in said
    assert "run `tunbp reproduce`" in CliRunner().invoke(tunbp, ["cite", "--results", str(tmp_path)]).output


def test_cite_gives_the_paper_and_the_software_beside_a_figure(results):
    done = CliRunner().invoke(tunbp, ["cite", "demo_ring", "--paper", "--software", "--results", str(results)])
    kinds = [line.split("{")[0] for line in done.output.splitlines() if line.startswith("@")]
    assert kinds == ["@preamble", "@misc", "@inproceedings", "@misc"]
    assert r"note = {Authors' version: \url{https://cni.etit" in done.output
    assert "note = {commit " in done.output.split("@misc{tunbp,")[1]
    assert "author = {Gebauer, Tim and Schippers, Simon and Wietfeld, Christian}" in done.output
    assert "year = {2025}" in done.output


def test_outside_of_the_project_the_results_beside_the_reader_are_taken(results, monkeypatch):
    monkeypatch.chdir(results.parent)
    (results.parent / "results").unlink(missing_ok=True)
    (results.parent / "results").symlink_to(results, target_is_directory=True)
    assert CliRunner().invoke(tunbp, ["cite", "demo_ring"]).exit_code == 0


def test_a_figure_s_entry_names_where_its_data_were_published(tmp_path):
    with Output(tmp_path, "01_demo") as out:
        out.figure(style.figure()[0], "one", "Title", "All values: table of v3 (S03); S28.")
    record = json.loads((tmp_path / "figures" / "one.json").read_text())
    assert rf"published data: S03 \url{{{link('S03')}}}}}" in record["bibtex"]


def test_every_figure_has_a_caption_for_latex_and_an_entry(results):
    tex, bib = (results / "figures.tex").read_text(), (results / "figures.bib").read_text()
    assert r"\@namedef{tunbp@demo_ring}{Throughput over ring size. OpenVPN over 120 ms}" in tex
    assert r"\newcommand{\tunbpfigure}" in tex
    assert "@misc{tunbp:demo_ring," in bib
    assert "@inproceedings{gebauer2025," in bib


def test_a_figure_of_two_columns_is_a_float_of_two_columns(tmp_path):
    with Output(tmp_path, "01_demo") as out:
        for id, width in (("narrow", "column"), ("wide", "text")):
            fig, _ = style.figure(width)
            out.figure(fig, id, "Title", "Caption.")
    finish(tmp_path)
    tex = (tmp_path / "figures.tex").read_text()
    assert r"\@namedef{tunbp@wide@wide}{}" in tex
    assert r"\@namedef{tunbp@wide@narrow}{}" not in tex


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="no pdflatex: apt-get install texlive-latex-recommended")
def test_the_commands_and_the_document_of_the_readme_compile(tmp_path):
    readme = (project_root(Path(__file__).parent) / "README.md").read_text()
    document = re.search(r"```latex\n(.*?)```", readme, re.DOTALL)[1]
    arguments = shlex.split(re.search(r"tunbp (cite .*) > refs\.bib", readme)[1])
    fig, ax = style.figure("text")
    ax.plot([1, 2], [1, 2])
    with Output(tmp_path / "results", "01_demo") as out:
        out.figure(fig, arguments[1], "36 % of what?", "Rates_of & S03, 1 µs – 2 ≤ 3 × 4.")
        out.table(pd.DataFrame({"a_b": ["x & y_z"], "rate": [-1.5e6]}), "rates", "100 %", {"a_b": "", "rate": "bit/s"})
    finish(tmp_path / "results")
    done = CliRunner().invoke(tunbp, [*arguments, "--results", str(tmp_path / "results")])
    (tmp_path / "refs.bib").write_text(done.output)
    table = "\\usepackage{booktabs,array}\n\\begin{document}\n\\input{results/tables/rates.tex}"
    (tmp_path / "paper.tex").write_text(document.replace("\\begin{document}", table))
    for command in (["pdflatex"], ["bibtex"], ["pdflatex"], ["pdflatex"]):
        options = ["-interaction=nonstopmode", "-halt-on-error"] if command == ["pdflatex"] else []
        said = subprocess.run([*command, *options, "paper"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert said.returncode == 0, said.stdout[-2000:]
    assert "Warning" not in said.stdout, said.stdout
    assert (tmp_path / "paper.pdf").stat().st_size > 10_000


def test_a_figure_s_pdf_carries_the_command_that_makes_it(results):
    from pypdf import PdfReader

    words = PdfReader(results / "figures" / "demo_ring.pdf").metadata["/Keywords"]
    assert "command=papermill notebooks/01_demo.ipynb out.ipynb -y" in words


def test_archive_prints_size_and_hash_of_what_it_wrote(results, tmp_path):
    target = tmp_path / "out.zip"
    done = CliRunner().invoke(tunbp, ["archive", "--results", str(results), "--output", str(target)])
    assert done.exit_code == 0
    assert target.is_file()
    assert "sha256 " in done.output
