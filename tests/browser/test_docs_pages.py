"""The documentation as its readers have it: built by `make docs` and named in TUNBP_DOCS, without a network."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

AXE = os.environ.get("TUNBP_AXE", "")
DOCS = os.environ.get("TUNBP_DOCS", "")
PAGES = (
    "index", "tutorials/operator", "theory", "cli", "faq", "glossary", "artifact", "generated/gallery",
    "generated/notebooks/01_openvpn_throughput", "api/tunbp.quantities",
)  # fmt: skip
SIZES = {"desktop": {"width": 1200, "height": 800}, "phone": {"width": 375, "height": 700}}

pytestmark = pytest.mark.skipif(not DOCS, reason="TUNBP_DOCS does not name build/docs/html: make docs")


@pytest.fixture(params=["light", "dark"])
def page(chromium, request):
    context = chromium.new_context(color_scheme=request.param)
    page = context.new_page()
    page.set_default_timeout(120_000)  # of a machine that does other things too
    page.complaints, page.foreign = [], []
    page.on("console", lambda m: page.complaints.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else page.foreign.append(r.url))
    yield page
    context.close()


def show(page, name, size="desktop"):
    page.set_viewport_size(SIZES[size])
    page.goto((Path(DOCS).resolve() / f"{name}.html").as_uri())


@pytest.mark.parametrize("name", PAGES)
def test_a_page_needs_nothing_from_elsewhere_and_has_no_error(page, name):
    show(page, name)
    # what loads with the page has done so; scripts that go on after it are through when the browser is idle
    page.evaluate("new Promise(done => requestIdleCallback(done))")
    assert page.foreign == []
    assert page.complaints == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PAGES)
def test_only_tables_and_code_scroll_sideways(page, name, size):
    show(page, name, size)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= SIZES[size]["width"]


@pytest.mark.skipif(not AXE, reason="TUNBP_AXE does not name axe.min.js: npm install axe-core")
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_serious_accessibility_problem(page, name):
    show(page, name)
    page.add_script_tag(path=AXE)
    found = page.evaluate("axe.run()")["violations"]
    serious = [(v["id"], v["nodes"][0]["html"][:200]) for v in found if v["impact"] in ("serious", "critical")]
    assert serious == []


def test_the_first_page_leads_each_reader_on_by_keyboard(page):
    show(page, "index")
    links = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        links.add(page.evaluate("document.activeElement.getAttribute('href') || ''"))
    assert {"tutorials/reviewer.html", "tutorials/operator.html", "tutorials/student.html"} <= links


def test_an_operator_reaches_the_advice_in_one_click_and_its_figure_in_two(page):
    show(page, "index")
    page.locator(".sd-card", has_text="You run a tunnel").click()
    assert "IFF_BACKPRESSURE" in page.inner_text("main blockquote")
    page.get_by_role("link", name="the notebook with its figure").click()
    page.locator("main img").first.wait_for()


def test_the_first_page_says_the_four_findings_with_figure_data_and_messages(page):
    show(page, "index")
    findings = page.locator("main ol > li")
    assert findings.count() == 4
    for name in ("figure", "notebook"):
        assert findings.get_by_role("link", name=name, exact=True).count() == 4
    data = findings.locator('a[download][href$=".csv"]')  # the theme's sign stands before its word
    assert data.all_inner_texts() == ["data"] * 4
    assert findings.locator('a[href^="https://lore.kernel.org/"]').count() >= 10


def test_a_phone_shows_panels_of_a_figure_below_each_other_and_a_link_leads_to_the_picture_that_is_shown(page):
    shapes = []
    for size in SIZES:
        show(page, "index", size)
        page.locator("main ol > li").last.get_by_role("link", name="figure", exact=True).click()
        page.wait_for_url("**/gallery.html#*")
        card = page.locator(".sd-card", has_text="TCP through OpenVPN on a live kernel")
        shown = card.locator("img:visible")
        shown.first.wait_for()
        assert shown.count() == 1
        box = shown.bounding_box()
        assert 0 < box["y"] < SIZES[size]["height"] / 2
        shapes.append(box["height"] / box["width"])
    assert shapes[1] > 1.3 * shapes[0], "wide, then narrow"


def test_formulas_are_drawn_by_the_browser_itself(page):
    show(page, "theory")
    assert page.evaluate("document.querySelectorAll('math').length") > 10
    assert page.evaluate("document.querySelector('div.math math').getBoundingClientRect().height") > 15


def test_both_ends_of_a_formula_can_be_reached_on_a_phone(page):
    show(page, "theory", "phone")
    ends = page.evaluate("""() => [...document.querySelectorAll("div.math")].map(box => {
        const parts = () => [...box.querySelectorAll("math *")].map(part => part.getBoundingClientRect());
        const inside = box.getBoundingClientRect();
        box.scrollTo({left: 0, behavior: "instant"});
        const left = Math.min(...parts().map(part => part.left)) - inside.left;
        box.scrollTo({left: box.scrollWidth, behavior: "instant"});
        return [left, inside.right - Math.max(...parts().map(part => part.right))];
    })""")
    assert len(ends) > 3
    # browsers round to whole pixels where they scroll
    assert min(map(min, ends)) >= -1, ends


def test_every_option_of_the_commands_is_a_definition(page):
    show(page, "cli")
    assert ".. option::" not in page.inner_text("main")
    assert page.locator("dt", has_text="--path-rate").count() > 0


def test_the_appendix_is_printed_on_two_pages(page):
    show(page, "appendix")
    printed = page.pdf(format="A4", margin=dict.fromkeys(("top", "bottom", "left", "right"), "15mm"))
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 2


def test_a_command_in_a_sentence_stays_as_it_has_to_be_typed(page):
    show(page, "tutorials/operator")
    text = page.locator("article").inner_text()
    assert "tunbp backpressure -- openvpn" in text
    assert "backpressure – " not in text
