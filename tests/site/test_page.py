"""The results page shows tables in the units that people read."""

from __future__ import annotations

import base64
import html
import json
import re

import pandas as pd
import pytest
from small_run import write_run

from tunbp.evidence import claims, coverage
from tunbp.plots import style
from tunbp.results.output import Output
from tunbp.site import collected, page


def test_rates_of_the_validation_are_in_readable_units_with_the_error_in_percent_before_them(tmp_path):
    rows = pd.DataFrame(
        {
            "table": ["paper", "pktgen"],
            "row": ["openvpn-500", "tap"],
            "unit": ["bit/s", "packet/s"],
            "published": [117.4e6, 1.25e6],
            "model": [120e6, 1.2e6],
            "error": [0.022, -0.04],
        }
    )
    with Output(tmp_path, "01_demo", {}) as out:
        out.table(rows, "validation", "Model against published values")
    text = page.build(collected.collect(tmp_path), {})
    heads = [text.index(f'<button type="button">{name}</button>') for name in ("error (%)", "published", "unit")]
    assert heads == sorted(heads)
    assert ">117.4<" in text
    assert ">Mbit/s<" in text
    assert ">-4<" in text.replace("\N{MINUS SIGN}", "-")


def test_who_is_quoted_finds_his_sentence_and_its_link_on_the_page_and_the_kinds_counted(tmp_path):
    checked = claims.check().reset_index()
    with Output(tmp_path, "01_demo", {}) as out:
        out.table(checked, "claims", "Statements of others and our own questions, recomputed")
        out.table(claims.counts(checked), "claims_counts", "Verdicts by kind")
    text = page.build(collected.collect(tmp_path), {})
    heads = [text.index(f'id="table-claims-{kind}"') for kind in ("quote", "paraphrase", "our-question")]
    assert heads == sorted(heads)
    assert "50: 21 holds, 20 not checkable, 6 differs, 2 contradicted, 1 typing error</summary>" in text
    rows = re.findall(r'<tr role="row" id="claim-(.*?)">(.*?)</tr>', text, re.DOTALL)
    assert [name for name, _ in rows] == checked["id"].to_list()
    for said in checked[checked["kind"] == "quote"].to_dict("records"):
        verdict, words, author, why = re.findall(r"<td role=\"cell\">(.*?)</td>", dict(rows)[said["id"]], re.DOTALL)
        assert f">{said['verdict']}</span>" in verdict
        assert f"<blockquote>{html.escape(said['words'])}<" in words.replace("&#39;", "&#x27;").replace(
            "&#34;", "&quot;"
        )
        assert author == f'{said["author"]}, <a href="{html.escape(said["link"])}">{said["source_id"]}</a>'
        assert len(why) > 10


def test_only_a_contradicted_statement_is_red(tmp_path):
    with Output(tmp_path, "01_demo", {}) as out:
        out.table(claims.check().reset_index(), "claims", "Statements of others and our own questions, recomputed")
    text = page.build(collected.collect(tmp_path), {})
    assert set(re.findall(r'<span class="bad">(.*?)</span>', text)) == {"contradicted"}
    assert 'class="mild">typing error<' in text
    assert "<strong>58.1 %; stated: 36 % ± 0.5 %</strong>" in text  # v4-36-percent-improvement: 185 / 117 - 1


def test_coverage_names_source_and_links_addresses_of_its_notes(tmp_path):
    with Output(tmp_path, "01_demo", {}) as out:
        out.table(coverage.coverage().reset_index(), "coverage", "What is here")
    text = page.build(collected.collect(tmp_path), {})
    row = next(row for row in re.findall(r"<tr role=\"row\">(.*?)</tr>", text, re.DOTALL) if "all other figures" in row)
    assert 'class="soft">not read<' in row
    assert re.search(r'<a href="(https://\S+AuthorsVersion\.pdf)">\1</a>', row)


def test_an_error_of_rounding_is_shown_as_none(tmp_path):
    rows = pd.DataFrame({"row": ["fitted"], "unit": ["packet/s"], "published": [196e3], "model": [196e3]})
    with Output(tmp_path, "01_demo", {}) as out:
        out.table(rows.assign(error=2.220446e-16), "validation", "Model against published values")
    text = page.build(collected.collect(tmp_path), {})
    assert "e-1" not in text[text.index('id="table-validation"') :].split("</table>")[0]


def test_a_phone_gets_the_wide_figure_with_its_panels_below_each_other(tmp_path):
    with Output(tmp_path, "01_demo", {}) as out:
        out.figure(style.figure("text", 2.0, 1, 2)[0], "wide", "Two panels")
        out.figure(style.figure("column")[0], "narrow", "One panel")
    text = page.build(collected.collect(tmp_path), {})
    wide, narrow = re.findall(r"<picture>(.*?)</picture>", text, re.DOTALL)
    source = re.search(r'<source media="\(max-width: 50rem\)" srcset="data:image/svg\+xml;base64,(.*?)">', wide)
    drawn, written = base64.b64decode(source[1]).decode(), (tmp_path / "figures" / "wide.narrow.svg").read_text()
    seen = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", written, flags=re.DOTALL)
    numbers = [[float(number) for number in re.findall(r"-?\b\d+(?:\.\d+)?\b", text)] for text in (drawn, seen)]
    assert len(numbers[0]) > 100
    assert numbers[0] == pytest.approx(numbers[1], abs=0.0051), "coordinates to a hundredth of a point"
    assert len(drawn) < 0.9 * len(written)
    assert "<source" not in narrow


def test_a_table_is_shown_as_it_is_printed_with_units_and_whole_as_csv(tmp_path):
    rows = pd.DataFrame({"cell": ["ring 25"], "ping": [0.2147], "rate": [94.3e6], "seed": [7]})
    with Output(tmp_path, "01_demo", {}) as out:
        out.table(rows, "prices", "Ping of `ring` 25", {"rate": ("bit/s", "Mbit/s"), "ping": ("s", "ms")})
    text = page.build(collected.collect(tmp_path), {})
    assert re.findall(r'<button type="button">(.*?)</button>', text) == ["rate (Mbit/s)", "ping (ms)"]
    assert ">94.3<" in text
    assert ">215<" in text
    assert "Ping of <code>ring</code> 25" in text
    assert (tmp_path / "tables" / "prices.csv").read_text().startswith("cell,ping,rate,seed")


def test_advice_is_a_list_and_its_legend_the_caption(tmp_path):
    write_run(tmp_path)
    record = tmp_path / "figures" / "demo_ring.json"
    figure = json.loads(record.read_text()) | {"caption": "Raise the <buffers>.\nSet 2500.\nLines: medians."}
    record.write_text(json.dumps(figure))
    text = page.build(collected.collect(tmp_path), {})
    assert "<ul><li>Raise the &lt;buffers&gt;.</li><li>Set 2500.</li></ul>" in text
    assert "</ul>\n Lines: medians." in text


def test_the_first_sentence_of_a_caption_is_seen_and_the_others_are_folded(tmp_path):
    with Output(tmp_path, "01_demo", {}) as out:
        caption = "Stock drops (S03). Open markers: published, v3 of the series. Lines: simulated."
        out.figure(style.figure("column")[0], "ring", "A ring", caption)
        out.figure(style.figure("column")[0], "short", "Another", "One sentence of 3.5 words.")
    text = page.build(collected.collect(tmp_path), {})
    ring, short = re.findall(r"<figcaption>(.*?)</figcaption>", text, re.DOTALL)
    folded = re.search(r"<details><summary>How to read it.*?</details>", ring, re.DOTALL)
    assert folded is not None
    assert "Open markers: published, v3 of the series. Lines: simulated." in folded[0]
    assert "Stock drops" in ring.partition("<details>")[0]
    assert "How to read it" not in short
