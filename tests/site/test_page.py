"""The results page shows tables in the units that people read."""

from __future__ import annotations

import html
import re

import pandas as pd

from tunbp.evidence import claims
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
    assert text.index('<h2 id="claims_counts">') < text.index('<h2 id="claims">')
    assert text.index(">quote<") < text.index(">paraphrase<") < text.index(">our_question<")
    rows = re.findall(r"<tr>(.*?)</tr>", text[text.index('id="table-claims"') :], re.DOTALL)
    for said in checked[checked["kind"] == "quote"].to_dict("records"):
        (row,) = [row for row in rows if f">{said['id']}<" in row]
        assert f">{html.escape(said['words'])}<" in row.replace("&#39;", "&#x27;").replace("&#34;", "&quot;")
        assert f'href="{said["link"]}"' in row
        assert said["author"] in row
