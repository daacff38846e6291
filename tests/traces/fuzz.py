"""Mutated measurement files: each must open as a Dataset or fail with a TraceError, within time and memory.

Run from the project's root: ``python -m tests.traces.fuzz --count 100000``. The files mutated are the
fixtures and, where TUNBP_SAMPLES names a folder, the samples in it. Each input depends on its number and
these files alone: ``--first NUMBER --count 1`` repeats a failure.
"""

from __future__ import annotations

import argparse
import gzip
import os
import random
import resource
import sys
import time
import traceback
import warnings
from pathlib import Path

import numpy as np
import xarray as xr

from tunbp import schema
from tunbp.errors import TraceError
from tunbp.traces import checks, opening
from tunbp.traces.source import source_of

FIXTURES = Path(__file__).parent / "fixtures"
LONGEST = 24_000
"""Longer files are cut to a piece of this length, so that 100,000 inputs take minutes."""
SLOWEST = 5.0
"""Longest processor time one input may take [s]: the promise for a file of 10 MB."""
TOKENS = (
    b"null", b"true", b"-1", b"0", b"1e308", b"1e999", b"-1e-320", b"99999999999999999999", b"nan", b"NaN",
    b"inf", b'"x"', b'""', b"[]", b"{}", b"[[[[", b"}}}}", b'{"a":', b"\\ud800", b"\\u0000", b"\x00",
    b"\xff\xfe", b"\xc2", b"\r\n", b"\n\n", b",", b":", b" " * 300, b"\t", b"1795419690.5\n",
    b'"intervals"', b'"start"', b'"sum_sent"', b"9" * 400, b"0x1f", b"1.2.3", b"--", b"qdisc ", b"K", b"%",
    b"7: a: <UP> mtu 1 qlen 2\n", b"State Recv-Q Send-Q\n",
)  # fmt: skip


def seeds() -> list[bytes]:
    """The files to mutate, long ones cut."""
    folders = [FIXTURES, *filter(None, os.environ.get("TUNBP_SAMPLES", "").split(":"))]
    files = [path for folder in folders for path in sorted(Path(folder).rglob("*")) if path.is_file()]
    contents = []
    for path in files:
        content = path.read_bytes()
        contents.append(content)
        if content.startswith(b"\x1f\x8b"):
            contents.append(gzip.decompress(content))
    return [content if len(content) <= LONGEST else content[:LONGEST] for content in contents]


def mutated(number: int, originals: list[bytes]) -> bytes:
    """Input `number`: one of the originals with one to eight changes."""
    rng = random.Random(number)
    data = bytearray(rng.choice(originals))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5, 8))):
        data = _changed(data, rng, originals)
    wrapping = rng.random()
    if wrapping < 0.03:
        return gzip.compress(bytes(data), 1)
    if wrapping < 0.05:
        packed = bytearray(gzip.compress(bytes(data), 1))
        return bytes(_changed(packed, rng, originals))
    if wrapping < 0.06:
        return b"\xff\xfe" + bytes(data).decode("latin-1").encode("utf-16-le")
    return bytes(data)


def _changed(data: bytearray, rng: random.Random, originals: list[bytes]) -> bytearray:
    """One change somewhere."""
    at = rng.randrange(len(data) + 1)
    length = min(int(rng.paretovariate(0.7)), 4000)
    kind = rng.randrange(10)
    if kind == 0:
        for _ in range(min(length, 30)):
            if data:
                data[rng.randrange(len(data))] = rng.randrange(256)
    elif kind == 1:
        del data[at : at + length]
    elif kind == 2:
        data[at:at] = rng.choice(TOKENS)
    elif kind == 3:
        data[at:at] = data[at : at + length] * rng.choice((1, 1, 2, 20))
    elif kind == 4:
        del data[at:]
    elif kind == 5:
        del data[:at]
    elif kind == 6:
        _replace_number(data, at, rng)
    elif kind == 7:
        other = rng.choice(originals)
        start = rng.randrange(len(other) + 1)
        data[at : at + length] = other[start : start + length]
    elif kind == 8:
        _swap_lines(data, rng)
    else:
        data += rng.choice(originals)[:LONGEST]
    return data[: 4 * LONGEST]


def _replace_number(data: bytearray, at: int, rng: random.Random) -> None:
    """Another value in the place of the next number."""
    digits = b"0123456789.eE+-"
    while at < len(data) and data[at] not in digits:
        at += 1
    end = at
    while end < len(data) and data[end] in digits:
        end += 1
    data[at:end] = rng.choice((rng.choice(TOKENS), str(rng.randrange(-(10**6), 10**12)).encode()))


def _swap_lines(data: bytearray, rng: random.Random) -> None:
    """Two lines in each other's place."""
    lines = bytes(data).split(b"\n")
    one, two = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[one], lines[two] = lines[two], lines[one]
    data[:] = b"\n".join(lines)


def open_bytes(content: bytes, name: str = "input") -> xr.Dataset:
    """What `open_trace` gives for a file with this content, without a file."""
    dataset = opening.read(source_of(Path(name), content))
    opening.raw_json(source_of(Path(name), content))
    return dataset if "run" in dataset.dims else checks.judged(dataset)


def check_input(content: bytes, name: str = "input") -> str:
    """Open one input; returns "dataset" or "error".

    Raises
    ------
    AssertionError
        If the Dataset is not one that the schema and the storage formats allow.
    """
    try:
        dataset = open_bytes(content, name)
    except TraceError as error:
        message = str(error)
    else:
        return _sound(dataset)
    assert message.startswith(name), f"the message does not begin with the file: {message}"
    return "error"


def _sound(dataset: xr.Dataset) -> str:
    """Assert that a Dataset is one that the schema and the storage formats allow."""
    for variable in dataset.variables:
        assert dataset[variable].dtype.kind in "fiuUb", f"{variable} has dtype {dataset[variable].dtype}"
    unknown = set(map(str, dataset.data_vars)) - set(schema.VARIABLES)
    assert not unknown, f"not in the schema: {unknown}"
    assert all(isinstance(value, str) for value in dataset.attrs.values())
    if "time" in dataset.coords:
        assert np.all(np.isfinite(dataset["time"].to_numpy()))
    return "dataset"


def run(count: int, first: int = 0, quiet: bool = True) -> dict[str, int]:
    """Check inputs `first` to `first + count`; failures are printed and counted."""
    originals = seeds()
    told = {"dataset": 0, "error": 0, "failed": 0}
    slowest, begin = (0.0, 0), time.monotonic()
    # numpy's warnings on absurd values would be noise for a user
    warnings.simplefilter("error")
    for number in range(first, first + count):
        content = mutated(number, originals)
        started = time.process_time()
        try:
            told[check_input(content, f"input-{number}")] += 1
        except Exception:
            told["failed"] += 1
            print(f"input {number} ({len(content)} bytes):\n{traceback.format_exc(limit=-6)}", flush=True)
        slowest = max(slowest, (time.process_time() - started, number))
        if not quiet and (number - first + 1) % 10_000 == 0:
            print(f"{number - first + 1} inputs, {told}, {time.monotonic() - begin:.0f} s", flush=True)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{count} inputs: {told['dataset']} Datasets, {told['error']} TraceErrors, {told['failed']} failures")
    print(f"slowest {slowest[0]:.2f} s (input {slowest[1]}), peak memory {memory:.0f} MiB")
    if slowest[0] > SLOWEST:
        told["failed"] += 1
        print(f"input {slowest[1]} took longer than {SLOWEST} s")
    return told


def main() -> None:
    """Command line: exit status 1 if any input failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0)
    given = parser.parse_args()
    sys.exit(1 if run(given.count, given.first, quiet=False)["failed"] else 0)


if __name__ == "__main__":
    main()
