"""The results page shows tables in the units that people read."""

from __future__ import annotations

import pandas as pd

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
