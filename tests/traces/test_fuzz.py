"""Hostile and mutated input gives a Dataset or a TraceError, within bounds of memory and time."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tunbp.errors import TraceError
from tunbp.traces import open_trace
from tunbp.traces.source import UNPACK_LIMIT, source_of

from . import fuzz

MEBI = 1 << 20
PROMISE = 64 * MEBI
INTERVAL = b'{"streams":[{"socket":1,"start":0,"end":1,"seconds":1,"bytes":1}]},'

NUMBER = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
STREAM = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("socket", "start", "end", "seconds", "bytes", "bits_per_second", "retransmits", "snd_cwnd", "rtt"),
        NUMBER,
    ),
)
TOTAL = st.none() | STREAM
DOCUMENT = st.fixed_dictionaries(
    {"start": st.just({"version": "iperf 3.16", "test_start": {"protocol": "TCP"}})},
    optional={
        "intervals": st.lists(st.fixed_dictionaries({"streams": st.lists(STREAM, max_size=3)}), max_size=4),
        "end": st.fixed_dictionaries(
            {},
            optional={
                "streams": st.lists(
                    st.fixed_dictionaries({}, optional={"sender": TOTAL, "receiver": TOTAL}), max_size=3
                ),
                "sum": TOTAL, "sum_sent": TOTAL, "sum_received": TOTAL, "sum_sent_bidir_reverse": TOTAL,
            },
        ),
        "error": NUMBER,
    },
)  # fmt: skip


def test_two_thousand_mutated_files_open_or_fail_with_a_trace_error():
    told = fuzz.run(2000, quiet=True)
    assert told["failed"] == 0
    assert min(told["dataset"], told["error"]) > 400, "the mutations are too weak or too strong to test anything"


@given(DOCUMENT)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_value_in_any_field_of_iperf3_opens_or_fails_with_a_trace_error(document):
    fuzz.check_input(json.dumps(document).encode())


@given(st.binary(max_size=200), st.sampled_from(range(len(fuzz.seeds()))))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_bytes_after_the_beginning_of_a_file_open_or_fail_with_a_trace_error(tail, seed):
    beginning = fuzz.seeds()[seed][:300]
    fuzz.check_input(beginning + tail)


SIZE = MEBI // 4
"""Size of a hostile file: a quarter of a second of processor time each while memory is traced."""
PADDED = INTERVAL.replace(b":1}", b':1,"x":"' + b"y" * 30 + b'"}')
TEST = b'{"start":{"version":"iperf 3.1"},"intervals":[' + INTERVAL[:-1] + b"]}\n" + b" " * 90
HOSTILE = {
    "brackets": b'{"start":{},"intervals":[' + b"[" * SIZE,
    "empty objects": b'{"start":{},"intervals":[' + b"{}," * (SIZE // 3),
    "many intervals": b'{"start":{},"intervals":[' + PADDED * (SIZE // len(PADDED)),
    "quotes": b'{"start":{},"intervals":["' + b'\\"' * (SIZE // 2),
    "tests": TEST * (SIZE // len(TEST)),
    "not UTF-8": b'{"start":{"version":"' + b"x\xff" * (SIZE // 2) + b'"},"intervals":[]}',
    "blank lines": b"PING a (1) 56(84) bytes of data.\n" + b"\n" * SIZE,
    "interfaces": b"1: a: <UP> mtu 1 qdisc x\n    RX: bytes\n 1\n" * (SIZE // 44),
    "sockets": b"State Recv-Q Send-Q\nESTAB 0 0 a:1 b:2\n\t rtt:1/2\n" * (SIZE // 50),
    "counters": b'{"kernel":{' + b",".join(b'"a%d":1' % k for k in range(SIZE // 9)) + b"}}",
    "series": b'{"x_values":[' + b"0," * (SIZE // 2) + b'1],"results":{"a":[1]}}',
    "long line": b"State Recv-Q Send-Q\nESTAB " + b" " * SIZE + b"1",
    "zeros": bytes(SIZE),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_takes_little_memory_and_time(name):
    content = HOSTILE[name]
    fuzz.check_input((fuzz.FIXTURES / "ping_quiet.txt").read_bytes())  # imports are not the file's
    tracemalloc.start()
    begin = time.process_time()
    fuzz.check_input(content)
    seconds, peak = time.process_time() - begin, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # the promise is 5 s and 64 MiB for 10 MB; tracing memory takes several times as long
    assert seconds < 5
    assert peak < PROMISE / 4


def test_a_gzip_bomb_is_refused_before_it_unpacks(tmp_path):
    path = tmp_path / "bomb.json.gz"
    path.write_bytes(gzip.compress(b'{"start":{},"intervals":[' + INTERVAL * 600_000, 1))
    tracemalloc.start()
    with pytest.raises(TraceError, match=f"unpacks to more than {UNPACK_LIMIT} bytes"):
        open_trace(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < PROMISE + path.stat().st_size


def test_a_larger_gzip_file_opens_when_the_caller_allows_it(tmp_path):
    path = tmp_path / "run.json.gz"
    text = (fuzz.FIXTURES / "iperf3_tcp.json").read_bytes()
    path.write_bytes(gzip.compress(text))
    with pytest.raises(TraceError, match="unpacks to more than 100 bytes"):
        open_trace(path, unpack_limit=100)
    assert open_trace(path, unpack_limit=len(text)).sizes["time"] == 4


@pytest.mark.parametrize(
    "make",
    [
        lambda p: p.mkdir(),
        lambda p: None,
        lambda p: p.write_bytes(b" \n"),
        lambda p: p.symlink_to("/dev/null"),
    ],
)
def test_what_is_no_readable_file_fails_with_its_name(tmp_path, make):
    path = tmp_path / "input"
    make(path)
    with pytest.raises(TraceError, match="input"):
        open_trace(path)


def test_a_failing_input_is_named_by_its_path():
    with pytest.raises(TraceError, match=r"^folder/file: byte 0 \(line 1\): not the output of a tool"):
        fuzz.opening.read(source_of(Path("folder/file"), b"hello"))
