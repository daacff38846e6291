"""Text of mails as they are sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunbp.errors import TraceError
from tunbp.traces import open_trace, opening
from tunbp.traces.source import source_of

FIXTURES = Path(__file__).parent / "fixtures"


def test_a_mail_as_it_is_sent_gives_the_numbers_of_its_text():
    run = open_trace(FIXTURES / "mail_quoted_printable.eml")
    assert float(run["mean_rtt"]) == pytest.approx(6.848316)
    assert (int(run["probes_sent"]), int(run["probes_received"])) == (5, 1)
    assert float(run["duration"]) == pytest.approx(4.076)
    assert "2 probes: Destination Host Unreachable" in run.attrs["warnings"]
    assert "a mail as it is sent (quoted-printable)" in run.attrs["warnings"]


def test_a_text_with_few_such_signs_is_no_mail():
    text = (FIXTURES / "ping_quiet.txt").read_text() + "x=3D1\n"
    assert "quoted-printable" not in opening.read(source_of(Path("input"), text.encode())).attrs["warnings"]


def test_what_is_no_regular_file_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(TraceError, match=rf"^{tmp_path}/none: cannot be read: No such file or directory$"):
        open_trace(tmp_path / "none")
    with pytest.raises(TraceError, match=r"^/dev/zero: not a regular file; give the file that the tool wrote$"):
        open_trace("/dev/zero")


STAMPS = {
    "ts": "2026-11-27T10:00:00.123456 {}",
    "clock": "[10:00:00] {}",
    "journal": "Nov 27 10:00:00 gw monitor[812]: {}",
}


@pytest.mark.parametrize("form", STAMPS)
@pytest.mark.parametrize("name", ["iperf2.txt", "tc_htb_pfifo.txt", "ss_one_state.txt", "netperf_udp_stream.txt"])
def test_the_time_that_a_logger_put_before_each_line_changes_no_number(name, form):
    text = (FIXTURES / name).read_text()
    logged = "".join(STAMPS[form].format(line) + "\n" for line in text.splitlines())
    plain, found = (opening.read(source_of(Path("input"), each.encode())) for each in (text, logged))
    assert found.drop_attrs(deep=False).identical(plain.drop_attrs(deep=False))
    assert "times that a logger put before each line are taken off" in found.attrs["warnings"]


def test_an_error_in_a_text_with_times_names_the_byte_of_the_stored_file():
    text = (FIXTURES / "tc_htb_pfifo.txt").read_text().split("\n Sent")[0] + "\n"
    logged = "".join(STAMPS["journal"].format(line) + "\n" for line in [*text.splitlines()] * 2)
    with pytest.raises(TraceError, match=r"input: byte \d+ \(line \d\)"):
        opening.read(source_of(Path("input"), logged.encode()))
    lines = ["10:11:12.123456 IP 192.0.2.1.52 > 192.0.2.2.47: Flags [.], ack 1\n"] * 3
    with pytest.raises(TraceError, match="tcpdump's text is not read"):
        opening.read(source_of(Path("input"), "".join(lines).encode()))
