from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pypdf import PdfReader
from small_run import write_run

from tunbp.errors import OutputError
from tunbp.results import citing
from tunbp.results.output import Output

SAME_RUN = """
import sys
import matplotlib as mpl; mpl.use("Agg")
import pandas as pd
from tunbp.plots import legend, points, style
from tunbp.results.output import Output
data = pd.DataFrame({"ring": [10.0, 100.0] * 2, "received_rate": [1e6, 2e6, 3e6, 4e6]})
data["variant"] = ["stock"] * 2 + ["patched"] * 2
fig, ax = style.figure()
points.draw_published(ax, data, "ring", "received_rate")
points.runs(style.figure("text")[1], data.assign(received_rate=[1.0, None, 2.0, None]), "ring", "received_rate")
legend.key(ax)
with Output(sys.argv[1], "01_demo", {"rtt": 0.1, "out_dir": sys.argv[1]}, inputs=["pyproject.toml"]) as out:
    out.figure(fig, "demo", "Title", "Caption.")
    import matplotlib.pyplot as plt
    out.figure(plt.figure(2), "bars", "Title", "Caption.")
    out.table(data, "rates", "Rates")
    out.number("gain", 57.2, "%")
"""


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def fonts(reader):
    """Font descriptors of all pages, of composite fonts those of the descendants."""
    for page in reader.pages:
        for font in page["/Resources"].get("/Font", {}).values():
            for part in font.get_object().get("/DescendantFonts", [font]):
                yield part.get_object()["/FontDescriptor"]


def test_two_processes_write_identical_bytes_in_every_file(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "tunbp"\n')
    started = [
        subprocess.Popen(
            [sys.executable, "-c", SAME_RUN, str(tmp_path / name)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
        )
        for name, seed, zone in (("a", "1", "Asia/Tokyo"), ("b", "2", "UTC"))
    ]
    assert [process.wait() for process in started] == [0, 0]
    first, second = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert len(first) == 2 * 5 + 3 + 1 + 1  # the wide one has a twin for phones
    assert "figures/bars.narrow.svg" in first
    assert first == second


def test_every_font_of_the_pdf_is_embedded(written):
    found = list(fonts(PdfReader(written.folder / "figures" / "demo_ring.pdf")))
    assert found
    assert all("/FontFile2" in font for font in found)


@pytest.mark.skipif(not shutil.which("pdffonts"), reason="no pdffonts: apt-get install poppler-utils")
def test_pdffonts_lists_embedded_fonts_only(written):
    picture = written.folder / "figures" / "demo_ring.pdf"
    said = subprocess.run(["pdffonts", picture], capture_output=True, text=True, check=True).stdout
    found = [line.split() for line in said.splitlines()[2:]]
    assert found
    # the last five columns: embedded, subset, unicode, and the two numbers of the object
    assert [line[-5] for line in found] == ["yes"] * len(found)


def test_the_pdf_says_where_it_comes_from(written):
    facts = PdfReader(written.folder / "figures" / "demo_ring.pdf").metadata
    assert facts["/Title"] == "Throughput & ring (figure demo_ring)"
    assert facts["/Subject"].startswith("How to cite: ")
    for fact in (
        written.provenance.commit,
        written.provenance.parameters_sha256,
        written.provenance.inputs_sha256,
    ):
        assert fact in facts["/Keywords"]
    assert "/CreationDate" not in facts


def test_the_svg_needs_no_font_and_no_other_file(written):
    text = (written.folder / "figures" / "demo_ring.svg").read_text()
    assert "<text" not in text
    assert "font-family" not in text
    assert "<title>Throughput &amp; ring (figure demo_ring)</title>" in text
    assert written.provenance.parameters_sha256 in text
    assert "<dc:date>" not in text
    # links inside the drawing only
    assert all(link.startswith("#") for link in re.findall(r'xlink:href="([^"]*)"', text))


def test_the_png_says_where_it_comes_from_at_300_dots_per_inch(written):
    with Image.open(written.folder / "figures" / "demo_ring.png") as image:
        assert image.width == round(3.5 * 300)
        assert written.provenance.commit in image.text["Source"]
        assert image.text["Description"] == "Rate over 100 % of rings."
        assert image.text["Comment"].startswith("How to cite: ")


def test_the_json_beside_a_figure_has_the_numbers_plotted_and_their_origin(written, table):
    record = json.loads((written.folder / "figures" / "demo_ring.json").read_text())
    assert record["data"]["received_rate"] == table["received_rate"].tolist()
    assert record["parameters"] == {"rings": [10, 100, 1000], "rtt": 0.12}
    assert record["inputs"][0]["name"] == "pyproject.toml"
    assert set(record["versions"]) >= {"python", "tunbp", "numpy", "matplotlib"}
    assert record["commit"] == written.provenance.commit
    assert citing.PREAMBLE + record["bibtex"] == (written.folder / "figures" / "demo_ring.bib").read_text()


def test_without_data_the_points_on_the_axes_are_recorded(tmp_path, figure):
    with Output(tmp_path, "01_demo") as out:
        out.figure(figure, "ring", "Title", "Caption.")
    lines = json.loads((tmp_path / "figures" / "ring.json").read_text())["data"][0]["lines"]
    assert {"x": [10.0, 100.0, 1000.0], "y": [1.6e6, 66.4e6, 177.1e6]} in lines


def test_a_table_is_written_as_csv_and_booktabs(tmp_path):
    frame = pd.DataFrame({"a_b": ["50 %", "x"], "rate": [1.5e6, np.nan], "error": [-0.25, 1e-7]})
    with Output(tmp_path, "01_demo") as out:
        out.table(frame, "rates", "Rates & more")
    assert (tmp_path / "tables" / "rates.csv").read_text() == "a_b,rate,error\n50 %,1500000,-0.25\nx,,1e-07\n"
    latex = (tmp_path / "tables" / "rates.tex").read_text()
    for part in (
        r"\toprule",
        r"a b & rate & error",
        r"50 \% & 1,500,000 & $-0.25$",
        "x & -- & $1\\times10^{-7}$",
        r"Rates \& more",
    ):
        assert part in latex


def test_a_notebook_can_show_its_numbers_as_the_run_writes_them(written):
    shown = written.headlines().set_index("LaTeX")
    assert shown.loc[r"\DemoGain"].to_list() == ["gain at a ring of 500", "57.2 %"]
    assert shown.loc[r"\DemoRate", "value"] == "171.7 ± 2.1 Mbit/s"


def test_numbers_of_a_run_land_in_one_file(written):
    record = json.loads((written.folder / "numbers" / "01_demo.json").read_text())
    assert record["numbers"]["demo_rate"]["shown"] == "171.7 ± 2.1 Mbit/s"
    assert record["numbers"]["demo_rate"]["value"] == 171.68e6
    assert (record["figures"], record["tables"]) == (["demo_ring"], ["demo_rates"])


def test_a_relative_folder_is_relative_to_the_project_wherever_the_notebook_runs(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "tunbp"\n')
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    Output("results", "01_demo", inputs=["pyproject.toml"]).close()
    assert (tmp_path / "results" / "numbers" / "01_demo.json").is_file()


def test_save_figures_false_writes_tables_and_numbers_only(tmp_path, small, table):
    with Output(tmp_path, "01_demo", {"save_figures": False}) as out:
        out.figure(small, "ring", "Title", "Caption.")
        out.table(table, "rates", "Rates")
    assert not (tmp_path / "figures").exists()
    assert (tmp_path / "tables" / "rates.csv").is_file()


def test_what_a_former_run_of_the_notebook_left_is_dropped_and_nothing_else(tmp_path, small):
    write_run(tmp_path, figure=small)
    write_run(tmp_path, "02_other", small)
    with Output(tmp_path, "01_demo") as out:
        out.figure(small, "renamed", "Title", "Caption.")
    names = {path.stem for path in (tmp_path / "figures").iterdir()}
    assert names == {"renamed", "other_ring"}
    assert {path.stem for path in (tmp_path / "tables").iterdir()} == {"other_rates"}


def test_a_name_used_by_another_notebook_is_refused(tmp_path, small):
    write_run(tmp_path, figure=small)
    with pytest.raises(OutputError, match="'demo_ring' of 02_other: the name is taken by run 01_demo"):
        Output(tmp_path, "02_other").figure(small, "demo_ring", "Title", "Caption.")


@pytest.mark.parametrize("name", ["a b", "../x", "", "ü"])
def test_a_bad_name_is_refused(tmp_path, small, name):
    with pytest.raises(OutputError, match="letters, digits and underscores"):
        Output(tmp_path, "01_demo").figure(small, name, "Title", "Caption.")
    assert not (tmp_path / "figures").exists()


def test_one_number_with_two_values_is_refused(tmp_path):
    out = Output(tmp_path, "01_demo")
    out.number("gain", 1.0)
    out.number("gain", 1.0)
    with pytest.raises(OutputError, match="noted twice"):
        out.number("gain", 2.0)


def test_a_failing_notebook_notes_no_numbers(tmp_path):
    def fail():
        with Output(tmp_path, "01_demo") as out:
            out.number("gain", 1.0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not (tmp_path / "numbers").exists()


def test_a_figure_that_cannot_be_drawn_leaves_no_file(tmp_path, figure):
    figure.axes[0].set_title(r"$\frac{1}{$")
    with pytest.raises(ValueError, match="frac"):
        Output(tmp_path, "01_demo").figure(figure, "ring", "Title", "Caption.")
    assert not list(tmp_path.rglob("*"))


def test_a_printed_table_has_its_columns_in_units_that_people_read_and_the_csv_has_all(tmp_path):
    rows = pd.DataFrame({"row": ["a"], "published": [117.4e6], "model": [1.0e8], "error": [-0.148], "host": ["x"]})
    printed = {"row": "", "published": "bit/s", "error": ("1", "%")}
    with Output(tmp_path, "01_a") as out:
        path = out.table(rows, "errors", "Errors", printed)
        with pytest.raises(OutputError, match="rate"):
            out.table(rows, "others", "Others", {"rate": "bit/s"})
    assert path.read_text().splitlines()[0] == "row,published,model,error,host"
    text = path.with_suffix(".tex").read_text()
    assert r"published \\ (Mbit/s)" in text or "published (Mbit/s)" in text
    assert re.search(r"^a & 117 & \$-14\.8\$ \\\\$", text, re.MULTILINE)
    assert "host" not in text


def test_printed_quantities_have_three_digits_or_as_many_as_are_asked_for(tmp_path):
    rows = pd.DataFrame({"published": [184.73e6], "model": [184.73e6], "seeds": [1024]})
    with Output(tmp_path, "01_a") as out:
        path = out.table(rows, "t", "T", {"published": ("bit/s", "Mbit/s", 4), "model": "bit/s", "seeds": ""})
    assert "184.7 & 185 & 1024" in path.with_suffix(".tex").read_text()
    assert "184730000" in path.read_text(), "the CSV is not rounded"


def test_rows_to_print_may_be_others_than_those_of_the_csv(tmp_path):
    rows = pd.DataFrame({"rate": [1e6, 2e6]})
    with Output(tmp_path, "01_a") as out:
        path = out.table(rows, "t", "T", pd.DataFrame({"rate (Mbit/s)": ["1 (0.5 to 2)"]}))
    assert "1 (0.5 to 2)" in path.with_suffix(".tex").read_text()
    assert len(path.read_text().splitlines()) == 3


def test_a_pdf_leads_to_the_commit_where_the_project_has_an_address(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "tunbp"\n')
    (tmp_path / "CITATION.cff").write_text("title: demo\nrepository-code: https://example.org/a/tunbp.git\n")
    monkeypatch.chdir(tmp_path)
    commit = "0123456789abcdef0123456789abcdef01234567"
    monkeypatch.setattr("tunbp.results.provenance.commit", lambda root: commit)

    def addresses(folder):
        page = PdfReader(folder / "figures" / "demo_ring.pdf").pages[0]
        return [note.get_object()["/A"]["/URI"] for note in page.get("/Annots", [])]

    write_run(tmp_path / "with")
    assert addresses(tmp_path / "with") == [f"https://example.org/a/tunbp/tree/{commit}"]
    (tmp_path / "CITATION.cff").write_text("title: demo\n")
    write_run(tmp_path / "without")
    assert addresses(tmp_path / "without") == []
