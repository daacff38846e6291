"""Executed notebooks as HTML pages that need no network: code folded, formulas as MathML, no scripts."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import nbformat
from latex2mathml.converter import convert as to_mathml
from markupsafe import Markup

from tunbp.results import files
from tunbp.site.templates import render
from tunbp.sources import linked

# formulas in rendered Markdown: $$...$$ or $...$, never inside code
_FORMULA = re.compile(r"(<pre.*?</pre>|<code.*?</code>)|\$\$(.+?)\$\$|\$(\S(?:[^$\n]*?\S)?)\$", re.DOTALL)
# pandas names every styled table anew in every run
_TABLE = re.compile(r"\bT_[0-9a-f]{5}(?=[_\" {])")
# nbconvert's page, with the code of a cell behind its summary: a reader of results sees question, answer, figure
_TEMPLATE = """
{%- extends 'basic/index.html.j2' -%}
{% block input_group %}
{% set tags = cell.metadata.get("tags", []) %}
<details class="code"><summary>
{%- if "injected-parameters" in tags %}Parameters given{% elif "parameters" in tags %}Parameters{% else %}Code
{%- endif -%}
</summary>{{ super() }}</details>
{% endblock %}
"""
# code, links and tags as they are; the text between them
_TEXT = re.compile(r"(<(pre|code|style|a|summary|math)\b.*?</\2>|<[^>]*>)|([^<]+)", re.DOTALL)
_SCROLLING = ("pre", 'div class="output_area"')
_NO_TEXT = 'alt="No description has been provided for this image"'


def write_page(notebook: Path) -> Path:
    """Write `NAME.html` beside an executed notebook, unless it is there already and newer.

    Parameters
    ----------
    notebook
        Executed `.ipynb`.

    Returns
    -------
    Path of the page.
    """
    page = notebook.with_suffix(".html")
    content = nbformat.read(notebook, as_version=4)
    return files.write(
        page,
        render("notebook.html.j2", title=title(content), body=Markup(body(content)), notebook=notebook.name),
    )


def title(content: Any) -> str:
    """First heading of a notebook, without Markdown marks; empty if there is none.

    Parameters
    ----------
    content
        A notebook as nbformat reads it.

    Returns
    -------
    str
        The heading.
    """
    for cell in content["cells"]:
        if cell["cell_type"] == "markdown":
            found = re.search(r"^#\s+(.+?)\s*$", "".join(cell["source"]), re.MULTILINE)
            if found:
                return re.sub(r"[`*$]", "", found[1])
    return ""


def body(content: Any) -> str:
    """Cells and outputs of a notebook as HTML, without style or scripts; its links elsewhere are those of sources.

    Parameters
    ----------
    content
        An executed notebook as nbformat reads it.

    Returns
    -------
    str
        HTML, to be put into a page.
    """
    from nbconvert import HTMLExporter
    from nbconvert.filters.markdown_mistune import markdown2html_mistune

    exporter = HTMLExporter(template_name="basic", exclude_anchor_links=True)
    exporter.raw_template = _TEMPLATE
    exporter.register_filter("markdown2html", lambda *source: formulas(markdown2html_mistune(source[-1])))
    # a widget in an output needs scripts from elsewhere: its text stays
    text, _ = exporter.from_notebook_node(content)
    text = re.sub(r"<script\b.*?</script>", "", str(text), flags=re.DOTALL | re.IGNORECASE)
    # papermill gives the cell it injects another random id in every run
    text = re.sub(r' id="cell-id=[^"]*"', "", text)
    names: dict[str, str] = {}
    text = _TABLE.sub(lambda found: names.setdefault(found[0], f"T_{len(names) + 1}"), text)
    # what is too wide scrolls inside its block: the keyboard must reach it
    for block in _SCROLLING:
        text = text.replace(f"<{block}>", f'<{block} tabindex="0">')
    text = _TEXT.sub(lambda part: linked(part[3], "html") if part[3] else part[0], text)
    return text.replace(_NO_TEXT, 'alt="Figure drawn by the cell above"')


def formulas(text: str) -> str:
    """Replace TeX formulas in HTML by MathML, which browsers draw without a script.

    Parameters
    ----------
    text
        HTML with `$...$` and `$$...$$`.

    Returns
    -------
    str
        HTML with `<math>` in their place.
    """
    return _FORMULA.sub(_formula, text)


def _formula(match: re.Match[str]) -> str:
    if match[1]:
        return match[0]
    try:
        source = html.unescape(match[2] or match[3]).strip()
        return str(to_mathml(source, display="block" if match[2] else "inline"))
    except Exception:  # the converter raises a family of its own errors for TeX that it does not know
        return match[0]
