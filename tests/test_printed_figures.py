"""Figures as they are printed, of a whole run: fonts, texts that lie on each other, colours that are lost in grey."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import pytest

from tunbp.plots import style

mpl.use("Agg")

RESULTS = os.environ.get("TUNBP_RESULTS", "")
FIGURES = sorted((Path(RESULTS) / "figures").glob("*.pdf")) if RESULTS else []

pytestmark = pytest.mark.skipif(not shutil.which("pdftotext"), reason="no pdftotext: apt-get install poppler-utils")
EACH = pytest.mark.parametrize("picture", FIGURES, ids=lambda path: path.stem)
"""Of a run that TUNBP_RESULTS names; without one there is nothing to look at."""


class Word(NamedTuple):
    """A word of a page and its box [points]."""

    text: str
    left: float
    top: float
    right: float
    bottom: float


def words(picture: Path) -> tuple[list[Word], float, float]:
    """Every word of a page, and the page's width and height."""
    said = subprocess.run(["pdftotext", "-bbox", picture, "-"], capture_output=True, text=True, check=True).stdout
    size = re.search(r'<page width="([\d.]+)" height="([\d.]+)"', said)
    assert size is not None
    number = r'"(-?[\d.]+)"'
    found = re.findall(rf"<word xMin={number} yMin={number} xMax={number} yMax={number}>(.*?)</word>", said)
    return [Word(text, *map(float, box)) for *box, text in found], float(size[1]), float(size[2])


def shared(one: Word, two: Word) -> float:
    """Part of the smaller word's box that lies inside the other's."""
    width = min(one.right, two.right) - max(one.left, two.left)
    height = min(one.bottom, two.bottom) - max(one.top, two.top)
    areas = [(word.right - word.left) * (word.bottom - word.top) for word in (one, two)]
    return max(width, 0.0) * max(height, 0.0) / max(min(areas), 1e-9)


def overlapping(picture: Path) -> list[tuple[str, str]]:
    """Words that lie on each other; boxes of a font are higher than its letters, a third of one is still read."""
    return [(one.text, two.text) for one, two in combinations(words(picture)[0], 2) if shared(one, two) > 0.34]


def test_a_text_on_another_is_found(tmp_path):
    fig, ax = style.figure()
    ax.text(0.5, 0.5, "first")
    ax.text(0.5, 0.52, "second")
    ax.text(0.1, 0.9, "apart")
    fig.savefig(tmp_path / "page.pdf")
    assert [set(pair) for pair in overlapping(tmp_path / "page.pdf")] == [{"first", "second"}]


@EACH
def test_no_text_lies_on_another(picture):
    assert overlapping(picture) == []


@EACH
def test_no_text_is_cut_off_by_the_edge(picture):
    texts, width, height = words(picture)
    assert len(texts) > 5
    out = [w.text for w in texts if w.left < -1 or w.top < -2 or w.right > width + 1 or w.bottom > height + 2]
    assert out == []


@EACH
def test_every_font_is_embedded(picture):
    said = subprocess.run(["pdffonts", picture], capture_output=True, text=True, check=True).stdout
    lines = said.splitlines()[2:]
    assert lines
    # "emb" is the column before "sub", "uni" and the object's two numbers
    assert all(line.split()[-5] == "yes" for line in lines), said


@EACH
def test_nothing_is_lost_in_grey(picture, tmp_path):
    """What stands out from white in colour stands out in grey too: no colour as light as the page."""
    from PIL import Image

    subprocess.run(["pdftoppm", "-r", "100", "-png", "-singlefile", picture, tmp_path / "page"], check=True)
    with Image.open(tmp_path / "page.png") as image:
        color, grey = np.asarray(image.convert("RGB"), float), np.asarray(image.convert("L"), float)
    coloured = (color.max(axis=2) - color.min(axis=2)) > 100
    assert (grey[coloured] < 240).all()
