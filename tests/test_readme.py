from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools.readme import disagreements, noted, quote
from tunbp.errors import OutputError
from tunbp.project import project_root

RESULTS = os.environ.get("TUNBP_RESULTS", "")
NUMBERS = {"gain": {"shown": "57.2 %"}, "rate": {"shown": "171.7 ± 2.1 Mbit/s"}}


def test_a_text_that_quotes_the_run_is_fine():
    assert disagreements("It gains <!--gain-->57.2 %<!----> at\n<!--rate-->171.7 ± 2.1\nMbit/s<!---->.", NUMBERS) == []


def test_a_wrong_an_unknown_and_an_unmarked_result_are_found():
    found = disagreements("<!--gain-->36 %<!----> and <!--loss-->1 %<!---->, or 120 ms; not `5 ms`.", NUMBERS)
    assert found == [
        "gain: the text says '36 %', the run '57.2 %'",
        "loss: no notebook notes this number",
        "'120 ms' is not marked with the name of its number",
    ]


def test_quoting_fills_the_marked_places():
    text = quote("It gains <!--gain-->?<!----> over <!--given-->120 ms<!---->.", NUMBERS)
    assert text == "It gains <!--gain-->57.2 %<!----> over <!--given-->120 ms<!---->."
    assert disagreements(text, NUMBERS) == []


def test_quoting_a_number_nobody_noted_is_refused():
    with pytest.raises(OutputError, match="'loss' is quoted"):
        quote("<!--loss-->?<!---->", NUMBERS)


@pytest.mark.skipif(not RESULTS, reason="TUNBP_RESULTS does not name the results of a run")
def test_the_readme_says_what_the_run_found():
    readme = (project_root(Path(__file__).parent) / "README.md").read_text()
    assert disagreements(readme, noted(Path(RESULTS))) == []


def test_a_finding_is_quoted_by_its_place(finished):
    numbers = noted(finished)
    assert numbers["finding_2"]["shown"] == "57.2 %"  # as `small_run` notes it
    assert numbers["finding_2_words"]["shown"] == "more at a ring of 500 <packets>"
    assert numbers["demo_gain"]["shown"] == "57.2 %"
