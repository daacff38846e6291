"""One measurement from start to end: write the plan, start the worker natively or in a VM, follow it."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tunbp.errors import LabError
from tunbp.lab import clean, compiled, facts, process, sandbox, vm
from tunbp.lab.cells import Cell
from tunbp.lab.check import check_tools
from tunbp.lab.experiments import EXPERIMENTS
from tunbp.lab.folder import finished, locked, read_json, remove_parts, write_json
from tunbp.lab.plans import Plan

Follow = Callable[[int, int | None], None]
BOOT_LIMIT = 900.0
"""Seconds in which a VM must have started the worker; an emulated one needs half a minute of a whole processor."""
RUN_LIMIT = 1800.0
"""Seconds without a finished run after which a measurement counts as stuck; emulation takes minutes for one."""

LONGEST_TURN = 10.0
"""Seconds that count for one look at the worker at most."""

SCARCE = 1_000_000
"""Bytes of free space below which a measurement without a reason ended for want of it."""


@dataclass(frozen=True)
class Order:
    """What the user asked for: where to measure, which variants, how often, into which folder.

    `cpus` are the VM's; None: two, or under emulation as many as the cells need. `only` are patterns of labels.
    After `at_most` seconds no further run is begun.
    """

    out: Path
    repeat: int
    variants: str = "auto"
    kernel: Path | None = None
    cpus: int | None = None
    only: tuple[str, ...] = ()
    at_most: float | None = None


def measure(plan: Plan, cells: list[Cell], order: Order, follow: Follow) -> dict[str, Any]:
    """Make all outstanding runs of an experiment; `follow(finished, total)` is called as they come.

    Parameters
    ----------
    plan
        The plan.
    cells
        Its cells, as `plans.load` gave them.
    order
        Folder, repetitions, variants and machine.
    follow
        Called with runs finished and runs in all.

    Returns
    -------
    dict
        `state.json` of the folder: runs (names), variants, skipped cells with reasons, tun_features (of experiments
        with tun), and `paused` if time was up before all runs were made.

    Raises
    ------
    LabError
        If the folder holds another plan, or a run fails; finished runs are kept and a rerun goes on from
        them.
    """
    out = order.out.resolve()
    check_tools(plan.experiment, order.kernel)
    for name in EXPERIMENTS[plan.experiment].programs:
        compiled.program(name)
    clean.clean_recorded()
    with locked(out):
        return _measure(plan, cells, order, out, follow)


def _measure(plan: Plan, cells: list[Cell], order: Order, out: Path, follow: Follow) -> dict[str, Any]:
    """`measure` in a folder that is now ours alone."""
    remove_parts(out)
    for stale in ("error.json", "state.json", "outer_load.json"):
        (out / stale).unlink(missing_ok=True)
    kvm = order.kernel is not None and vm.kvm_usable()
    orders = _orders(plan, cells, order, kvm, out)
    write_json(out / "plan.json", orders)
    if order.kernel is not None:
        vm.write_image(out)
    log, machine_log = out / "worker.log", out / "vm.log"
    with log.open("wb") as output, machine_log.open("wb") as errors:
        child = process.start(*_command(order, orders, out, kvm, output, errors), own_group=True)
    recorded = clean.record(child.pid, out)
    try:
        _watch(child, out, order.kernel is not None, follow)
    finally:
        process.kill_group(child.pid)
        child.wait()
        clean.forget(recorded)
        (out / "outer_load.json").unlink(missing_ok=True)
        remove_parts(out)
    if (out / "error.json").exists():
        message = read_json(out / "error.json")["message"]
        raise LabError(f"{message}\n{len(finished(out))} finished runs are kept in {order.out}")
    state = read_json(out / "state.json") if (out / "state.json").exists() else {"runs": None}
    if state["runs"] is None or not (state.get("paused") or finished(out) >= set(state["runs"])):
        said = process.read_log(log).strip() or process.read_log(machine_log)
        raise _ended_early(child.returncode, order.out, said)
    log.unlink(missing_ok=True)
    machine_log.unlink(missing_ok=True)
    return state


def _ended_early(status: int, out: Path, log: str) -> LabError:
    """The worker left no reason, because it was killed or could not write one."""
    again = "run the same command again: it goes on from the finished runs"
    cause, advice = f"the measurement ended early (status {status})", again
    free = shutil.disk_usage(out).free
    if free < SCARCE:
        cause, advice = f"no space is left for {out}: {free / 1e3:.0f} kB", f"make room for some MB, then {again}"
    return process.failure(f"{cause}; finished runs are kept in {out}", log, advice)


FIXED = ("experiment", "where", "variants", "cells")
"""What a later call on the same folder may not change."""


def _orders(plan: Plan, cells: list[Cell], order: Order, kvm: bool, out: Path) -> dict[str, Any]:
    """The plan for the worker; an old plan in the folder may differ in repetitions and in what is chosen now."""
    machine: dict[str, Any] = {"where": "native"}
    if order.kernel is not None:
        outer = facts.host()
        machine = {
            "where": "vm",
            **vm.facts(order.kernel, _cpus(cells, order, kvm), kvm),
            "outer": {name: outer[name] for name in ("kernel", "cpu_model", "cpus")},
        }
    orders = {
        "experiment": plan.experiment,
        "where": machine["where"],
        "variants": order.variants,
        "cells": [{"label": cell.label, "values": cell.model_dump()} for cell in cells],
        "chosen": [cell.label for cell in chosen(cells, order.only)],
        "machine": machine,
        "cache": str(compiled.folder().parent.parent),
        "guest_files": vm.tool_files() if order.kernel else [],
        "repeat": order.repeat,
        "at_most": order.at_most,
    }
    path = out / "plan.json"
    if path.exists():
        old = read_json(path)
        old["cells"] = _completed(plan, old.get("cells"))
        if differing := [key for key in FIXED if old.get(key) != orders[key]]:
            raise LabError(
                f"{path} is the plan of another measurement (different: {', '.join(differing)}); "
                "choose another folder with --out"
            )
        for name in ("vm_kernel", "tun_edit", "acceleration", "clock", "waiting", "vm_cpus"):
            if old["machine"].get(name) != machine.get(name):
                raise LabError(
                    f"{path} was made with {name} {old['machine'].get(name)}, not {machine.get(name)}; "
                    "choose another folder with --out"
                )
    return orders


def _completed(plan: Plan, cells: Any) -> Any:
    """Cells of an older plan with the defaults of newer fields; as they are, where they are no cells."""
    try:
        model = EXPERIMENTS[plan.experiment].cell
        return [{**cell, "values": model(**cell["values"]).model_dump()} for cell in cells]
    except (TypeError, KeyError, ValueError):
        return cells


def chosen(cells: list[Cell], only: Sequence[str]) -> list[Cell]:
    """Cells whose label fits one of the patterns (`120ms-*`); all without patterns.

    Parameters
    ----------
    cells
        Cells of a plan.
    only
        Patterns as of a shell.

    Returns
    -------
    list[Cell]
        Cells in the order of the plan.

    Raises
    ------
    LabError
        If a pattern fits none; the message lists the labels.
    """
    for pattern in only:
        if not any(fnmatchcase(cell.label, pattern) for cell in cells):
            raise LabError(f"--only {pattern}: fits no cell; there are {', '.join(cell.label for cell in cells)}")
    return [cell for cell in cells if not only or any(fnmatchcase(cell.label, pattern) for pattern in only)]


def _cpus(cells: list[Cell], order: Order, kvm: bool) -> int:
    """Processors of the VM: as asked for, else what the cells need; one alone is emulated in virtual time."""
    return order.cpus or max([2 if kvm else 1, *(getattr(cell, "threads", 1) for cell in cells)])


def _command(
    order: Order, plan: Mapping[str, Any], out: Path, kvm: bool, output: Any, errors: Any
) -> tuple[list[str], Any, Any, dict[str, str] | None]:
    """Arguments of `process.start` for the worker: in private namespaces, and in a VM if asked for.

    Natively all that it prints goes to `output`; a VM's worker opens that file itself, and `errors` is what virtme-ng
    and QEMU say.
    """
    if order.kernel is None:
        worker = [sys.executable, "-m", "tunbp.lab.runner", str(out)]
        return [*sandbox.prefix(), *worker], output, output, None
    prefix: tuple[str, ...] = ()
    environment = vm.environment()
    with contextlib.suppress(LabError):  # a VM needs no namespaces; they only make its end certain
        prefix = (*sandbox.prefix(), *vm.PRIVATE)
        environment["TMPDIR"] = "/run"
    command = [*prefix, *vm.command(order.kernel, out, plan["machine"]["vm_cpus"], kvm)]
    return command, subprocess.DEVNULL, errors, environment


def _watch(child: subprocess.Popen[bytes], out: Path, in_vm: bool, follow: Follow) -> None:
    """Follow the worker by its files until it ends; a boot or a run that hangs is an error."""
    done, waited, seen = -1, 0.0, time.monotonic()
    while child.poll() is None:
        if in_vm:
            write_json(out / "outer_load.json", facts.load())
        started, (now, total) = (out / "state.json").exists(), _progress(out)
        # a turn takes a second: a longer one is a pause (Ctrl-Z, SIGSTOP) of this process, and mostly of its worker too
        looked = time.monotonic()
        waited = 0.0 if now != done else waited + min(looked - seen, LONGEST_TURN)
        seen = looked
        done = now
        follow(now, total)
        limit = RUN_LIMIT if started else BOOT_LIMIT
        if waited > limit:
            what = "a run" if started else "the start"
            log = process.read_log(out / "worker.log")
            raise process.failure(
                f"{what} took longer than {limit:g} s", log, "run again when the machine is less busy"
            )
        process.pause(child, 1.0)
    follow(*_progress(out))


def _progress(out: Path) -> tuple[int, int | None]:
    """How many runs of this call are finished, of how many; None until the worker has said what it will do."""
    done = finished(out)
    if not (out / "state.json").exists():
        return len(done), None
    runs = set(read_json(out / "state.json")["runs"])
    return len(done & runs), len(runs)
