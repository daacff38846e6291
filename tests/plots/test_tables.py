from __future__ import annotations

import numpy as np
import pandas as pd

from tunbp.plots.tables import error_table


def test_the_error_table_shows_every_row_and_marks_the_bad_ones_by_a_word():
    data = pd.DataFrame({"run": ["a", "b", "c"], "received_rate": [1e8, 2e8, np.nan], "error": [0.031, -0.24, np.nan]})
    text = error_table(data, units={"received_rate": "bit/s"}, limit=0.2, caption="Errors").to_html()
    assert "received_rate (Mbit/s)" in text
    assert "+3.1" in text
    assert "-24.0" in text
    assert text.count("within") == 1
    assert "past 20%" in text
    assert "no value" in text
    assert text == error_table(data, units={"received_rate": "bit/s"}, limit=0.2, caption="Errors").to_html()
