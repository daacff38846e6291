"""Sphinx settings. `make docs` builds with warnings as errors; nothing of the page comes from elsewhere."""

import re
import sys
from pathlib import Path
from types import GenericAlias

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS / "_extensions"), str(DOCS.parent)]

import tunbp  # noqa: E402

project = "tunbp"
author = "The tunbp authors"
copyright = author
version = release = tunbp.__version__

extensions = [
    "facts",
    "mathml",
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx_click",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["requirements.lock", "_extensions", "_templates", "generated/*.inc.md"]
templates_path = ["_templates"]
default_role = "py:obj"

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # notebooks come executed, from `make reproduce`
smartquotes = False  # `--` of a command stays as it has to be typed
suppress_warnings = ["myst.header"]  # sections of notebooks begin where their cells do

autosummary_generate = True
autodoc_typehints = "none"  # the signatures are typed; numpydoc describes the arguments
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

html_theme = "pydata_sphinx_theme"
html_title = "tunbp"
html_static_path = ["_static"]
html_css_files = ["tunbp.css"]
html_show_sourcelink = False
html_copy_source = False
html_context = {"default_mode": "auto"}
html_theme_options = {
    "show_prev_next": False,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "navbar_align": "left",
    "collapse_navigation": True,  # the theme's buttons that unfold it have no name for a screen reader
    "navbar_persistent": ["search-button"],
    "header_links_before_dropdown": 6,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
# pages that stand alone, and those of the library, whose modules list their parts: no list beside them
ALONE = [
    "index",
    "theory",
    "architecture",
    "speed",
    "faq",
    "glossary",
    "promises",
    "artifact",
    "appendix",
    "contributing",
]
html_sidebars = {page: [] for page in (*ALONE, "changelog", "api/**", "generated/**")}
doctest_test_doctest_blocks = ""  # docstrings are run by tests/test_docs.py, each in its module
doctest_global_setup = "import numpy as np\nimport xarray as xr\n"
linkcheck_ignore = [r".*"]  # addresses of others are checked by form, in tests/test_docs.py


def setup(app):
    """Let docstrings be read as they are written here: code in single backticks, whatever stands in and after them."""
    app.connect("autodoc-process-docstring", mark_code, priority=100)  # before numpydoc
    app.connect("autodoc-skip-member", lambda _, what, name, value, skip, options: skip or is_alias(value))


CODE = re.compile(r"(?<![`:\w])`(?![`\s])([^`]+?)`(?!`)(?=(\w?))")
NAME = re.compile(r"~?[A-Za-z_][\w.]*(\(\))?")


def mark_code(app, what, name, value, options, lines):
    """Turn `code` that is no name into a literal, and part it from letters that follow (`Dataset`s)."""
    for at, line in enumerate(lines):
        lines[at] = CODE.sub(_marked, line)


def _marked(found):
    code = f"`{found[1]}`" if NAME.fullmatch(found[1]) else f"``{found[1].strip()}``"
    return code + ("\\ " if found[2] else "")


def is_alias(value):
    """Whether a value is a type like `tuple[str, ...]`: it has no signature to show."""
    return isinstance(value, GenericAlias)
