"""The test packet."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tunbp.lab import packet


@settings(deadline=None)
@given(st.integers(0, 255), st.integers(0, 2**64 - 1), st.integers(0, 2**63 - 1), st.integers(64, 1400))
def test_what_the_sender_writes_the_reader_understands(flow, sequence, time_ns, size):
    payload = packet.pack(flow, sequence, time_ns, size)
    assert len(payload) == size
    assert packet.unpack(bytes(packet.IP_AND_UDP) + payload) == (flow, sequence, time_ns)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_foreign_packets_are_not_counted_as_ours(frame):
    assert packet.unpack(frame) is None or packet.MAGIC.to_bytes(4, "big") in frame
