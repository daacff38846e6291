"""Records of the kernel's trace buffer, from pages that are laid out as `kernel/trace/ring_buffer.c` does."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from tunbp.lab.probe import pages
from tunbp.lab.probe.tracefs import Field, Tracepoint

PAGE = 4096
COPY = Tracepoint(
    "skb_copy_datagram_iovec", 2308,
    {"common_pid": Field(4, 4, True), "skbaddr": Field(8, 8, False), "len": Field(16, 4, True)},
)  # fmt: skip


def event(delta, pid, address, length, tail=0):
    """A data event with `tail` more bytes behind its fields: the short form to 112 bytes, the long one above."""
    payload = struct.pack("<HBBiQi", COPY.id, 0, 0, pid, address, length) + bytes(tail)
    payload += bytes(-len(payload) % 4)
    if len(payload) <= 112:
        return struct.pack("<I", delta << 5 | len(payload) // 4) + payload
    return struct.pack("<II", delta << 5, len(payload) + 4) + payload


def extended(delta):
    return struct.pack("<II", (delta & (2**27 - 1)) << 5 | pages.TIME_EXTEND, delta >> 27)


def absolute(time):
    return struct.pack("<II", (time & (2**27 - 1)) << 5 | pages.TIME_STAMP, time >> 27 & 0xFFFFFFFF)


def page(stamp, body, flags=0):
    assert len(body) <= PAGE - 16
    return (struct.pack("<QQ", stamp, len(body) | flags) + body).ljust(PAGE, b"\0")


RECORD = st.tuples(
    st.integers(0, 2**40), st.integers(1, 2**22), st.integers(0, 2**64 - 1), st.integers(-(2**31), 2**31 - 1),
    st.sampled_from([0, 8, 96, 200]),
)  # fmt: skip
PAGES = st.lists(st.tuples(st.integers(0, 2**50), st.lists(RECORD, max_size=12)), max_size=6)


@given(PAGES)
def test_every_record_of_every_page_comes_back_with_its_time(told):
    content, expected = b"", []
    for stamp, records in told:
        body, time = b"", stamp
        for delta, pid, address, length, tail in records:
            time += delta
            if delta >= 2**27:
                body, delta = body + extended(delta), 0
            body += event(delta, pid, address, length, tail)
            expected.append((time, pid, address, length))
        content += page(stamp, body)
    found = pages.fields(content, pages.scan(content, PAGE), COPY, cpu=3)
    assert [tuple(row) for row in found[["time", "common_pid", "skbaddr", "len"]].tolist()] == expected
    assert (found["cpu"] == 3).all()


def test_padding_is_passed_over_and_ends_a_page():
    discarded = struct.pack("<II", 5 << 5 | pages.PADDING, 12) + bytes(8)
    rest = struct.pack("<I", pages.PADDING)
    content = page(100, event(1, 2, 3, 4) + discarded + event(1, 5, 6, 7) + rest + b"\xff" * 40)
    found = pages.fields(content, pages.scan(content, PAGE), COPY, cpu=0)
    assert found["common_pid"].tolist() == [2, 5]
    assert found["time"].tolist() == [101, 107]


def test_an_absolute_time_stamp_replaces_the_time():
    content = page(100, absolute(10**12) + event(7, 2, 3, 4))
    assert pages.scan(content, PAGE).time.tolist() == [10**12 + 7]


def test_flags_of_a_page_are_no_part_of_its_length():
    content = page(100, event(1, 2, 3, 4), flags=1 << 31)
    assert pages.scan(content, PAGE).time.size == 1


def test_no_page_gives_an_empty_array_with_all_fields():
    found = pages.fields(b"", pages.scan(b"", PAGE), COPY, cpu=0)
    assert found.size == 0
    assert {"time", "cpu", "skbaddr", "len"} <= set(found.dtype.names)


def test_records_of_other_tracepoints_are_left_out():
    other = struct.pack("<I", 1 << 5 | 3) + struct.pack("<HBBiI", 17, 0, 0, 1, 2)
    content = page(0, other + event(1, 2, 3, 4))
    records = pages.scan(content, PAGE)
    assert records.event.tolist() == [17, COPY.id]
    assert pages.fields(content, records, COPY, cpu=0)["len"].tolist() == [4]
