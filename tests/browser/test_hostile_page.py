"""A results page of texts that want to act, in a browser with scripts on."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from hostile import HOSTILE

from tunbp.plots import style
from tunbp.results.output import Output
from tunbp.site.finish import finish


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    fig, ax = style.figure()
    ax.plot([1, 2], [1, 2])
    with Output(folder, "01_demo", {f"p{i}": text for i, text in enumerate(HOSTILE)}) as out:
        for i, text in enumerate(HOSTILE):
            out.figure(fig, f"figure{i}", text, text, alt=text)
            out.table(pd.DataFrame({text: [text]}), f"table{i}", text)
            out.number(f"number{chr(97 + i)}", 1.0, text=text)
            out.finding(i, text, text, text, figure=f"figure{i}", table=f"table{i}")
    finish(folder)
    return folder


def test_nothing_in_a_text_of_others_runs_or_is_fetched(chromium, folder):
    page = chromium.new_page()
    foreign, dialogs = [], []
    page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else foreign.append(r.url))
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    page.goto((folder / "index.html").as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true })")
    assert page.evaluate("window.hacked") is None
    assert page.locator("img[src=x], script:not(:last-of-type), b").count() == 0
    assert page.locator("a[href^=javascript]").count() == 0
    assert (foreign, dialogs) == ([], [])
    assert page.locator(".findings li").count() == len(HOSTILE)
    shown = page.locator("body").inner_text()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u200b\u202a-\u202e\u2066-\u2069\U000e0041]", shown)
    assert r"\u202eright to left" in shown
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"], "it scrolls sideways"
    assert page.evaluate("[...document.all].every(e => [...e.attributes].every(a => !/^on/i.test(a.name)))")
    page.close()
