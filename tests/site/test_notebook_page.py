from __future__ import annotations

import base64
import re

import nbformat
import nbformat.v4 as nb
import pandas as pd
import pytest

from tunbp.site import notebook_page
from tunbp.sources import link

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()


@pytest.fixture
def notebook(tmp_path):
    content = nb.new_notebook(
        cells=[
            nb.new_markdown_cell(
                "# What `tun` does\n\nLoss when $W(1 - \\mu/\\lambda) > N$; costs $5 and\n\n$$T = W/R$$"
            ),
            nb.new_code_cell(
                "price = '$5 or $6'",
                outputs=[
                    nb.new_output("display_data", {"image/png": PIXEL}),
                    nb.new_output(
                        "display_data", {"text/html": "<b>bold</b><script src='https://x.org/a.js'></script>"}
                    ),
                ],
            ),
        ]
    )
    path = tmp_path / "01_demo.ipynb"
    nbformat.write(content, path)
    return path


def test_an_executed_notebook_becomes_a_page_without_scripts_or_foreign_addresses(notebook):
    page = notebook_page.write_page(notebook).read_text()
    assert "<title>What tun does</title>" in page
    assert f"data:image/png;base64,{PIXEL}" in page
    assert "<b>bold</b>" in page
    assert "<script" not in page
    assert not re.search(r"https?://", page.replace("http://www.w3.org/1998/Math/MathML", ""))


def test_code_is_folded_so_that_text_and_figures_are_what_is_seen(notebook):
    page = notebook_page.write_page(notebook).read_text()
    folded = re.findall(r'<details class="code"><summary>(.*?)</summary>(.*?)</details>', page, re.DOTALL)
    assert [name for name, _ in folded] == ["Code"]
    assert "price" in folded[0][1]
    assert not any(shown in folded[0][1] for shown in ("data:image/png", "<b>bold</b>"))


def test_parameters_are_folded_under_their_name(tmp_path):
    cells = [nb.new_code_cell(f"n = {i}", metadata={"tags": tags}) for i, tags in
             enumerate([["parameters"], ["injected-parameters"], []])]  # fmt: skip
    text = notebook_page.body(nb.new_notebook(cells=cells))
    assert re.findall(r"<summary>(.*?)</summary>", text) == ["Parameters", "Parameters given", "Code"]


def test_a_styled_table_has_the_same_names_in_every_run():
    def page():
        tables = [pd.DataFrame({"a": [1.5]}).style.to_html() for _ in range(2)]
        outputs = [nb.new_output("display_data", {"text/html": table}) for table in tables]
        return notebook_page.body(nb.new_notebook(cells=[nb.new_code_cell("show", outputs=outputs)]))

    assert page() == page()
    assert re.findall(r'<table id="(.*?)"', page()) == ["T_1", "T_2"]


def test_formulas_become_mathml_and_prices_stay(notebook):
    page = notebook_page.write_page(notebook).read_text()
    assert page.count("<math") == 2
    assert 'display="block"' in page
    assert "costs $5 and" in page
    assert "$5 or $6" in re.sub(r"<[^>]*>", "", page).replace("&#39;", "'")


def test_a_formula_that_cannot_be_converted_stays_as_text():
    assert notebook_page.formulas(r"a $x_a_b$ b") == r"a $x_a_b$ b"


def test_a_notebook_without_heading_has_no_title():
    assert notebook_page.title(nb.new_notebook(cells=[nb.new_code_cell("# comment")])) == ""


def test_blocks_that_scroll_can_be_reached_by_keyboard(notebook):
    page = notebook_page.write_page(notebook).read_text()
    assert "<pre>" not in page
    assert '<pre tabindex="0">' in page
    assert '<div class="output_area">' not in page


def test_sources_are_links_in_text_and_tables_and_not_in_code():
    table = nb.new_output("display_data", {"text/html": "<table><tr><td class='S03'>S03, lab</td></tr></table>"})
    cells = [nb.new_markdown_cell("As S03 and `S04` say"), nb.new_code_cell("name = 'S07'", outputs=[table])]
    text = notebook_page.body(nb.new_notebook(cells=cells))
    assert text.count(f'<a href="{link("S03")}">S03</a>') == 2
    assert re.search("<td[^>]*S03[^>]*><a href", text)
    assert "<code>S04</code>" in text
    assert link("S07") not in text
