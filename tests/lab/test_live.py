"""Live runs in namespaces of their own: every packet is accounted for, and nothing stays behind."""

import functools
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.kills import CELLS as CELLS_TO_KILL
from tests.lab.kills import visible
from tunbp.errors import LabError
from tunbp.lab import clean, flags, plans, process, sandbox, session
from tunbp.lab.available import this_machine, unavailable
from tunbp.lab.check import runnable, survey
from tunbp.lab.collect import collect, save
from tunbp.lab.experiments import EXPERIMENTS
from tunbp.lab.experiments.veth import VETH_RING
from tunbp.lab.folder import finished, read_json
from tunbp.model.drivers import NAPI_POLL
from tunbp.schema import VARIABLES

CELLS = """
experiment: ring
repeat: 1
cells:
  - {mode: steady, ring: 25, qdisc: pfifo_fast, reader_rate: 500, offered_rate: 3000,
     duration: 0.5, warmup: 0.1}
  - {mode: sparse, ring: 100, qdisc: pfifo_fast, reader_rate: 500, offered_rate: 2000,
     sparse_rate: 50, duration: 0.5, warmup: 0.1}
"""


def obstacle():
    try:
        sandbox.prefix()
        flags.features()
    except LabError as error:
        return str(error).splitlines()[0]
    lacking = [program for program in ("ip", "tc") if not shutil.which(program)]
    return f"no {' and no '.join(lacking)} (Debian: apt-get install iproute2)" if lacking else ""


pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(bool(obstacle()), reason=f"no live run here: {obstacle()}"),
]


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def parameters(tmp_path):
    path = tmp_path / "lab_tiny.yaml"
    path.write_text(CELLS)
    return path


@functools.cache
def survey_once():
    return survey()


def measure(parameters, out, **order):
    params, cells = plans.load(parameters)
    seen = []
    order = session.Order(out, **{"repeat": 1, "variants": "stock", **order})
    state = session.measure(params, cells, order, lambda done, total: seen.append((done, total)))
    return state, seen


def test_every_packet_sent_is_received_or_counted_as_dropped(parameters, tmp_path):
    out = tmp_path / "out"
    state, seen = measure(parameters, out)
    assert len(state["runs"]) == 2
    assert seen[-1] == (2, 2)
    runs = collect(out)
    sent, received = runs["sent"].values, runs["delivered"].values
    assert (runs["dropped_ring"].values == sent - received).all()
    assert (runs["dropped_ring"].values > 500).all()  # the reader cannot take about three quarters of them
    assert (runs["unaccounted"].values == 0).all()
    assert set(runs.data_vars) <= set(VARIABLES)
    assert runs["tun_flags"].values.tolist() == [0x1001, 0x1001]
    sparse = runs.sel(run=runs["mode"].values == "sparse")
    assert 0 < sparse["sparse_delivered"].item() <= sparse["sparse_sent"].item()
    # a packet waits for at most 100 others at 500 packets/s; a loaded machine may be slower
    assert 0.05 < sparse["queue_latency"].item() < 2

    assert save(out) == out / "lab_ring.nc"
    run = out / "runs" / "steady-ring25-pfifo_fast.stock.1"
    assert sorted(path.name for path in run.iterdir()) == ["ip_ring.json", "run.json", "tc_ring.json"]
    record = read_json(run / "run.json")
    assert record["facts"]["kernel"] == os.uname().release
    assert record["facts"]["where"] == "native"
    assert 0 <= record["facts"]["load"]["here"]["busy_fraction"] <= 1

    first = {path: path.stat().st_mtime_ns for path in (out / "runs").glob("*/run.json")}
    state, seen = measure(parameters, out, repeat=2)
    assert (len(state["runs"]), seen[0][0]) == (4, 2)  # it goes on from the finished runs
    assert all(path.stat().st_mtime_ns == changed for path, changed in first.items())
    parameters.write_text(CELLS.replace("ring: 25", "ring: 26"))
    with pytest.raises(LabError, match=r"plan of another measurement \(different: cells\)"):
        measure(parameters, out)


def test_asking_for_backpressure_without_the_flag_is_an_error(parameters, tmp_path):
    if flags.supports_backpressure():
        pytest.skip("this kernel has the flag")
    with pytest.raises(LabError, match=r"has no IFF_BACKPRESSURE \(TUNGETFEATURES 0x"):
        measure(parameters, tmp_path / "out", variants="both")


def processes_naming(text):
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if text in path.read_text(errors="replace"):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def start(plan, out, *options):
    """`tunbp lab run` as a program of its own, twice each cell, stock."""
    command = ["lab", "run", str(plan), "--repeat", "2", "--variants", "stock", "--out", str(out), *options]
    code = f"from tunbp.cli import main; main({command!r})"
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def assert_nothing_is_left(out, before):
    clean.clean_recorded()  # what `tunbp lab clean` does
    process.wait_for(lambda: processes_naming(str(out)) == [], "processes stay", 10.0)
    # other tests have namespaces of their own for a moment: what they had before may be gone, what is new must go
    process.wait_for(lambda: visible() <= before, "something stays", 20.0)
    process.wait_for(lambda: not any(clean.record_folder().glob("*")), "a record stays", 20.0)
    assert not any((out / "runs").glob("*.part"))


def test_a_measurement_killed_in_the_middle_leaves_nothing_and_can_go_on(parameters, tmp_path):
    before = visible()
    out = tmp_path / "out"
    child = start(parameters, out)
    try:
        process.wait_for(lambda: len(finished(out)) == 1 and any((out / "runs").glob("*.part")), "no run", 60.0)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert_nothing_is_left(out, before)
    state, _ = measure(parameters, out, repeat=2)
    assert len(state["runs"]) == 4


TUNNELS = """
experiment: {experiment}
repeat: 1
cells:
  - {{rtt: 0.01, ring: 25, qdisc: pfifo_fast, path: relay, duration: 1, warmup: 0, sample_interval: 0.2}}
"""
needs_openvpn = pytest.mark.skipif(
    not all(map(shutil.which, ("openvpn", "iperf3", "openssl", "cc"))), reason="no openvpn, iperf3, openssl or cc"
)
SOAK = bool(os.environ.get("TUNBP_SOAK"))
MOMENTS = [(name, moment) for name in CELLS_TO_KILL for moment in range(20)]
FEW = [("openvpn", 0), ("shaped", 1), ("veth", 2), ("wireguard", 3)]
"""What is killed without TUNBP_SOAK: they use everything that could stay. (In a VM: `tests.lab.kills`.)"""


def test_each_experiment_is_killed_somewhere():
    assert set(CELLS_TO_KILL) == set(EXPERIMENTS)


@pytest.mark.parametrize(("experiment", "moment"), MOMENTS if SOAK else FEW)
def test_an_experiment_killed_at_a_random_moment_leaves_nothing(tmp_path, experiment, moment):
    plan, out = tmp_path / "plan.yaml", tmp_path / "out"
    plan.write_text(f"experiment: {experiment}\ncells: [{{{CELLS_TO_KILL[experiment]}}}]\n")
    _, cells = plans.load(plan)
    reasons = runnable(survey_once(), "native")[experiment] or unavailable(
        [{"label": cell.label, "values": cell.model_dump()} for cell in cells], this_machine(sandbox.prefix())
    )
    if reasons:
        pytest.skip(f"cannot run here: {reasons}")
    before = visible()
    child = start(plan, out)
    try:
        process.wait_for(lambda: (out / "plan.json").exists(), "nothing begins", 60.0)
        process.pause(child, random.Random(f"{experiment} {moment}").uniform(0, 5 if SOAK else 3))
        assert child.poll() is None, "it ended by itself: nothing is killed"
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert_nothing_is_left(out, before)


@needs_openvpn
def test_tcp_through_openvpn_over_the_relay_is_measured_from_its_first_packet(tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text(TUNNELS.format(experiment="openvpn"))
    measure(plan, tmp_path / "out")
    run = collect(tmp_path / "out").isel(run=0)
    assert set(run.data_vars) <= set(VARIABLES)
    assert run["path"].item() == "relay"
    assert run["received_rate"] > 1e6
    assert 0.01 <= run["min_rtt"] < 0.2
    assert run["dropped_path"] == 0
    assert run["tx_packets"].dropna("time").to_numpy()[-1] > 100
    assert 0 < run["reader_cpu"] < 2


@pytest.mark.skipif(
    not all(map(shutil.which, ("wireguard-go", "iperf3", "openssl", "cc"))),
    reason="no wireguard-go, iperf3, openssl or cc",
)
def test_wireguard_go_takes_the_device_that_is_handed_to_it(tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text(TUNNELS.format(experiment="wireguard"))
    measure(plan, tmp_path / "out")
    run = collect(tmp_path / "out").isel(run=0)
    assert not run["tun_flags"].item() & flags.IFF_BACKPRESSURE
    assert run["received_rate"] > 1e6
    assert 0 < run["reader_cpu"] < 4


@pytest.mark.skipif(not all(map(shutil.which, ("iperf3", "cc"))), reason="no iperf3 or cc")
def test_many_senders_meet_the_driver_through_one_queue_and_through_several(tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "experiment: senders\nrepeat: 1\ncells:\n"
        "  - {protocol: tcp, senders: 2, queues: [1, 2], ring: 100, qdisc: pfifo_fast, duration: 0.5, warmup: 0.2}\n"
        "  - {protocol: udp, senders: 2, ring: 100, qdisc: pfifo_fast, duration: 0.5, warmup: 0.2}\n"
    )
    measure(plan, tmp_path / "out")
    runs = collect(tmp_path / "out")
    assert (runs["goodput"] > 1e6).all()
    assert (runs["delivered"] > 100).all()
    udp = runs.sel(run=runs["protocol"].to_numpy() == "udp")
    assert (udp["sent"] == udp["delivered"] + udp["dropped_ring"]).all()
    assert ((runs["tun_flags"].to_numpy() & 0x100 != 0) == (runs["queues"].to_numpy() > 1)).all()  # IFF_MULTI_QUEUE


def test_a_full_veth_stops_once_for_each_napi_poll_and_without_a_qdisc_drops(tmp_path):
    plan, out = tmp_path / "plan.yaml", tmp_path / "out"
    plan.write_text("experiment: veth\ncells:\n  - {qdisc: [noqueue, pfifo_fast], duration: 0.7, warmup: 0.3}\n")
    if reasons := runnable(survey_once(), "native")["veth"]:
        pytest.skip(f"veth cannot be measured here: {reasons}")
    measure(plan, out, variants="auto")
    runs = collect(out)
    assert set(runs["variant"].to_numpy()) == {"stock"}
    bare, kept = (
        runs.isel(run=(runs["qdisc"].to_numpy() == name).nonzero()[0][0]) for name in ("noqueue", "pfifo_fast")
    )
    assert bare["dropped_ring"] > VETH_RING
    assert bare["queue_stops"] == 0
    assert kept["dropped_ring"] == 0
    # a wake comes at the end of a poll, and what it lets in fills the ring again; a poll that ends early wakes too. A
    # sender that gets no processor lets polls pass without a stop
    assert kept["delivered"] / kept["queue_stops"] > 0.5 * NAPI_POLL
    assert kept["queue_stops"] >= 20
    assert kept["tx_softirqs_raised"] >= kept["queue_stops"] - 1
    with pytest.raises(LabError, match="device has no IFF_BACKPRESSURE to set"):
        measure(plan, tmp_path / "other", variants="both")
