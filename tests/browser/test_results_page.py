"""The page of a run as its readers have it: a file, without a network, also by keyboard and in the dark."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pytest

from tunbp.evidence import claims
from tunbp.plots import points, style
from tunbp.results.output import Output
from tunbp.site.finish import finish
from tunbp.sources import sources

AXE = os.environ.get("TUNBP_AXE", "")
RESULTS = os.environ.get("TUNBP_RESULTS", "")


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """Folder named in TUNBP_RESULTS, else a small run made here."""
    if RESULTS:
        return Path(RESULTS).resolve()
    mpl.use("Agg")
    folder = tmp_path_factory.mktemp("results")
    table = pd.DataFrame({"ring": [10.0, 500.0] * 2, "received_rate": [1.6e6, 117.4e6, 183.6e6, 184.6e6]})
    table["variant"] = ["stock"] * 2 + ["patched"] * 2
    fig, ax = style.figure()
    points.draw_published(ax, table, "ring", "received_rate")
    with Output(folder, "01_demo", {"rtt": 0.12}) as out:
        out.figure(fig, "ring", "Throughput over ring size", "OpenVPN over 120 ms.", data=table)
        out.figure(style.figure("text", 2.4, 1, 2)[0], "wide", "A wide figure", "Nothing in it.")
        out.figure(style.figure("text", 2.4, 1, 2)[0], "your_path", "A path", "Raise the buffers.\nWords about it.")
        out.table(table, "rates", "Rates by ring size")
        place = "between two places (about 120 ms) with a queue of 500 packets"
        sentence = f"more TCP throughput through OpenVPN {place}: 184.6 Mbit/s instead of 117.4 Mbit/s"
        known = {"figure": "ring", "table": "rates", "sources": ["S03", "S13", "S14"]}
        for number in range(1, 5):
            out.finding(number, "57.2 %", sentence, "One value.", **known)
        out.number("gain", 57.2, "%", text="gain at a ring of 500 packets")
        out.table(claims.check().reset_index(), "claims", "Statements of others and our own questions")
        validation = {
            "what": ["OpenVPN 500", "OpenVPN 100", "TAP", "unknown"],
            "reference": [117.4e6, 66.4e6, 1.7e9, None],
            "model": [120e6, 60e6, 1.7e9, 1e9],
        }
        out.table(pd.DataFrame(validation), "validation", "Model against published values")
    finish(folder)
    return folder


@pytest.fixture(params=["light", "dark"])
def page(chromium, results, request):
    page = chromium.new_page(color_scheme=request.param, viewport={"width": 1100, "height": 800})
    page.set_default_timeout(120_000)  # of a machine that does other things too
    page.complaints, page.foreign = [], []
    page.on("console", lambda m: page.complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else page.foreign.append(r.url))
    page.goto((results / "index.html").as_uri())
    yield page
    page.close()


def column(page, table, number):
    return page.locator(f"#table-{table} tbody tr td:nth-child({number})").all_text_contents()


def numbers(texts):
    return [float(text.replace(",", "")) for text in texts if text]


def test_a_click_sorts_a_table_up_and_again_down(page):
    table = "validation"
    heads = page.locator(f"#table-{table} th").all_text_contents()
    number = page.locator(f"#table-{table} th[data-numeric]").first
    at = heads.index(number.text_content()) + 1
    before = column(page, table, at)
    page.locator(f"details:has(#table-{table}) > summary").click()
    number.locator("button").click()
    assert number.get_attribute("aria-sort") == "ascending"
    up = column(page, table, at)
    # no value comes last, whichever the direction
    assert numbers(up) == sorted(numbers(before))
    assert up == sorted(up, key=lambda text: text == "")
    number.locator("button").click()
    assert number.get_attribute("aria-sort") == "descending"
    down = column(page, table, at)
    assert numbers(down) == sorted(numbers(before), reverse=True)
    assert down == sorted(down, key=lambda text: text == "")
    assert page.locator("#announce").inner_text() == f"Sorted by {heads[at - 1]}, descending"
    assert (page.complaints, page.foreign) == ([], [])


def test_a_table_is_sorted_by_keyboard_alone(page):
    page.locator("details:has(#table-validation) > summary").focus()
    page.keyboard.press("Enter")
    head = page.locator("#table-validation th").first
    head.locator("button").focus()
    page.keyboard.press("Enter")
    texts = column(page, "validation", 1)
    assert head.get_attribute("aria-sort") == "ascending"
    assert len(texts) > 1
    assert page.evaluate("t => t.every((x, i) => !i || t[i-1].localeCompare(x, 'en', {numeric: true}) <= 0)", texts)


def test_every_figure_is_drawn_on_white_and_named(page):
    pictures = page.locator("figure img")
    assert pictures.count() >= 1
    for picture in pictures.all():
        assert picture.evaluate("image => image.complete && image.naturalWidth > 0")
        assert picture.evaluate("image => getComputedStyle(image).backgroundColor") == "rgb(255, 255, 255)"
        assert picture.get_attribute("alt").startswith("Figure: ")


def test_the_page_follows_the_colour_scheme_of_the_reader(page):
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(22, 24, 27)" if dark else "rgb(255, 255, 255)")


def test_nothing_is_wider_than_a_phone(page):
    page.set_viewport_size({"width": 360, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_phone_shows_panels_below_each_other_and_a_wide_screen_beside(page):
    shapes = []
    for width in (1100, 390):
        page.set_viewport_size({"width": width, "height": 800})
        ratio = "async image => { await image.decode(); return image.naturalHeight / image.naturalWidth }"
        shapes.append([picture.evaluate(ratio) for picture in page.locator("figure.wide img").all()])
    assert shapes[0]
    assert all(narrow > 1.3 * wide for wide, narrow in zip(*shapes, strict=True)), shapes


@pytest.mark.parametrize("width", [360, 1280])
def test_verdict_words_author_and_reason_of_a_claim_are_in_sight_without_scrolling_sideways(page, width):
    page.set_viewport_size({"width": width, "height": 700})
    page.evaluate("location.hash = '#claim-cover-letters-36-percent'")
    page.locator("#claim-cover-letters-36-percent").wait_for(state="visible")
    cells = page.locator("#claim-cover-letters-36-percent td").all()
    boxes = [cell.bounding_box() for cell in cells]
    assert len(boxes) == 4
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)
    if width < 400:  # a card: one below the other
        assert [box["y"] for box in boxes] == sorted({box["y"] for box in boxes})
    verdict, words, author, why = (cell.inner_text() for cell in cells)
    assert verdict == "differs"
    assert "36% TCP throughput improvement" in words
    assert author == "Simon Schippers, S07"
    assert "57.2 %" in why


def test_a_phone_folds_figures_and_long_lists_under_their_counts_and_opens_what_a_link_leads_to(page):
    page.set_viewport_size({"width": 390, "height": 800})
    page.reload()
    folded = page.locator("details.fold")
    assert folded.count() >= 3
    assert all(part.get_attribute("open") is None for part in folded.all())
    assert re.search(r"\(\d+ figures?\)$", page.locator("details:has(> .gallery) > summary").first.inner_text())
    summary = page.locator("details:has(> #table-claims-quote) > summary").inner_text()
    assert re.fullmatch(r"\d+: \d+ holds, .*", summary)
    page.evaluate("location.hash = '#claim-cover-letters-36-percent'")
    card = page.locator("#claim-cover-letters-36-percent")
    card.wait_for(state="visible")
    assert -1 < card.bounding_box()["y"] < 800  # places are rounded to a 64th of a pixel
    page.evaluate("location.hash = '#' + document.querySelector('figure').id")
    page.locator("figure").first.wait_for(state="visible")


def test_a_wide_screen_shows_figures_and_folds_tables_and_statements(page):
    assert all(picture.is_visible() for picture in page.locator("figure img").all())
    assert not any(table.is_visible() for table in page.locator("main table").all())


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 900)])
def test_findings_and_their_links_are_on_the_first_screen_and_the_advice_two_clicks_away(page, width, height):
    page.set_viewport_size({"width": width, "height": height})
    page.reload()
    links = page.locator(".findings li > .links")
    assert links.count() == 4
    assert all(box["y"] + box["height"] <= height for box in (link.bounding_box() for link in links.all()))
    page.locator("nav a", has_text="Your path").click()
    page.locator("#your-path ~ p a").first.click()
    advice = page.locator("#figure-your_path figcaption li").first
    advice.wait_for(state="visible")


def test_every_link_leads_to_something_that_is_there(page, results):
    links = page.eval_on_selector_all("a[href]", "links => links.map(link => link.getAttribute('href'))")
    assert links
    known = {address for each in sources().values() for address in (each.link, *each.address)}
    for link in links:
        if link.startswith("#"):
            assert page.locator(f"[id='{link[1:]}']").count() == 1, link
        elif link.startswith("https://"):
            # the only ones that leave the folder: sources of the published values, messages by their form
            message = re.fullmatch(r"https://lore\.kernel\.org/netdev/[\w.@-]+/", link)
            paper = link.startswith("https://cni.etit.tu-dortmund.de/")  # of the note that it was not read
            assert message or paper or link in known, link
        else:
            assert (results / link).is_file(), link
    assert page.foreign == []


@pytest.mark.skipif(not AXE, reason="TUNBP_AXE does not name axe.min.js: npm install axe-core")
def test_axe_finds_no_serious_accessibility_problem(page):
    page.eval_on_selector_all("details", "all => all.forEach(part => part.open = true)")
    # evaluated from outside of the page, whose own rules forbid foreign scripts
    page.evaluate(Path(AXE).read_text())
    found = page.evaluate("axe.run()")["violations"]
    serious = [(v["id"], [n["html"] for n in v["nodes"]][:3]) for v in found if v["impact"] in ("serious", "critical")]
    assert serious == [], json.dumps(serious, indent=1)


@pytest.mark.skipif(not AXE, reason="TUNBP_AXE does not name axe.min.js: npm install axe-core")
def test_axe_finds_no_serious_problem_in_the_pages_of_notebooks(chromium, results):
    for notebook in sorted((results / "notebooks").glob("*.html")):
        page = chromium.new_page()
        page.goto(notebook.as_uri())
        page.evaluate(Path(AXE).read_text())
        found = page.evaluate("axe.run()")["violations"]
        serious = [
            (v["id"], [n["html"] for n in v["nodes"]][:3]) for v in found if v["impact"] in ("serious", "critical")
        ]
        assert serious == [], f"{notebook.name}: {json.dumps(serious, indent=1)}"
        page.close()
