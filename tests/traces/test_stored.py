"""Stored Datasets of strangers: nothing leads out of the file, nothing runs, units are those of the schema."""

from __future__ import annotations

import json
import os
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from tunbp.errors import TraceError
from tunbp.traces import open_trace, open_traces, save

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture
def stored(tmp_path):
    return save(open_trace(FIXTURES / "iperf3_tcp.json"), tmp_path / "run.nc")


def test_values_in_another_unit_are_refused(tmp_path):
    for name, unit in (("throughput", "Mbit/s"), ("rtt", "ms"), ("received_rate", "")):
        run = open_trace(FIXTURES / "iperf3_tcp.json")
        run[name].attrs["units"] = unit
        for target in ("run.nc", "run.zarr"):
            with pytest.raises(TraceError, match=f"{name} is in '{unit}', the schema's unit is"):
                open_trace(save(run, tmp_path / target))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda time: time.attrs.update(units="ms"), "time is in 'ms', the schema's unit is 's'"),
        (lambda time: time.attrs.update(units="days since 1900-01-01"), "time is in 'days since"),
        (lambda time: time.__setitem__(0, np.nan), "seconds that are known and go on"),
        (lambda time: time.__setitem__(0, np.inf), "seconds that are known and go on"),
        (lambda time: time.__setitem__(slice(None), time[...][::-1]), "seconds that are known and go on"),
    ],
)
def test_a_time_that_is_none_is_refused(stored, change, says):
    with h5py.File(stored, "a") as file:
        change(file["time"])
    with pytest.raises(TraceError, match=says):
        open_trace(stored)


@pytest.mark.parametrize("value", [-1.0, np.inf, -np.inf])
def test_a_rate_that_is_none_is_refused(stored, value):
    with h5py.File(stored, "a") as file:
        file["throughput"][0] = value
    with pytest.raises(TraceError, match="throughput has values that are negative or infinite"):
        open_trace(stored)


@pytest.mark.parametrize(
    "values", [np.array(["fast"] * 4), np.array([1j] * 4), np.array([(1, 2.0)] * 4, dtype=[("a", "i4"), ("b", "f8")])]
)
def test_values_that_are_no_numbers_are_refused(stored, values):
    with h5py.File(stored, "a") as file:
        units = dict(file["throughput"].attrs)
        del file["throughput"]
        kind = h5py.string_dtype() if values.dtype.kind == "U" else values.dtype
        file.create_dataset("throughput", data=values.astype(kind))
        file["throughput"].attrs["units"] = units["units"]
        file["throughput"].dims[0].attach_scale(file["time"])
    with pytest.raises(TraceError, match=r"throughput holds values|damaged netCDF"):
        open_trace(stored)


def test_attributes_that_are_arrays_become_text(stored):
    with h5py.File(stored, "a") as file:
        for name in ("tool", "warnings", "congestion", "start", "findings_of_nobody"):
            file.attrs[name] = np.array([1.5, 2.5])
    run = open_trace(stored)
    assert run.attrs["tool"] == "1.5, 2.5"


def test_links_and_external_storage_of_hdf5_are_refused(tmp_path, stored):
    secret = tmp_path / "secret"
    secret.write_bytes(os.urandom(32))
    makers = {
        "keeps its values in another file": lambda file: file.create_dataset(
            "sent_rate", (4,), "f8", external=[(str(secret), 0, 32)]
        ),
        "is a link": lambda file: file.__setitem__("sent_rate", h5py.ExternalLink(str(secret), "/x")),
        "is made of other files": lambda file: file.create_virtual_dataset("sent_rate", _layout(secret), fillvalue=0.0),
    }
    for why, make in makers.items():
        with h5py.File(stored, "a") as file:
            if "sent_rate" in file:
                del file["sent_rate"]
            make(file)
        with pytest.raises(TraceError, match=f"/sent_rate {why}"):
            open_trace(stored)


def _layout(secret):
    layout = h5py.VirtualLayout(shape=(4,), dtype="f8")
    layout[:] = h5py.VirtualSource(str(secret), "x", shape=(4,))
    return layout


def test_codecs_that_run_objects_are_refused(tmp_path):
    folder = save(open_trace(FIXTURES / "iperf3_tcp.json"), tmp_path / "run.zarr")
    place = folder / "throughput" / ".zarray"
    described = json.loads(place.read_text())
    place.write_text(json.dumps({**described, "dtype": "|O", "filters": [{"id": "pickle"}]}))
    with pytest.raises(TraceError, match="codec 'pickle' is not one that tunbp reads"):
        open_trace(folder)


def test_a_zarr_folder_does_not_lead_elsewhere(tmp_path):
    folder = save(open_trace(FIXTURES / "iperf3_tcp.json"), tmp_path / "run.zarr")
    (folder / "throughput" / "0").unlink()
    (folder / "throughput" / "0").symlink_to("/etc/hostname")
    with pytest.raises(TraceError, match="neither a regular file nor a folder"):
        open_trace(folder)
    (folder / "throughput" / "0").unlink()
    os.mkfifo(folder / "throughput" / "0")
    with pytest.raises(TraceError, match="neither a regular file nor a folder"):
        open_trace(folder)


@pytest.mark.timeout(20)
def test_what_is_no_regular_file_is_refused_before_it_is_opened(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path, says in (
        (tmp_path / "fifo", "not a regular"),
        ("/dev/zero", "not a regular"),
        ("/proc/kmsg", "is empty"),
    ):
        if Path(path).exists():
            with pytest.raises(TraceError, match=rf"{says}|cannot be read"):
                open_trace(path)
    (tmp_path / "ping.txt").write_bytes((FIXTURES / "ping_plain.txt").read_bytes())
    assert open_trace(tmp_path).sizes["time"] == 5, "a pipe in a folder is no file of the run"


@pytest.mark.skipif(not Path("/proc/net/dev").exists(), reason="no /proc")
def test_the_kernels_own_tables_open_though_they_say_that_they_are_empty():
    assert "lo" in open_trace("/proc/net/dev")["queue"].values


@pytest.mark.timeout(20)
def test_many_empty_gzip_members_take_linear_time(tmp_path):
    import gzip

    path = tmp_path / "members.gz"
    path.write_bytes(gzip.compress(b"", mtime=0) * 400_000)
    with pytest.raises(TraceError, match="gzip members"):
        open_trace(path)
    some = tmp_path / "some.gz"
    text = (FIXTURES / "ping_plain.txt").read_bytes()
    some.write_bytes(b"".join(gzip.compress(text[start : start + 40]) for start in range(0, len(text), 40)))
    assert open_trace(some)["rtt"].equals(open_trace(FIXTURES / "ping_plain.txt")["rtt"])


def test_a_dataset_that_xarray_wrote_in_the_schema_opens(tmp_path):
    xr.Dataset({"received_rate": ((), 1e6, {"units": "bit/s"})}).to_netcdf(tmp_path / "own.nc", engine="h5netcdf")
    assert float(open_trace(tmp_path / "own.nc")["received_rate"]) == 1e6


@pytest.mark.parametrize("target", ["run.nc", "run.zarr", "run.flent.gz"])
def test_a_name_that_is_no_text_can_be_converted(tmp_path, target):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.json"))
    path.write_bytes((FIXTURES / "iperf3_tcp.json").read_bytes())
    run = open_trace(path)
    assert run.attrs["file"] == r"caf\udce9.json"
    assert open_trace(save(run, tmp_path / target)).sizes["time"] == 4
    both = open_traces([path, FIXTURES / "iperf3_tcp.json"])
    if not target.endswith(".gz"):
        save(both, tmp_path / f"both-{target}")
