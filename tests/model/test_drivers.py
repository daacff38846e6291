"""The driver table, row by row against the table of versions in data/published/sources.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tunbp.errors import ScenarioError
from tunbp.model.drivers import (
    ALIASES,
    DEFAULT_RING,
    DRIVERS,
    Stop,
    Wake,
    counts_from_stop,
    driver,
    label,
    packets_per_wake,
    pushes_back,
    ring_batch,
    wake_threshold,
)  # fmt: skip
from tunbp.plots.style import VARIANTS

SOURCES = Path(__file__).parents[2] / "data" / "published" / "sources.md"

ROWS = {
    "stock": ["stock"],
    "repository (2025-08-08), v1": ["v1"],
    "v2": ["v2"],
    "v3": ["v3"],
    "v4": ["v4"],
    "v5": ["v5"],
    "v6": ["v6"],
    "v7": ["v7"],
    "v8": ["v8"],
    "v9": ["v9"],
    "v10, v11": [],  # not read
    "v12 (merged 2026-05-14, until the revert)": ["v12"],
    "opt-in v1 to v3 (2026-07, not merged)": ["optin-2026-07"],
    "two test patches (2026-07-07)": ["test-batch", "test-empty"],
    "net-next, first posting": ["net-next-1"],
    "net-next, second posting (merged 2026-08-08 for 7.3)": ["7.3"],
}
"""Versions that each row of the table describes."""

ELSEWHERE = {"v7-empty": "S13", "v7-half": "S14", "v7-7/8": "S14", "v8-3/4": "S15", "veth": "S27"}
"""Rules that were measured or copied, but are no version of the series."""

WAKES = {
    "stock": Wake.NEVER,
    "v1": Wake.EMPTY,  # after a read that leaves the ring empty
    "v2": Wake.EMPTY,
    "v3": Wake.EMPTY,
    "v4": Wake.ANY_SLOT,
    "v5": Wake.FREED_BATCH,
    "v6": Wake.BATCH_OR_EMPTY,
    "v7": Wake.FREED_BATCH,
    "v8": Wake.HALF,
    "v9": Wake.HALF,
    "v12": Wake.HALF_OR_EMPTY,
    "optin-2026-07": Wake.HALF_OR_EMPTY,
    "test-batch": Wake.CONSUMED_OR_EMPTY,
    "test-empty": Wake.EMPTY,
    "net-next-1": Wake.HALF_OR_EMPTY,
    "7.3": Wake.HALF_OR_EMPTY,
}
WAKE_WORDS = {
    Wake.NEVER: "-", Wake.EMPTY: "empty", Wake.ANY_SLOT: "any free slot", Wake.FREED_BATCH: "handed back",
    Wake.BATCH_OR_EMPTY: "handed back, or the ring is empty", Wake.CONSUMED_OR_EMPTY: "consumed, or empty",
    Wake.HALF: "half", Wake.HALF_OR_EMPTY: "half consumed",
}  # fmt: skip
"""Words that the row uses, or the row that it refers to."""


def table() -> dict[str, dict[str, str]]:
    """The table of versions, row name -> column -> text without emphasis."""
    lines = SOURCES.read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| version | stops the queue"))
    names = [cell.strip() for cell in lines[start].strip("|").split("|")]
    rows: dict[str, dict[str, str]] = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        cells = [cell.strip().replace("**", "") for cell in line.strip().strip("|").split("|")]
        rows[cells[0]] = dict(zip(names, cells, strict=True))
    return rows


def referred(row: dict[str, str], column: str) -> str:
    """Text of a cell followed by those of the rows it refers to ("as v7", "the same", "v12; ...")."""
    rows = table()
    text = row[column]
    words = [text]
    if text.startswith("the same"):
        words.append(rows["v12 (merged 2026-05-14, until the revert)"][column])
    for name in re.findall(r"\bv\d+\b", text):
        for title, other in rows.items():
            if title != row["version"] and re.search(rf"\b{name}\b", title) and title.startswith((name, "repo")):
                words.append(referred(other, column))
    return " / ".join(words)


def test_every_row_of_the_table_is_there_and_every_driver_is_in_a_row() -> None:
    assert set(table()) == set(ROWS)
    assert {name for names in ROWS.values() for name in names} | set(ELSEWHERE) == set(DRIVERS)


@pytest.mark.parametrize(("title", "names"), [(t, n) for t, n in ROWS.items() if n])
def test_rules_are_those_of_the_table(title: str, names: list[str]) -> None:
    row = table()[title]
    for name in names:
        rules = DRIVERS[name]
        text = referred(row, "stops the queue")
        known = {other.stops for other in DRIVERS.values() if other.stops in text}
        assert rules.stops == max(known, key=len)
        assert rules.stop is (Stop.NEVER if text == "never" else Stop.FULL)
        assert rules.wake is WAKES[name]
        assert WAKE_WORDS[rules.wake] in referred(row, "wakes it"), (name, referred(row, "wakes it"))
        requeues = row["when an insertion fails"].startswith("TX_BUSY")
        assert rules.fails.startswith("TX_BUSY" if requeues else "dropped")
        assert rules.needs_qdisc == row["without a qdisc"].startswith("tail drop")
        assert rules.lock == row["transmit lock"]
        flagged = "flag" in row["stops the queue"]
        assert rules.flag.startswith("IFF_BACKPRESSURE of the device") == flagged


@pytest.mark.parametrize("name", DRIVERS)
def test_sources_and_dates_are_those_of_the_list(name: str) -> None:
    rules = DRIVERS[name]
    lines = SOURCES.read_text(encoding="utf-8").splitlines()
    listed = next(line for line in lines if line.startswith(f"| {rules.source} |"))
    if name in ELSEWHERE:
        assert rules.source == ELSEWHERE[name]
    if name == "7.3":
        assert any(line.startswith("| 2026-08-08 | back in net-next with the flag") for line in lines)
    elif rules.date:
        year, month_day = rules.date[:4], rules.date[5:]
        assert year in listed
        assert month_day in re.sub(r"-(\d\d)-(\d\d)/(\d\d)", r"-\1-\2 -\1-\3", listed)


def test_the_device_transmits_under_a_lock_in_v5_and_v6_only() -> None:
    locked = {name: rules.lock for name, rules in DRIVERS.items() if not rules.lock.startswith("lock-less")}
    assert locked == {"v5": "locked: 3/8 switches LLTX off", "v6": "locked: 7/8 removes LLTX"}


def test_what_is_said_of_the_flag_is_what_its_documentation_says() -> None:
    text = " ".join(SOURCES.read_text(encoding="utf-8").split())
    for fact in (
        "The flag belongs to the device and not to the file that a program has open: all queues share it",
        "at most one queue when it is changed",
        "Netlink does not show it; TUNGETIFF does",
        "several streams in parallel through one queue may become slower",
        "tuntap.rst, section 3.4, lines 209 to 237 in 7.3.4",
    ):
        assert fact in text


def test_aliases_name_the_merged_versions() -> None:
    assert driver("IFF_BACKPRESSURE") is DRIVERS["7.3"]
    assert driver("backpressure") is DRIVERS["7.3"]
    assert driver("patched") is DRIVERS["v12"]
    assert set(ALIASES.values()) <= set(DRIVERS)
    with pytest.raises(ScenarioError, match=r"^driver: 'v13' is not known; allowed: stock, v1, .*patched$"):
        driver("v13")


def test_every_version_has_a_label_and_a_style_of_figures() -> None:
    assert label("7.3") == label("backpressure") == "7.3: IFF_BACKPRESSURE, woken at half"
    assert label("v7") == "v7: woken by each freed batch"
    assert len({label(name) for name in DRIVERS}) == len(DRIVERS)
    assert {rules.look for rules in DRIVERS.values()} <= set(VARIANTS)


@pytest.mark.parametrize(("ring", "batch"), [(1, 1), (2, 1), (31, 1), (32, 16), (33, 16), (500, 16), (1000, 16)])
def test_slots_are_freed_in_batches_of_16_from_a_ring_of_32_on(ring: int, batch: int) -> None:
    assert ring_batch(ring) == batch


@pytest.mark.parametrize(
    ("name", "at_1000", "at_10", "at_1"),
    [("v3", 1000, 10, 1), ("v4", 16, 1, 1), ("v5", 16, 1, 1), ("v6", 16, 1, 1), ("v7", 16, 1, 1), ("v8", 500, 5, 1),
     ("v12", 500, 5, 1), ("7.3", 500, 5, 1), ("v7-7/8", 875, 8, 1), ("veth", 64, 10, 1)],
)  # fmt: skip
def test_packets_per_wake(name: str, at_1000: float, at_10: float, at_1: float) -> None:
    wake = driver(name).wake
    assert [wake_threshold(wake, n) for n in (1000, 10, 1)] == [at_1000, at_10, at_1]


@pytest.mark.parametrize(
    ("name", "k"),
    [("v4", 64), ("v5", 64), ("v6", 64), ("v7", 64), ("v7-half", 500), ("v12", 500), ("7.3", 500), ("test-batch", 16)],
)
def test_behind_vhost_net_rules_of_freed_slots_wake_once_per_64_taken(name: str, k: float) -> None:
    assert packets_per_wake(driver(name), 1000, behind_vhost=True) == k
    assert packets_per_wake(driver(name), 1000) == wake_threshold(driver(name).wake, 1000)


def test_what_was_consumed_is_counted_from_the_stop_and_freed_slots_are_not() -> None:
    counting = {name for name in DRIVERS if counts_from_stop(DRIVERS[name].wake)}
    assert counting == set(DRIVERS) - {"v4", "v5", "v6", "v7", "veth"}


def test_a_queue_that_is_never_stopped_is_never_woken() -> None:
    assert wake_threshold(Wake.NEVER, 500) == float("inf")
    assert wake_threshold(Wake.THREE_QUARTERS, 1000) == 750


@pytest.mark.parametrize("name", DRIVERS)
def test_from_v7_on_a_qdisc_is_needed(name: str) -> None:
    assert pushes_back(DRIVERS[name], "fq_codel") == (name != "stock")
    assert pushes_back(DRIVERS[name], "noqueue") == (name in {"v1", "v2", "v3", "v4", "v5", "v6"})


def test_default_rings_are_those_of_the_kernel() -> None:
    assert DEFAULT_RING == {"tun": 500, "tap": 1000, "tap+vhost-net": 1000, "veth": 256}
