"""Formats of tracepoints, as a real kernel prints them."""

import re
from pathlib import Path

import pytest

from tunbp.errors import LabError
from tunbp.lab.probe.tracefs import Field, parse_format

FORMATS = (Path(__file__).parent / "fixtures" / "formats_6.18.txt").read_text()
TRANSMIT, FREE = re.split(r"^(?=name: )", FORMATS, flags=re.MULTILINE)[1:]


def test_name_number_and_fields_are_read():
    found = parse_format(TRANSMIT)
    assert (found.name, found.id) == ("net_dev_start_xmit", 2307)
    assert found.fields["skbaddr"] == Field(16, 8, False)
    assert found.fields["network_offset"] == Field(44, 4, True)
    assert found.fields["common_pid"] == Field(4, 4, True)
    assert found.fields["name"] == Field(8, 4, False)  # where the text is, not the text


def test_names_of_drop_reasons_are_read():
    symbols = parse_format(FREE).symbols
    assert symbols[80] == "FULL_RING"
    assert symbols[2] == "NOT_SPECIFIED"
    assert len(symbols) > 100


def test_what_is_no_format_is_refused():
    with pytest.raises(LabError, match="not the format of a tracepoint: 'mount: denied'"):
        parse_format("mount: denied")
