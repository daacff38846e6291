from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dask
import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner
from rich.console import Console
from sweep_processes import PLAN, TUNBP, Process, files

from tunbp.cli import tunbp
from tunbp.errors import SweepError
from tunbp.model.scenario import Scenario
from tunbp.model.simulate import simulate
from tunbp.sweep import compute, read_plan, run
from tunbp.sweep.plan import make_plan

Start = Callable[..., Process]
QUIET = Console(file=open(os.devnull, "w"), force_terminal=False)  # noqa: SIM115

MIXED: dict[str, Any] = {
    "design": {"kind": "sobol", "samples": 16, "seed": 5},
    "parameters": {
        "driver": ["stock", "7.3"],
        "ring": {"from": 10, "to": 2000, "scale": "log"},
        "rtt": {"from": 0.01, "to": 0.1, "scale": "log"},
        "stall_rate": {"distribution": "expon", "max": 5},
        "stall_mean": 0.005,
        "seed": [0, 1],
        "duration": 1,
    },
}
"""Three dims, two kinds of kernel, stalls: everything that could depend on batch or order."""


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    plan = make_plan(MIXED)
    return simulate(plan.scenario()).transpose(*plan.sizes)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Files of an uninterrupted run of the plan whose runs are killed."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "plan.yaml").write_text(PLAN)
    run(read_plan(folder / "plan.yaml"), folder / "s.zarr", console=QUIET)
    return files(folder / "s.zarr")


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of `MIXED` in chunks of 16."""
    store = tmp_path_factory.mktemp("computed") / "s.zarr"
    run(make_plan(MIXED, chunk=16), store, console=QUIET)
    return store


@pytest.fixture
def store(computed: Path, tmp_path: Path) -> Path:
    """A copy of that store."""
    return Path(shutil.copytree(computed, tmp_path / "s.zarr"))


@pytest.mark.parametrize(("chunk", "workers"), [(1000, 1), (12, 2), (5, 3)])
def test_any_chunking_and_number_of_threads_gives_the_same_bits(
    reference: xr.Dataset, tmp_path: Path, chunk: int, workers: int
) -> None:
    swept = run(make_plan(MIXED, chunk=chunk), tmp_path / "s.zarr", workers=workers, console=QUIET)
    for name in reference.data_vars:
        np.testing.assert_array_equal(swept[name].values, reference[name].values, str(name))


def test_store_has_the_same_bytes_whatever_the_number_of_threads(tmp_path: Path) -> None:
    plan = make_plan(MIXED, chunk=16)
    run(plan, tmp_path / "one.zarr", workers=1, console=QUIET)
    run(plan, tmp_path / "three.zarr", workers=3, console=QUIET)
    assert files(tmp_path / "one.zarr") == files(tmp_path / "three.zarr")


def test_store_opens_with_coordinates_units_and_attributes(tmp_path: Path, reference: xr.Dataset) -> None:
    run(make_plan(MIXED), tmp_path / "s.zarr", console=QUIET)
    stored = xr.open_zarr(tmp_path / "s.zarr")
    assert dict(stored.sizes) == {"sample": 16, "driver": 2, "seed": 2}
    assert set(stored.coords) == {"ring", "rtt", "stall_rate", "driver", "seed"}
    assert stored.received_rate.attrs == reference.received_rate.attrs
    assert stored.rtt.attrs == {"units": "s"}
    assert stored.driver.values.tolist() == ["stock", "7.3"]
    assert {k: v for k, v in stored.attrs.items() if k != "tunbp_sweep"} == reference.attrs


def test_time_series_are_stored_and_the_path_s_rtt_keeps_its_own_name(tmp_path: Path) -> None:
    parameters = {"rtt": [0.05, 0.1], "ring": [50, 500], "interval": 0.5, "duration": 2}
    swept = run(make_plan({"parameters": parameters}, chunk=1), tmp_path / "s.zarr", console=QUIET)
    assert swept.rtt.dims == ("path_rtt", "ring", "time")
    assert swept.time.values.tolist() == [0.5, 1.0, 1.5, 2.0]
    single = simulate(Scenario(rtt=0.1, ring=50, interval=0.5, duration=2.0))
    np.testing.assert_array_equal(swept.throughput.sel(path_rtt=0.1, ring=50), single.throughput)


def test_lazy_scenario_is_the_same_as_the_sweep(reference: xr.Dataset) -> None:
    lazy = simulate(make_plan(MIXED).scenario().chunk(sample=9, driver=1))
    assert all(dask.is_dask_collection(variable) for variable in lazy.data_vars.values())
    xr.testing.assert_identical(lazy.compute().transpose("sample", "driver", "seed"), reference)


def test_chunks_that_are_there_are_not_computed_again(store: Path) -> None:
    plan = make_plan(MIXED, chunk=16)
    whole = files(store)
    lost = [name for name in whole if "/c/1/" in name]
    for name in lost:
        (store / name).unlink()
    kept = {name: (store / name).stat().st_mtime_ns for name in whole if name not in lost}
    (store / "sent" / "c" / "0" / "0" / "0.1f2e.partial").write_bytes(b"killed while writing")
    run(plan, store, console=QUIET)
    assert lost
    assert files(store) == whole
    assert {name: (store / name).stat().st_mtime_ns for name in kept} == kept


# -- what is killed


def test_command_ended_then_killed_then_finished_leaves_the_same_bytes(
    tmp_path: Path, plan_file: Path, start: Start, whole: dict[str, bytes]
) -> None:
    store = tmp_path / "killed.zarr"
    command = (*TUNBP, "sweep", plan_file, "--workers", "1", "--out", store)
    first = start(*command)
    first.wait_for(r"^2/8 chunks")
    first.process.terminate()
    assert first.end() == 130
    assert "The same command continues" in "".join(first.lines)
    second = start(*command)
    kept = int(second.wait_for(r"(\d) of 8 chunks are there and kept")[1])
    assert 2 <= kept < 6
    second.wait_for(rf"^{kept + 1}/8 chunks")
    second.kill()
    assert kept < len(list((store / "sent" / "c").iterdir())) < 8
    run(read_plan(plan_file), store, console=QUIET)
    assert files(store) == whole


@contextmanager
def cluster(start: Start, folder: Path, workers: int = 2) -> Iterator[tuple[str, Process, list[Process]]]:
    """Address and processes of a scheduler and single-threaded workers on loopback."""
    pytest.importorskip("distributed")
    options = ("--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0")
    scheduler = start("-m", "distributed.cli.dask_scheduler", "--port", "0", *options)
    address = scheduler.wait_for(r"Scheduler at:\s+(tcp://127\.0\.0\.1:\d+)")[1]
    own = ("--no-nanny", "--nthreads", "1", "--no-dashboard", "--local-directory", folder)
    there = [start("-m", "distributed.cli.dask_worker", address, *own) for _ in range(workers)]
    yield address, scheduler, there


def test_killed_worker_and_killed_scheduler_leave_the_same_bytes(
    tmp_path: Path, plan_file: Path, start: Start, whole: dict[str, bytes]
) -> None:
    store = tmp_path / "cluster.zarr"
    with cluster(start, tmp_path) as (address, scheduler, workers):
        command = start(*TUNBP, "sweep", plan_file, "--out", store, "--scheduler", address, "--workers", "2")
        command.wait_for(r"^1/8 chunks")
        workers[0].kill()
        command.wait_for(r"^4/8 chunks")  # more than it had in hand: the other worker has taken over
        scheduler.kill()
        assert command.end() == 1
    assert re.search(r"the scheduler is gone .*; [4-7] of 8 chunks are kept", "".join(command.lines))
    run(read_plan(plan_file), store, console=QUIET)
    assert files(store) == whole


def test_active_client_computes_the_sweep(tmp_path: Path, plan_file: Path) -> None:
    distributed = pytest.importorskip("distributed")
    plan = make_plan(MIXED, chunk=16)
    run(plan, tmp_path / "threads.zarr", scheduler="threads", console=QUIET)
    options = {"n_workers": 1, "threads_per_worker": 2, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(**options) as local, distributed.Client(local):
        run(plan, tmp_path / "client.zarr", console=QUIET)
        lazy = simulate(plan.scenario().chunk(sample=8)).received_rate.compute()
    assert files(tmp_path / "client.zarr") == files(tmp_path / "threads.zarr")
    stored = xr.open_zarr(tmp_path / "client.zarr").received_rate
    np.testing.assert_array_equal(lazy.transpose(*stored.dims), stored)


def test_worker_of_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(compute, "library", _Versions().next)
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with (
        distributed.LocalCluster(**options) as local,
        distributed.Client(local),
        pytest.raises(SweepError, match=r'numpy: "3\.0" -> "2\.0"'),
    ):
        run(make_plan(MIXED), tmp_path / "s.zarr", console=QUIET)


class _Versions:
    """One answer for the command, asked first, another for the worker."""

    def __init__(self) -> None:
        self.asked = 0

    def next(self) -> dict[str, str]:
        self.asked += 1
        return {"numpy": "2.0" if self.asked == 1 else "3.0"}


# -- errors before the first chunk


def test_scheduler_that_does_not_answer_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(compute, "CONNECT_SECONDS", 0.3)
    with pytest.raises(SweepError, match=r"nothing answers at tcp://127\.0\.0\.1:9"):
        run(make_plan(MIXED), tmp_path / "s.zarr", scheduler="tcp://127.0.0.1:9", console=QUIET)
    assert not (tmp_path / "s.zarr").exists()


@pytest.mark.parametrize("address", ["slurm", "localhost:8786"])
def test_scheduler_that_is_no_address_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(SweepError, match="give 'threads' or an address"):
        run(make_plan(MIXED), tmp_path / "s.zarr", scheduler=address, console=QUIET)


def test_scheduler_with_too_few_workers_says_how_to_start_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(compute, "WORKER_SECONDS", 0.3)
    with distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=None) as local:
        address = local.scheduler_address
        with pytest.raises(SweepError, match="has 0 of 2 workers"):
            run(make_plan(MIXED), tmp_path / "s.zarr", scheduler=address, workers=2, console=QUIET)


def test_sweep_that_does_not_fit_the_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunbp.sweep.estimate.shutil.disk_usage", lambda folder: SimpleNamespace(free=5000))
    with pytest.raises(SweepError, match=r"scenarios take up to .* but .* has 5000 B free"):
        run(make_plan(MIXED), tmp_path / "s.zarr", console=QUIET)
    assert list(tmp_path.iterdir()) == []


def test_sweep_that_does_not_fit_the_memory_is_refused(tmp_path: Path) -> None:
    huge = {**MIXED, "design": {"kind": "sobol", "samples": 2**38}}
    with pytest.raises(SweepError, match=r"take about .*TB of memory; .* sample fewer"):
        run(make_plan(huge), tmp_path / "s.zarr", console=QUIET)
    assert list(tmp_path.iterdir()) == []


def test_store_of_another_plan_is_refused_with_every_difference(tmp_path: Path) -> None:
    store = tmp_path / "s.zarr"
    run(make_plan(MIXED), store, console=QUIET)
    before = files(store)
    other = {
        "design": {**MIXED["design"], "seed": 6},
        "parameters": {**MIXED["parameters"], "rtt": 0.05, "mss": 1400},
    }
    with pytest.raises(SweepError) as refused:
        run(make_plan(other), store, console=QUIET)
    lines = str(refused.value).splitlines()[1:]
    assert [line.strip() for line in lines] == [
        "plan.design.seed: 5 -> 6",
        'plan.parameters.rtt: {"from": 0.01, "to": 0.1, "scale": "log"} -> 0.05',
        "plan.parameters.mss: not given -> 1400",
    ]
    assert files(store) == before


def test_store_of_another_version_or_chunking_is_refused(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SweepError, match=r"chunks: \[4, 2, 2\] -> \[8, 2, 2\]"):
        run(make_plan(MIXED, chunk=32), store, console=QUIET)
    monkeypatch.setattr("tunbp.sweep.store.library", lambda: {"tunbp": "9.9"})
    with pytest.raises(SweepError, match=r'library\.tunbp: ".*" -> "9\.9"'):
        run(make_plan(MIXED, chunk=16), store, console=QUIET)


@pytest.mark.parametrize("content", [None, "a file"])
def test_something_else_at_the_place_of_the_store_is_left_alone(tmp_path: Path, content: str | None) -> None:
    place = tmp_path / "s.zarr"
    if content is None:
        place.mkdir()
    else:
        place.write_text(content)
    with pytest.raises(SweepError, match="is not the store of a sweep"):
        run(make_plan(MIXED), place, console=QUIET)
    assert place.is_dir() if content is None else place.read_text() == content


def test_two_commands_do_not_write_to_one_store(tmp_path: Path) -> None:
    from tunbp.sweep.store import open_store

    plan = make_plan(MIXED)
    with (
        open_store(tmp_path / "s.zarr", plan),
        pytest.raises(SweepError, match="another process is writing"),
    ):
        run(plan, tmp_path / "s.zarr", console=QUIET)


# -- what is damaged


def _damage(file: Path, how: str) -> None:
    data = bytearray(file.read_bytes())
    if how == "deleted":
        file.unlink()
        return
    if how == "flipped":
        data[len(data) // 2] ^= 0x10
    file.write_bytes(bytes(data[: len(data) // 2]) if how == "cut" else b"" if how == "emptied" else bytes(data))


@pytest.mark.parametrize("how", ["deleted", "flipped", "cut", "emptied"])
@pytest.mark.parametrize("part", ["received_rate/c/1/0/0", "sent/c/0/0/0", "ring/c/0", "sent/zarr.json"])
def test_what_is_damaged_is_computed_again_to_the_same_bytes(store: Path, how: str, part: str) -> None:
    whole = files(store)
    _damage(store / part, how)
    run(make_plan(MIXED, chunk=16), store, console=QUIET)
    assert files(store) == whole


@pytest.mark.parametrize("how", ["deleted", "cut", "emptied"])
def test_a_store_that_does_not_say_of_which_plan_it_is_is_left_alone(store: Path, how: str) -> None:
    _damage(store / "zarr.json", how)
    before = files(store)
    with pytest.raises(SweepError, match="is not the store of a sweep"):
        run(make_plan(MIXED, chunk=16), store, console=QUIET)
    assert files(store) == before


def test_a_flipped_byte_is_an_error_for_whoever_reads_the_store(store: Path) -> None:
    _damage(store / "received_rate" / "c" / "1" / "0" / "0", "flipped")
    with pytest.raises(ValueError, match="checksum"):
        xr.open_zarr(store).received_rate.load()


def test_a_store_is_verified_and_the_faults_are_named(tmp_path: Path, plan_file: Path) -> None:
    store = tmp_path / "s.zarr"
    verify = ["sweep", str(plan_file), "--out", str(store), "--verify"]
    run(read_plan(plan_file), store, console=QUIET)
    assert "8 of 8 chunks are whole" in CliRunner().invoke(tunbp, verify).output
    names = sorted(name for name in files(store) if name.startswith("sent/c/"))
    _damage(store / names[0], "flipped")
    for file in store.rglob(names[1].removeprefix("sent/")):
        file.unlink()
    before = files(store)
    told = CliRunner().invoke(tunbp, verify)
    assert told.exit_code == 1
    assert f"chunk {names[0].removeprefix('sent/c/')}: damaged" in told.output
    assert f"chunk {names[1].removeprefix('sent/c/')}: missing" in told.output
    assert "6 of 8 chunks are whole" in told.output
    assert files(store) == before


def test_a_chunk_is_on_the_disk_before_the_file_that_marks_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tunbp.sweep import store as stores

    order: list[str] = []
    monkeypatch.setattr(stores, "to_disk", lambda file: order.append(file.relative_to(tmp_path / "s.zarr").parts[0]))
    plan = make_plan(MIXED, chunk=1000)
    run(plan, tmp_path / "s.zarr", console=QUIET)
    assert order == stores.result_names(plan)


def test_a_plan_in_which_nothing_varies_is_one_scenario_in_a_store(tmp_path: Path) -> None:
    plan = make_plan({"parameters": {"ring": 100, "rtt": 0.01, "duration": 1}})
    run(plan, tmp_path / "s.zarr", console=QUIET)
    stored = xr.open_zarr(tmp_path / "s.zarr")
    assert stored["received_rate"].dims == ("scenario",)
    assert float(stored["received_rate"][0]) == float(simulate(Scenario(ring=100, rtt=0.01, duration=1)).received_rate)
