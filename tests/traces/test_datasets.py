"""Folders, many files, differences, storage: what holds for Datasets of every tool."""

from __future__ import annotations

import gc
import gzip
import json
import os
import shutil
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from tunbp import schema
from tunbp.errors import OutputError, TraceError
from tunbp.traces import difference, open_trace, open_traces, save
from tunbp.traces.build import ATTRIBUTES
from tunbp.traces.findings import findings
from tunbp.traces.limit import limit_of

FIXTURES = Path(__file__).parent / "fixtures"
REFUSED = ("iperf3_refused.json", "iperf3_text.txt", "README.md")
FILES = sorted(path for path in FIXTURES.rglob("*") if path.is_file() and path.name not in REFUSED)
MIRROR = Path(os.environ.get("TUNBP_MIRROR", "")) / "tap"


def identity(path):
    return str(path.relative_to(FIXTURES))


@pytest.fixture(scope="module", autouse=True)
def _nothing_of_earlier_tests():
    """What a notebook's client left open in this process (event loops, sockets) is no warning of a reader's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.mark.parametrize("path", FILES, ids=identity)
@pytest.mark.filterwarnings("error")
def test_every_file_follows_the_schema_and_reads_back_unchanged(tmp_path, path):
    run = open_trace(path, raw=True)
    for name, variable in run.data_vars.items():
        known = schema.VARIABLES[name]
        assert variable.attrs == schema.attributes(name)
        assert set(variable.dims) <= {*known.dims, "run"}, name
        assert variable.dtype.kind in "iufbU"
    assert set(run.dims) <= set(schema.DIMS)
    assert set(ATTRIBUTES) <= set(run.attrs)
    assert all(type(value) is str for value in run.attrs.values())
    for target in (tmp_path / "run.nc", tmp_path / "run.zarr"):
        assert open_trace(save(run, target)).identical(run)


def test_saving_replaces_whole_files_and_leaves_nothing_else(tmp_path):
    run = open_trace(FIXTURES / "iperf3_tcp.json")
    for name in ("run.nc", "run.zarr"):
        save(open_trace(FIXTURES / "ping_plain.txt"), tmp_path / name)
        assert open_trace(save(run, tmp_path / name)).identical(run)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.nc", "run.zarr"]
    with pytest.raises(OutputError, match=r"must end with \.nc"):
        save(run, tmp_path / "run.csv")


def test_a_damaged_or_foreign_netcdf_is_refused(tmp_path):
    path = save(open_trace(FIXTURES / "iperf3_tcp.json"), tmp_path / "run.nc")
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(TraceError, match=r"run\.nc: damaged netCDF or Zarr"):
        open_trace(path)
    import xarray as xr

    xr.Dataset({"unheard_of": ("x", [1.0])}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(TraceError, match="none of its variables is in the schema"):
        open_trace(tmp_path / "other.nc")


def test_the_folder_of_one_run_is_one_dataset():
    run = open_trace(FIXTURES / "one_run")
    iperf3, ping = open_trace(FIXTURES / "iperf3_tcp.json"), open_trace(FIXTURES / "one_run" / "ping.txt")
    assert run.attrs["tool"] == "iperf3; ping; ip; tc"
    assert run["throughput"].dropna("time").values.tolist() == iperf3["throughput"].values.tolist()
    assert run["ping_rtt"].dropna("time").values.tolist() == ping["rtt"].values.tolist()
    assert float(run["mean_rtt"]) == float(iperf3["mean_rtt"])
    assert float(run["ping_mean_rtt"]) == float(ping["mean_rtt"])
    # ip counts GSO packets: 356 after, 9 before
    assert int(run["tx_packets"].sel(queue="v0")) == 356 - 9
    assert int(run["qdisc_packets"].sel(queue="v0 pfifo 10:")) == 11164 - 1
    assert (np.diff(run["time"]) > 0).all()


def test_snapshots_of_two_places_lie_side_by_side(tmp_path):
    for place in ("client", "server"):
        shutil.copy(FIXTURES / "tun_drops" / "ip_after.json", tmp_path / f"ip_{place}.json")
    run = open_trace(tmp_path)
    assert set(run["queue"].values) == {"client tun0", "server tun0"}
    assert run["tx_dropped"].values.tolist() == [91, 91]
    assert "not subtracted" in run.attrs["warnings"]


def test_the_record_of_the_lab_names_its_variant_beside_the_tools(tmp_path):
    shutil.copytree(FIXTURES / "one_run", tmp_path / "cell.stock.1")
    record = {
        "experiment": "openvpn", "cell": "cell", "variant": "stock", "repetition": 1, "parameters": {"ring": 100},
        "result": {"delivered": 1292, "dropped_ring": 40, "duration": 5.0, "echo": [1, 2]}, "facts": {"kernel": "7.3"},
    }  # fmt: skip
    (tmp_path / "cell.stock.1" / "run.json").write_text(json.dumps(record))
    run = open_trace(tmp_path / "cell.stock.1")
    assert (run.attrs["variant"], run.attrs["settings"]) == ("stock", "ring=100")
    assert (int(run["delivered"]), int(run["dropped_ring"])) == (1292, 40)
    assert float(run["duration"]) == float(open_trace(FIXTURES / "iperf3_tcp.json")["duration"])


def test_the_folder_of_a_measurement_is_its_netcdf(tmp_path):
    whole = open_traces([FIXTURES / "iperf3_tcp.json", FIXTURES / "iperf3_udp.json"])
    save(whole, tmp_path / "lab_openvpn.nc")
    (tmp_path / "plan.json").write_text("{}")
    assert open_trace(tmp_path).drop_attrs(deep=False).identical(whole.drop_attrs(deep=False))


def test_drops_of_a_tun_device_have_the_names_of_the_simulation():
    run = open_trace(FIXTURES / "tun_drops")
    assert float(run["dropped_ring"]) == 91 == float(run["drop_events"].sel(queue="FULL_RING"))
    assert float(run["dropped_qdisc"]) == 0


def test_unknown_files_in_a_folder_are_left_out_with_a_note(tmp_path):
    shutil.copytree(FIXTURES / "one_run", tmp_path / "run")
    (tmp_path / "run" / "notes.txt").write_text("a fine run")
    run = open_trace(tmp_path / "run")
    assert "left out" in run.attrs["warnings"]
    assert "notes.txt" in run.attrs["warnings"]


def test_a_folder_of_many_runs_opens_with_one_call_and_names_what_it_left_out(tmp_path):
    for name in ("iperf3_tcp.json", "iperf3_udp.json", "iperf3_refused.json", "ping_plain.txt"):
        shutil.copy(FIXTURES / name, tmp_path)
    runs = open_trace(tmp_path)
    assert runs["run"].values.tolist() == ["iperf3_tcp", "iperf3_udp"]
    assert "iperf3_refused.json" in runs.attrs["warnings"]
    assert "ping_plain.txt" in runs.attrs["warnings"]
    assert open_traces(str(tmp_path / "iperf3*")).sizes["run"] == 2


def test_a_folder_of_folders_is_one_run_each(tmp_path):
    for name in ("one", "two"):
        shutil.copytree(FIXTURES / "one_run", tmp_path / name)
    (tmp_path / "three").mkdir()
    runs = open_trace(tmp_path)
    assert runs["run"].values.tolist() == ["one", "two"]
    assert "three: the folder is empty" in runs.attrs["warnings"]


def test_one_name_of_a_pair_is_enough(tmp_path):
    for before, after in (("iplink_before.json", "iplink.json"), ("tc.json", "tc_after.json")):
        tool = before[:2]
        shutil.copy(FIXTURES / "one_run" / f"{tool}_before.json", tmp_path / before)
        shutil.copy(FIXTURES / "one_run" / f"{tool}_after.json", tmp_path / after)
    run = open_trace(tmp_path)
    assert int(run["tx_packets"].sel(queue="v0")) == 356 - 9
    assert int(run["qdisc_packets"].sel(queue="v0 pfifo 10:")) == 11164 - 1


def test_a_tun_device_is_found_by_what_it_is(tmp_path):
    text = (
        "10: delay-31431: <POINTOPOINT,UP> mtu 1500 qdisc fq qlen 500\n    link/none \n"
        "    TX: bytes  packets  errors  dropped\n    0 {} 0 {}\n"
    )
    (tmp_path / "ip_before.txt").write_text(text.format(10, 0))
    (tmp_path / "ip_after.txt").write_text(text.format(90, 7))
    assert float(open_trace(tmp_path)["dropped_ring"]) == 7


@pytest.mark.parametrize("names", [("iperf3_tcp.json", "iperf3_bidir.json"), ("ss.log", "iperf3_bidir_parallel.json"),
                                   ("ip_tc_series.log", "ip_link.txt"),
                                   ("mtr.json", "iperf2_parallel.txt", "tc_kinds.txt")])  # fmt: skip
def test_runs_of_any_shape_lie_side_by_side(names):
    assert open_traces([FIXTURES / name for name in names]).sizes["run"] == len(names)


def test_tools_that_count_the_same_interface_lie_side_by_side(tmp_path):
    shutil.copy(FIXTURES / "ip_tc_series.log", tmp_path)
    shutil.copy(FIXTURES / "ip_link.txt", tmp_path)
    assert {"v0", "lo"} <= {str(name).split(" ")[-1] for name in open_trace(tmp_path)["queue"].values}
    (tmp_path / "log.txt").write_text(
        (FIXTURES / "proc_net_dev.txt").read_text() + (FIXTURES / "netstat_i.txt").read_text()
    )
    both = open_trace(tmp_path / "log.txt")
    assert {"va", "va (netstat -i)"} <= set(both["queue"].values)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(TraceError, match="the folder is empty"):
        open_trace(tmp_path)


def test_a_difference_subtracts_counters_and_keeps_gauges(tmp_path):
    before, after = (open_trace(FIXTURES / "one_run" / f"tc_{when}.json") for when in ("before", "after"))
    grown = difference(before, after)
    assert grown["qdisc_bytes"].sel(queue="v0 htb 1:") == 16834080 - 70
    assert grown["qdisc_limit"].sel(queue="v0 pfifo 10:") == 40
    backwards = difference(after, before)
    assert "was reset" in backwards.attrs["warnings"]
    assert np.isnan(backwards["qdisc_bytes"].sel(queue="v0 htb 1:"))
    with pytest.raises(TraceError, match="no row in common"):
        difference(before, open_trace(FIXTURES / "nstat.txt"))


def test_many_files_lie_along_run_on_one_time_axis():
    names = ("iperf3_tcp.json", "iperf3_bidir.json", "iperf3_udp.json")
    runs = open_traces([FIXTURES / name for name in names])
    assert runs["run"].values.tolist() == [name.removesuffix(".json") for name in names]
    assert runs["time"].values.tolist() == [1, 2, 3, 4]
    one = open_trace(FIXTURES / "iperf3_tcp.json")
    first = runs["throughput"].sel(run="iperf3_tcp", stream=1)
    assert first.values.tolist() == one["throughput"].values.tolist()
    assert runs["protocol"].values.tolist() == ["TCP", "TCP", "UDP"]
    assert runs["sha256"].sel(run="iperf3_tcp") == one.attrs["sha256"]
    with pytest.raises(TraceError, match="no file matches"):
        open_traces(str(FIXTURES / "*.nothing"))


def test_the_same_file_twice_is_found(tmp_path):
    content = (FIXTURES / "iperf3_tcp.json").read_bytes()
    (tmp_path / "a.json").write_bytes(content)
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(content))
    runs = open_traces(str(tmp_path / "*"))
    found = [finding for finding in findings(runs) if finding.check == "duplicate"]
    assert [finding.message for finding in found] == ["b is the same measurement as a: count it once"]


@pytest.mark.skipif(not MIRROR.is_dir(), reason="TUNBP_MIRROR names no folder with the raw nodrop files")
def test_the_24_nodrop_files_load_soon_and_two_are_mislabelled():
    open_trace(FIXTURES / "iperf3_tcp.json")
    files = sorted(MIRROR.parent.glob("*/*ms.json"))
    begin = time.process_time()
    runs = {path.name if path.parent == MIRROR else f"vhost/{path.name}": open_trace(path) for path in files}
    spent = time.process_time() - begin
    begin = time.process_time()
    for path in files:
        json.loads(path.read_text())
    parsing = time.process_time() - begin
    # a second where Python's parser alone takes 0.07 s: on any machine as many times as long
    assert spent < 14 * parsing, (spent, parsing)
    assert len(runs) == 24
    wrong = {name for name, run in runs.items() for f in findings(run) if f.check == "label"}
    assert wrong == {"patched_1000packets_120ms.json", "patched_1000packets_60ms.json"}
    limited = {name for name, run in runs.items() if limit_of(run).name == "receive window"}
    assert limited == wrong | {f"vhost/{k}_1000packets_{d}ms.json" for k in ("default", "patched") for d in (60, 120)}


def test_a_large_json_loads_within_its_promise(tmp_path):
    text = (FIXTURES / "iperf3_tcp.json").read_text()
    first, last = text.index('"intervals":\t[') + len('"intervals":\t['), text.index('],\n\t"end"')
    body = text[first:last]
    copies = 10_000_000 // len(body)
    path = tmp_path / "large.json"
    path.write_text(text[:first] + ", ".join([body] * copies) + text[last:])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        begin = time.process_time()
        run = open_trace(path)
        spent = time.process_time() - begin
        begin = time.process_time()
        json.loads(path.read_text())
        parsing = time.process_time() - begin
    # 2 to 4 times what Python's parser alone takes of the same processor (100 MB in 6 s on one that is at rest)
    assert spent < 8 * parsing, (spent, parsing)
    assert run.sizes["time"] == 4 * copies
    assert "do not increase" in run.attrs["warnings"]


def test_xarray_opens_the_files_by_the_name_of_the_engine():
    import xarray as xr

    path = FIXTURES / "iperf3_tcp.json"
    assert xr.open_dataset(path, engine="tunbp").identical(open_trace(path))
    assert "rtt" not in xr.open_dataset(path, engine="tunbp", drop_variables="rtt")
    # the engine need not be named where xarray's own do not know the file
    assert xr.open_dataset(FIXTURES / "ping_plain.txt").identical(open_trace(FIXTURES / "ping_plain.txt"))


def test_xarrays_own_files_are_left_to_its_engines(tmp_path):
    from tunbp.traces.backend import TraceBackend

    stored = save(open_trace(FIXTURES / "iperf3_tcp.json"), tmp_path / "run.nc")
    assert not TraceBackend().guess_can_open(stored)
    assert not TraceBackend().guess_can_open(tmp_path)
    assert not TraceBackend().guess_can_open(tmp_path / "missing")
