from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_run import write_run

from tunbp.results import latex
from tunbp.site.finish import finish

COLUMNS = st.lists(st.tuples(st.integers(1, 300), st.booleans()), min_size=1, max_size=12)


@settings(deadline=None)
@given(COLUMNS, st.sampled_from([latex.COLUMN, latex.PAGE]))
def test_wrapping_only_narrows_text_and_no_more_than_needed(columns, room):
    widths, fixed = zip(*columns, strict=True)
    found = latex.wrap(widths, fixed, room)
    assert all(kept == width for kept, width, is_number in zip(found, widths, fixed, strict=True) if is_number)
    assert all(min(width, latex.LEAST) <= kept <= width for kept, width in zip(found, widths, strict=True))
    if latex.fits(widths, room):
        assert found == list(widths)
    narrowest = [width if is_number else min(width, latex.LEAST) for width, is_number in columns]
    assert latex.fits(found, room) == latex.fits(narrowest, room)


def test_a_narrow_table_stays_in_a_column_and_a_wide_one_spans_both():
    narrow = pd.DataFrame({"case": ["a"], "rate": [1.5]})
    assert r"\begin{table}" in latex.table(narrow, "a", "A")
    wide = latex.table(narrow.assign(why="it is a long story " * 10), "a", "A")
    assert r"\begin{table*}" in wide
    assert re.search(r"\\raggedright\\arraybackslash}p\{\d+\.\dem\}", wide)


def test_a_long_table_goes_on_over_the_next_page_with_every_row_once():
    rows = pd.DataFrame({"row": [f"r{i}" for i in range(130)], "rate": range(130)})
    text = latex.table(rows, "long", "Rates")
    assert re.findall(r"\\caption\{(.*)\}", text) == [f"Rates (part {i} of 3)" for i in (1, 2, 3)]
    assert text.count(r"\label{tab:long}") == 1
    assert re.findall(r"^(r\d+) &", text, re.MULTILINE) == rows["row"].to_list()


def test_a_table_of_more_numbers_than_a_page_is_wide_is_scaled_down():
    text = latex.table(pd.DataFrame({f"rate_{i}": [1.8360e8] for i in range(15)}), "a", "A")
    scaled = r"\ifdim\wd0>\linewidth\resizebox{\linewidth}{!}{\usebox0}"
    assert text.count(scaled) == text.count(r"\end{tabular}}%") == 1


def test_a_long_name_of_a_column_of_numbers_stands_over_several_lines():
    text = latex.table(pd.DataFrame({"smallest_round_trip": [1.0]}), "a", "A")
    assert r"\shortstack[r]{smallest \\ round \\ trip}" in text


def compiled(folder, results, tables):
    """Log of pdflatex for a paper in IEEE's class with all numbers and these tables."""
    numbers = (results / "numbers.tex").read_text()
    uses = "\n\n".join(re.findall(r"\\newcommand\{(\\\w+)\}", numbers))
    inputs = "\n".join(rf"\input{{{path}}}\clearpage" for path in tables)
    (folder / "paper.tex").write_text(
        "\\documentclass[journal]{IEEEtran}\n\\usepackage[T1]{fontenc}\\usepackage{lmodern}\n"
        f"\\usepackage{{booktabs,array,graphicx}}\n{numbers}\n\\begin{{document}}\n{uses}\n{inputs}\n\\end{{document}}\n"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)


PARTS = ["IEEEtran.cls", "ptmr7t.tfm", "lmodern.sty"]


def has_ieee_class():
    if not all(shutil.which(name) for name in ("pdflatex", "kpsewhich")):
        return False
    return subprocess.run(["kpsewhich", *PARTS], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not has_ieee_class(), reason=f"no pdflatex that finds {', '.join(PARTS)}")
def test_numbers_and_tables_compile_in_an_ieee_paper_and_fit(tmp_path):
    results = tmp_path / "results"
    write_run(results)
    finish(results)
    words = pd.DataFrame({"row": [f"path_openvpn/{i}" for i in range(70)], "why": ["it is so & so, 50 % of it "] * 70})
    (tmp_path / "words.tex").write_text(latex.table(words.assign(rate=1e8, low=-1e-7), "words", "Many_words"))
    done = compiled(tmp_path, results, [*sorted(Path(results / "tables").glob("*.tex")), tmp_path / "words.tex"])
    assert done.returncode == 0, done.stdout[-2000:]
    assert not re.findall(r"Overfull \\hbox \(\d{2,}.*|Float too large.*", done.stdout)
