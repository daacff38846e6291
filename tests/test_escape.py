"""Every place that texts of others go to shows them as they are: nothing in them acts."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pandas as pd
import pytest
from hostile import HOSTILE

from tunbp import escape
from tunbp.plots import style
from tunbp.plots.tables import error_table, quantity_table
from tunbp.results import latex
from tunbp.results.output import Output


class Tags(HTMLParser):
    """Names of all elements of a text of HTML, and its words."""

    def __init__(self, text):
        super().__init__()
        self.names, self.words = set(), ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)

    def handle_data(self, data):
        self.words += data


@pytest.mark.parametrize("text", HOSTILE)
def test_a_terminal_and_rich_show_it(text):
    from rich.console import Console

    from tunbp.cli.terminal import plain, printable

    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u200b\u202e\u2066-\u2069]", printable(text))
    screen = io.StringIO()
    Console(file=screen, width=400, color_system=None).print(plain(text), highlight=False, emoji=False)
    assert screen.getvalue().rstrip("\n").split() == printable(text).split()


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_shows_it(text):
    from nbconvert.filters.markdown_mistune import markdown2html_mistune

    shown = Tags(markdown2html_mistune(f"Found: {escape.markdown(text)}"))
    assert shown.names == {"p"}
    assert " ".join(shown.words.split()) == f"Found: {escape.visible(text)}"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_table_of_a_notebook_shows_it(text):
    frame = pd.DataFrame({text: [text], "value": [1.0], "error": [0.1]})
    for table in (error_table(frame, caption=text), quantity_table(frame, {}, caption=text)):
        shown = Tags(table.to_html())
        assert shown.names <= {"style", "table", "thead", "tbody", "tr", "th", "td", "caption"}
        assert shown.words.count(escape.printable(text)) >= 3


@pytest.mark.parametrize("text", HOSTILE)
def test_latex_shows_it(text):
    written = latex.escape(text)
    assert not re.search(r"[\x00-\x1f\u202e]", written)
    rest = re.sub(r"\\(?:text\w+\{\}|[&%$#_{}])|\$\\(?:mu|pm|times|leq|geq|rightarrow)\$|\$-\$", "", written)
    assert not re.search(r"[\\&%$#_{}~^]", rest)
    assert latex.table(pd.DataFrame({text: [text]}), "id", text).count(r"\begin{tabular}") == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_a_figure_draws_it_and_its_files_are_well_formed(text, tmp_path):
    fig, ax = style.figure()
    ax.set_title(escape.figure(text))
    with Output(tmp_path, "01_demo") as out:
        out.figure(fig, "demo", text, text)
        out.table(pd.DataFrame({text: [text]}), "table", text)
    root = ElementTree.parse(tmp_path / "figures" / "demo.svg").getroot()
    assert not [part for part in root.iter() if part.tag.endswith(("script", "image", "foreignObject"))]
    entry = (tmp_path / "figures" / "demo.bib").read_text()
    plain = re.sub(r"\\[{}]", "", entry)
    assert plain.count("{") == plain.count("}")
