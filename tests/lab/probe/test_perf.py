"""Records of the kernel's buffers as arrays."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunbp.lab.probe.perf import decode
from tunbp.lab.probe.tracefs import Field, Tracepoint

COPY = Tracepoint(
    "skb_copy_datagram_iovec", 2308,
    {"common_pid": Field(4, 4, True), "skbaddr": Field(8, 8, False), "len": Field(16, 4, True)},
)  # fmt: skip


def sample(time, pid, address, length):
    """One PERF_RECORD_SAMPLE with time and raw data, as `perf_event_open(2)` lays it out."""
    raw = struct.pack("=HBBiQi", COPY.id, 0, 0, pid, address, length)
    body = struct.pack("=QI", time, len(raw)) + raw
    return struct.pack("=IHH", 9, 2, 8 + len(body)) + body


RECORDS = st.lists(
    st.tuples(st.integers(0, 2**62), st.integers(1, 2**22), st.integers(0, 2**64 - 1), st.integers(-(2**31), 2**31 - 1))
)


@given(RECORDS)
def test_every_field_of_every_record_comes_back(records):
    found = decode(b"".join(sample(*record) for record in records), COPY, cpu=3)
    assert [tuple(row) for row in found[["time", "common_pid", "skbaddr", "len"]].tolist()] == records
    assert (found["cpu"] == 3).all()


def test_a_record_of_losses_between_samples_is_passed_over():
    lost = struct.pack("=IHHQQ", 2, 0, 24, 1, 17)
    found = decode(sample(1, 2, 3, 4) + lost + sample(5, 6, 7, 8), COPY, cpu=0)
    assert found["time"].tolist() == [1, 5]
    assert found["len"].tolist() == [4, 8]


@pytest.mark.parametrize("content", [b"", struct.pack("=IHHQQ", 2, 0, 24, 1, 17)], ids=["nothing", "only losses"])
def test_no_sample_gives_an_empty_array_with_all_fields(content):
    found = decode(content, COPY, cpu=0)
    assert found.size == 0
    assert {"time", "cpu", "skbaddr", "len"} <= set(found.dtype.names)
    assert found["time"].dtype == np.int64
