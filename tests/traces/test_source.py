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
