"""Tables of live measurements, in units that people read."""

import pandas as pd

from tunbp.notebooks.live_lab.tables import verdict_table


def test_a_difference_stands_with_its_interval_in_readable_units():
    row = {
        "cell": "120ms-ring25", "quantity": "received rate", "units": "bit/s", "stock": 2.5e6, "backpressure": 80e6,
        "difference": 77.5e6, "low": 60e6, "high": 95e6, "pairs": 5, "with backpressure": "higher",
    }  # fmt: skip
    share = row | {"quantity": "dropped share", "units": "1", "difference": -0.65, "low": -0.7, "high": 0.01}
    equal = row | {"cell": "equal", "difference": 0.0, "low": 0.0, "high": 0.0}
    table = verdict_table(pd.DataFrame([row, share, equal]), "words").data
    assert list(table["quantity"]) == ["received rate (Mbit/s)", "dropped share (%)"]
    assert list(table["difference"]) == ["77.5 (60 to 95)", "-65 (-70 to 1)"]
