"""`ip -s link` on one line, rounded, cut off."""

from __future__ import annotations

from pathlib import Path

from tunbp.traces import open_trace, opening
from tunbp.traces.source import source_of

FIXTURES = Path(__file__).parents[1] / "fixtures"


def read(text):
    return opening.read(source_of(Path("input"), text.encode()))


def test_ip_on_one_line_is_ip_on_several():
    run = open_trace(FIXTURES / "ip_link_oneline.txt")
    several = read((FIXTURES / "ip_link_oneline.txt").read_text().replace("\\", "\n"))
    assert run.drop_attrs(deep=False).drop_vars([]).equals(several.drop_attrs(deep=False))
    assert run["tx_packets"].sel(queue="va") == 416454


def test_rounded_counters_are_read_and_said_to_be_rounded():
    run = open_trace(FIXTURES / "ip_link_rounded.txt")
    assert (int(run["rx_bytes"].item()), int(run["tx_dropped"].item())) == (11_700_000_000, 1200)
    assert "counters are rounded (ip -h)" in run.attrs["warnings"]


def test_a_line_of_counters_that_is_cut_off_gives_no_number_that_may_be_cut():
    text = (FIXTURES / "ip_link_oneline.txt").read_text()
    run = read(text[: text.rindex("416454") + 3])
    assert run["tx_bytes"].sel(queue="va") == 616672147
    assert run["tx_packets"].isnull().sel(queue="va")
    assert "cut off" in run.attrs["warnings"]
