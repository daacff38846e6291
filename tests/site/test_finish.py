from __future__ import annotations

import json
import re

import pytest
from small_run import write_run

from tunbp.errors import OutputError
from tunbp.results.output import Output
from tunbp.run import state as runstate
from tunbp.site import environment
from tunbp.site.finish import finish
from tunbp.sources import link as address


def test_a_run_is_collected_into_numbers_for_latex_and_json(finished):
    latex = (finished / "numbers.tex").read_text()
    assert r"\newcommand{\DemoRate}{\ensuremath{171.7 \pm 2.1}~Mbit/s}" in latex
    numbers = json.loads((finished / "numbers.json").read_text())["numbers"]
    assert numbers["demo_rate"]["value"] == 171.68e6
    assert numbers["demo_rate"]["run"] == "01_demo"
    assert numbers["demo_rate"]["macro"] == r"\DemoRate"


def test_finishing_twice_changes_only_the_one_file_with_times(finished, monkeypatch):
    before = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    monkeypatch.setattr(environment, "facts", lambda: {"finished": "some other day", "cpu": "some other host"})
    finish(finished)
    changed = {path.name for path, content in before.items() if path.read_bytes() != content}
    assert changed == {"environment.json", "index.html"}


def test_the_page_has_every_figure_number_and_table(finished):
    page = (finished / "index.html").read_text()
    for text in ("Throughput &amp; ring", "Rate over 100 % of rings.", "171.7 ± 2.1 Mbit/s", r"\DemoRate"):
        assert text in page
    for text in (
        "Claims: statements of others, and our own questions",
        "&lt;b&gt;gain&lt;/b&gt; of 36 %",
        "not checkable",
    ):
        assert text in page
    assert page.count('src="data:image/') == 1
    assert 'class="good">holds' in page
    assert 'class="bad">contradicted' in page


def test_the_page_opens_with_the_findings_in_their_order_and_links_them(finished):
    with Output(finished, "03_other") as out:
        places = {"figure": "demo_ring", "table": "nowhere"}
        out.finding(1, "6.0 %", "fewer packets: 1.2", "One <mean>.", **places, sources=["S13", "S14"])
        out.finding(3, "27 %", "less", sources=["S28"])
    finish(finished)
    page = (finished / "index.html").read_text()
    found = re.findall(
        r'<li><strong>(.*?)</strong> <span>(.*?)<span class="rest">(.*?)</span></span>\n'
        r'<span class="links">(.*?)</span>\n(.*?)</li>',
        page,
        re.DOTALL,
    )
    assert [number for number, *_ in found] == ["6.0 %", "57.2 %", "27 %"]
    assert found[0][1:3] == ("fewer packets", ": 1.2"), "a phone shows the first part until the limits are opened"
    assert "One &lt;mean&gt;." in found[0][4]
    assert found[1][1] == "more at a ring of 500 &lt;packets&gt;"
    links = [re.findall(r'href="([^"]*)"', links) for *_, links, _ in found]
    assert links == [["#figure-demo_ring", address("S13"), address("S14")],
                     ["#figure-demo_ring", "#table-demo_rates"], []]  # fmt: skip
    assert page.index('id="findings"') < page.index('id="figures"')


def test_the_page_refers_to_nothing_outside_of_the_results(finished):
    page = (finished / "index.html").read_text()
    links = re.findall(r'(?:href|src)="([^"]*)"', page)
    assert links
    for link in links:
        assert link.startswith(("#", "data:")) or (finished / link).is_file(), link
    assert not re.search(r"url\(|@import|https?://(?!doi\.org)", page.replace("http://www.w3.org", ""))


def test_a_failed_notebook_is_said_on_the_page_and_in_the_crate(finished):
    runstate.write(finished, runstate.State("02_claims", "failed", error="cell 3: ZeroDivisionError: 1 < 0"))
    finish(finished)
    page = (finished / "index.html").read_text()
    assert "02_claims failed" in page
    assert "ZeroDivisionError: 1 &lt; 0" in page
    crate = json.loads((finished / "ro-crate-metadata.json").read_text())
    action = next(item for item in crate["@graph"] if item["@id"] == "#run-02_claims")
    assert action["actionStatus"].endswith("/FailedActionStatus")
    assert "ZeroDivisionError" in action["error"]


def test_two_notebooks_that_disagree_about_a_number_are_named(finished):
    with Output(finished, "03_other") as out:
        out.number("demo_gain", 36.4, "%")
    with pytest.raises(OutputError, match=r"01_demo says 57\.2 %, 03_other says 36\.4 %"):
        finish(finished)


def test_a_damaged_record_is_named(finished):
    (finished / "numbers" / "01_demo.json").write_text('{"num')
    with pytest.raises(OutputError, match=r"01_demo\.json: damaged"):
        finish(finished)


def test_a_folder_that_is_not_there_is_refused_with_advice(tmp_path):
    with pytest.raises(OutputError, match="make reproduce"):
        finish(tmp_path / "nothing")


def test_an_empty_run_still_gives_a_page(tmp_path):
    assert "No figures were written" in finish(tmp_path).read_text()


def test_a_table_of_many_rows_stays_complete_and_sortable(tmp_path, table):
    import pandas as pd

    with Output(tmp_path, "01_demo") as out:
        out.table(pd.concat([table] * 50), "many", "Many rows")
    page = finish(tmp_path).read_text()
    assert page.count('data-key="1600000"') == 50
    assert page.count('aria-sort="none"') == 3


def test_wide_figures_are_known_by_their_width(tmp_path, table):
    from tunbp.plots import points, style

    fig, ax = style.figure("text")
    points.draw_published(ax, table, "ring", "received_rate")
    write_run(tmp_path, figure=fig)
    assert 'class="wide"' in finish(tmp_path).read_text()
