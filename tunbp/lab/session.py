"""One measurement from start to end: write the plan, start the worker natively or in a VM, follow it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunbp.errors import LabError
from tunbp.lab import clean, facts, process, sandbox, store, vm
from tunbp.lab.plan import Cell, LabParams

Follow = Callable[[int, int | None], None]
BOOT_LIMIT = 300.0
"""Seconds in which a VM must have started the worker; emulation boots in about half a minute."""
RUN_LIMIT = 600.0
"""Seconds without a finished run after which a measurement counts as stuck."""


@dataclass(frozen=True)
class Order:
    """What the user asked for: where to measure, which variants, how often, and into which folder."""

    out: Path
    repeat: int
    variants: str = "auto"
    kernel: Path | None = None
    cpus: int = 2


def measure(params: LabParams, cells: list[Cell], order: Order, follow: Follow) -> dict[str, Any]:
    """Make all outstanding runs of an experiment; `follow(finished, total)` is called as they come.

    Returns
    -------
    dict
        `state.json` of the folder: total, variants, skipped cells with reasons, tun_features.

    Raises
    ------
    LabError
        If the folder holds another plan, or a run fails; finished runs are kept and a rerun goes on from
        them.
    """
    out = order.out.resolve()
    (out / "runs").mkdir(parents=True, exist_ok=True)
    clean.clean_recorded()
    store.remove_parts(out)
    for stale in ("error.json", "state.json", "outer_load.json"):
        (out / stale).unlink(missing_ok=True)
    kvm = order.kernel is not None and vm.kvm_usable()
    store.write_json(out / "plan.json", _plan(params, cells, order, kvm, out))
    log = out / "worker.log"
    with log.open("wb") as output:
        child = process.start(*_command(order, out, kvm, output))
    recorded = clean.record(child.pid)
    try:
        _watch(child, out, order.kernel is not None, follow)
    finally:
        process.kill(child)
        clean.forget(recorded)
        (out / "outer_load.json").unlink(missing_ok=True)
        store.remove_parts(out)
    if (out / "error.json").exists():
        message = store.read_json(out / "error.json")["message"]
        raise LabError(f"{message}\n{len(store.finished(out))} finished runs are kept in {order.out}")
    state = store.read_json(out / "state.json") if (out / "state.json").exists() else {"total": None}
    if state["total"] is None or len(store.finished(out)) < state["total"]:
        raise process.failure(
            f"the measurement ended early (status {child.returncode}); finished runs are kept in {order.out}",
            process.read_log(log), "run the same command again: it goes on from the finished runs",
        )  # fmt: skip
    log.unlink(missing_ok=True)
    return state


def _plan(params: LabParams, cells: list[Cell], order: Order, kvm: bool, out: Path) -> dict[str, Any]:
    """The plan for the worker; an old plan in the folder may differ only in the number of repetitions."""
    machine: dict[str, Any] = {"where": "native"}
    if order.kernel is not None:
        machine = {
            "where": "vm",
            "acceleration": "KVM" if kvm else "emulation (TCG)",
            "outer": {"kernel": facts.host()["kernel"], "cpu_model": facts.host()["cpu_model"]},
            "vm_cpus": order.cpus,
            "vm_kernel": order.kernel.parent.name,
        }
    plan = {
        "experiment": params.experiment,
        "where": machine["where"],
        "variants": order.variants,
        "cells": [{"label": cell.label, "values": cell.model_dump()} for cell in cells],
        "machine": machine,
        "guest_files": vm.tool_files() if order.kernel else [],
        "repeat": order.repeat,
    }
    path = out / "plan.json"
    if path.exists():
        old = store.read_json(path)
        if differing := [
            key for key in plan if key not in ("repeat", "machine", "guest_files") and old.get(key) != plan[key]
        ]:
            raise LabError(
                f"{path} is the plan of another measurement (different: {', '.join(differing)}); "
                "choose another folder with --out"
            )
        if old["machine"].get("vm_kernel") != machine.get("vm_kernel"):
            raise LabError(f"{path} was made on kernel {old['machine'].get('vm_kernel')}; choose another --out")
    return plan


def _command(order: Order, out: Path, kvm: bool, output: Any) -> tuple[list[str], Any, Any, dict[str, str] | None]:
    """Arguments of `process.start` for the worker: in private namespaces, and in a VM if asked for."""
    if order.kernel is None:
        worker = [sys.executable, "-m", "tunbp.lab.worker", str(out)]
        return [*sandbox.prefix(), *worker], output, output, None
    prefix: tuple[str, ...] = ()
    with contextlib.suppress(LabError):  # a VM needs no namespaces; they only make its end certain
        prefix = sandbox.prefix()
    command = [*prefix, *vm.command(order.kernel, out, order.cpus, kvm)]
    return command, subprocess.DEVNULL, subprocess.DEVNULL, vm.environment()


def _watch(child: subprocess.Popen[bytes], out: Path, in_vm: bool, follow: Follow) -> None:
    """Follow the worker by its files until it ends; a boot or a run that hangs is an error."""
    done, changed = -1, time.monotonic()
    while child.poll() is None:
        if in_vm:
            store.write_json(out / "outer_load.json", facts.load())
        started = (out / "state.json").exists()
        now = len(store.finished(out))
        if now != done:
            done, changed = now, time.monotonic()
        total = store.read_json(out / "state.json")["total"] if started else None
        follow(now, total)
        limit = RUN_LIMIT if started else BOOT_LIMIT
        if time.monotonic() - changed > limit:
            what = "a run" if started else "the start"
            raise process.failure(f"{what} took longer than {limit:g} s", process.read_log(out / "worker.log"))
        process.pause(child, 1.0)
    total = store.read_json(out / "state.json")["total"] if (out / "state.json").exists() else None
    follow(len(store.finished(out)), total)
