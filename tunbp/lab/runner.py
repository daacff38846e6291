"""Make the runs of a plan that are not there yet; runs inside the lab's own namespaces or inside its VM.

Run as `python -m tunbp.lab.runner FOLDER`. The parent shows progress and turns `error.json` into its own
error.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tunbp.errors import LabError
from tunbp.lab import facts, flags, process
from tunbp.lab.available import this_machine, unavailable
from tunbp.lab.experiments import EXPERIMENTS
from tunbp.lab.folder import finished, read_json, run_folder, write_json
from tunbp.lab.schedule import BACKPRESSURE, STOCK, VARIANTS, Run, abba

GUEST_MODULES = ("tun", "veth", "sch_netem", "sch_fq", "sch_fq_codel", "pktgen", "tcp_bbr", "vhost_net")
GUEST_SYSCTLS = {"net.core.rmem_max": "16777216", "net.core.wmem_max": "16777216"}
"""Only ever set inside the VM: they are the whole machine's there, and the machine is ours."""
MEMORY = Path("/run/tunbp")
"""Folder in the private /run, a memory file system."""


def work(out: Path) -> None:
    """Make every outstanding run of `out`/plan.json.

    Raises
    ------
    LabError
        From the first run that fails; finished runs stay.
    """
    plan = read_json(out / "plan.json")
    os.environ["XDG_CACHE_HOME"] = plan["cache"]
    if plan["machine"].get("waiting") == "skipped":
        process.stretch_limits(process.SKIPPING)
    _prepare(plan["where"], plan["guest_files"])
    has_flag = EXPERIMENTS[plan["experiment"]].has_flag
    offered = {"tun_features": flags.features()} if has_flag else {}
    variants = choose_variants(plan["variants"], offered.get("tun_features", 0), has_flag)
    wanted = [cell for cell in plan["cells"] if cell["label"] in plan["chosen"]]
    skipped = unavailable(wanted, this_machine())
    runs = abba([cell["label"] for cell in wanted if cell["label"] not in skipped], variants, plan["repeat"])
    names = [run.name for run in runs]
    state = {"runs": names, "variants": list(variants), "skipped": skipped, **offered}
    write_json(out / "state.json", state)
    if not runs:
        raise LabError("nothing can run on this kernel:\n" + "\n".join(f"  {c}: {why}" for c, why in skipped.items()))
    host = {**facts.host(), **offered, **plan["machine"]}
    write_json(out / "host.json", host)
    cells = {cell["label"]: cell["values"] for cell in plan["cells"]}
    done, begun = finished(out), _clock(out)
    for run in runs:
        if run.name in done:
            continue
        if plan["at_most"] is not None and _clock(out) - begun > plan["at_most"]:
            write_json(out / "state.json", {**state, "paused": True})
            return
        _make(run, plan["experiment"], cells[run.cell], host, out)


def choose_variants(wanted: str, offered: int, has_flag: bool = True) -> Sequence[str]:
    """Which variants to run on a kernel whose tun driver offers these features; "auto" takes what there is.

    Raises
    ------
    LabError
        If backpressure is asked for and the kernel, or the experiment's device, does not have it.
    """
    if not has_flag:
        if wanted not in ("auto", STOCK):
            raise LabError("this experiment's device has no IFF_BACKPRESSURE to set: leave `--variants` out")
        return (STOCK,)
    able = flags.supports_backpressure(offered)
    if wanted == "auto":
        return VARIANTS if able else (STOCK,)
    variants = VARIANTS if wanted == "both" else (wanted,)
    if BACKPRESSURE in variants and not able:
        raise LabError(
            f"kernel {os.uname().release} has no IFF_BACKPRESSURE (TUNGETFEATURES {offered:#06x}); "
            "a backpressure run needs Linux 7.3 or newer: `tunbp lab kernel`, then `--vm`; or take "
            "`--variants stock`"
        )
    return variants


def _prepare(where: str, guest_files: Sequence[str]) -> None:
    """Natively a private /run, so that namespaces are ours alone; in a VM modules and buffer limits."""
    if where == "native":
        process.run(["mount", "-t", "tmpfs", "tmpfs", "/run"])
    MEMORY.mkdir(exist_ok=True)
    tempfile.tempdir = str(MEMORY)  # keys and logs go with the namespaces, even after a kill
    if where == "native":
        return
    keep_in_memory(guest_files, MEMORY)
    # all by one process, as each reads the kernel's list of modules from outside; what fails is built in, or not
    # needed by this experiment, or fails later by name
    with contextlib.suppress(LabError):
        process.run(["modprobe", "--all", *GUEST_MODULES])
    process.run(["sysctl", "-q", "-w", *(f"{key}={value}" for key, value in GUEST_SYSCTLS.items())])


def keep_in_memory(files: Sequence[str], folder: Path) -> None:
    """Copy programs and libraries into `folder`, a memory file system, and let all children use them."""
    places = {"bin": folder / "bin", "lib": folder / "lib"}
    for place in places.values():
        place.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy(file, places["lib" if ".so" in Path(file).name else "bin"])
    os.environ["PATH"] = os.pathsep.join([str(places["bin"]), os.environ.get("PATH", os.defpath)])
    os.environ["LD_LIBRARY_PATH"] = str(places["lib"])


def _make(run: Run, name: str, cell: Mapping[str, Any], host: Mapping[str, Any], out: Path) -> None:
    """Make one run and keep its result, its facts and its raw outputs in a folder of its own."""
    with run_folder(out, run.name) as folder:
        before, begun, used = _loads(out), time.time(), _used()
        result = EXPERIMENTS[name].measure(cell, run.variant == BACKPRESSURE, folder)
        after, own = _loads(out), _used() - used
        record = {
            "experiment": name,
            "cell": run.cell,
            "variant": run.variant,
            "repetition": run.repetition,
            "parameters": dict(cell),
            "result": result,
            "facts": {
                **host,
                "nice": os.getpriority(os.PRIO_PROCESS, 0),
                "begun": begun,
                "ended": time.time(),
                "load": {
                    place: facts.load_between(before[place], after[place], own if place == "here" else None)
                    for place in before
                    if place in after
                },
            },
        }
        write_json(folder / "run.json", record)


def _loads(out: Path) -> dict[str, dict[str, Any]]:
    """Load here and, as the parent writes it, on the machine that carries the VM."""
    loads = {"here": facts.load()}
    with contextlib.suppress(LabError):  # the file is replaced every second from outside the VM
        loads["outer"] = read_json(out / "outer_load.json")
    return loads


def _clock(out: Path) -> float:
    """Time of the machine that carries a VM, whose own clock may skip what it waits for; else of this one [s]."""
    loads = _loads(out)
    return float(loads.get("outer", loads["here"])["time"])


def _used() -> float:
    """Processor time of this process and of all its ended children [s]."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main() -> None:
    """Entry point: work, and leave the reason of a failure in `error.json`."""
    out = Path(sys.argv[1])
    try:
        work(out)
    except LabError as error:
        write_json(out / "error.json", {"message": str(error)})
        sys.exit(1)
    except Exception as error:
        write_json(out / "error.json", {"message": f"unexpected: {error!r}\n{traceback.format_exc()}"})
        raise


if __name__ == "__main__":
    main()
