"""Times between the snapshots of a loop, as `date` and ISO 8601 print them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunbp.traces import opening
from tunbp.traces.source import source_of

FIXTURES = Path(__file__).parent / "fixtures"
STAMPS = {
    "unix": ("1741083072.5", "1741083082.5", True),
    "date in UTC": ("Tue Mar  4 10:11:12 UTC 2025", "Tue Mar  4 10:11:22 UTC 2025", True),
    "date in a zone": ("Tue Mar  4 10:11:12 CET 2025", "Tue Mar  4 10:11:22 CET 2025", False),
    "date of twelve hours": ("Tue Mar  4 11:59:55 AM CET 2025", "Tue Mar  4 12:00:05 PM CET 2025", False),
    "ISO with offset": ("2025-03-04T10:11:12+01:00", "2025-03-04T10:11:22+01:00", True),
    "ISO without": ("=== 2025-03-04 10:11:12.250 ===", "=== 2025-03-04 10:11:22.250 ===", False),
}


@pytest.mark.parametrize("name", ["ip_link.txt", "netstat_i.txt", "ss_limited.txt"])
@pytest.mark.parametrize("stamp", STAMPS)
def test_a_series_has_the_seconds_of_its_dates_and_a_start_only_in_a_known_zone(stamp, name):
    first, second, known = STAMPS[stamp]
    text = (FIXTURES / name).read_text()
    run = opening.read(source_of(Path("input"), f"{first}\n{text}\n{second}\n{text}".encode()))
    assert run["time"].values.tolist() == [0, 10]
    assert run.attrs["start"].startswith("2025-03-04T") == known
