"""Make the runs of a plan that are not there yet; runs inside the lab's own namespaces or inside its VM.

Run as `python -m tunbp.lab.worker FOLDER`. The parent shows progress and turns `error.json` into its own
error.
"""

from __future__ import annotations

import contextlib
import os
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
from tunbp.lab.experiments import EXPERIMENTS
from tunbp.lab.folder import finished, read_json, run_folder, write_json
from tunbp.lab.namespaces import Namespace, namespaces
from tunbp.lab.schedule import BACKPRESSURE, STOCK, VARIANTS, Run, abba

GUEST_MODULES = ("tun", "veth", "sch_netem", "sch_fq", "sch_fq_codel", "pktgen", "tcp_bbr")
GUEST_SYSCTLS = {"net.core.rmem_max": "16777216", "net.core.wmem_max": "16777216"}
"""Only ever set inside the VM: they are the whole machine's there, and the machine is ours."""
MEMORY = Path("/run/tunbp")
"""Folder in the private /run, a memory file system."""
NETEM = "`modprobe sch_netem` as root, or a VM with `--vm`"


def work(out: Path) -> None:
    """Make every outstanding run of `out`/plan.json.

    Raises
    ------
    LabError
        From the first run that fails; finished runs stay.
    """
    plan = read_json(out / "plan.json")
    _prepare(plan["where"], plan["guest_files"])
    offered = flags.features()
    variants = choose_variants(plan["variants"], offered)
    wanted = [cell for cell in plan["cells"] if cell["label"] in plan["chosen"]]
    skipped = unavailable(wanted)
    runs = abba([cell["label"] for cell in wanted if cell["label"] not in skipped], variants, plan["repeat"])
    names = [run.name for run in runs]
    state = {"runs": names, "variants": list(variants), "skipped": skipped, "tun_features": offered}
    write_json(out / "state.json", state)
    if not runs:
        raise LabError("nothing can run on this kernel:\n" + "\n".join(f"  {c}: {why}" for c, why in skipped.items()))
    host = {**facts.host(), "tun_features": offered, **plan["machine"]}
    write_json(out / "host.json", host)
    cells = {cell["label"]: cell["values"] for cell in plan["cells"]}
    done = finished(out)
    for run in runs:
        if run.name not in done:
            _make(run, plan["experiment"], cells[run.cell], host, out)


def choose_variants(wanted: str, offered: int) -> Sequence[str]:
    """Which variants to run on a kernel whose tun driver offers these features; "auto" takes what there is.

    Raises
    ------
    LabError
        If backpressure is asked for and the kernel does not have it.
    """
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


def unavailable(cells: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Cells that this kernel or machine cannot run, by label, each with its reason."""
    reasons: dict[str, str] = {}
    cpus = len(os.sched_getaffinity(0))
    with namespaces("probe") as (space,):
        wanted = {cell["values"]["qdisc"] for cell in cells} - {"noqueue"}
        wanted |= {"netem"} if any(cell["values"].get("rtt") for cell in cells) else set()
        missing = {qdisc for qdisc in wanted if not _has_qdisc(space, qdisc)}
    for cell in cells:
        values, lacking = cell["values"], []
        if values["qdisc"] in missing:
            lacking.append(f"no {values['qdisc']} qdisc in this kernel: another `qdisc`, or a VM with `--vm`")
        if values.get("rtt") and "netem" in missing:
            lacking.append(f"no netem in this kernel, which makes the delay: {NETEM}")
        if values.get("threads", 1) > cpus:
            lacking.append(f"{values['threads']} sending CPUs are wanted and there are {cpus}; in a VM: `--cpus`")
        if values.get("mode") == "openvpn_speed" and shutil.which("openvpn") is None:
            lacking.append("openvpn is not installed")
        if lacking:
            reasons[cell["label"]] = "; ".join(lacking)
    return reasons


def _has_qdisc(space: Namespace, qdisc: str) -> bool:
    try:
        space.set_qdisc("lo", qdisc)
    except LabError:
        return False
    return True


def _prepare(where: str, guest_files: Sequence[str]) -> None:
    """Natively a private /run, so that namespaces are ours alone; in a VM modules and buffer limits."""
    if where == "native":
        process.run(["mount", "-t", "tmpfs", "tmpfs", "/run"])
    MEMORY.mkdir(exist_ok=True)
    tempfile.tempdir = str(MEMORY)  # keys and logs go with the namespaces, even after a kill
    if where == "native":
        return
    keep_in_memory(guest_files, MEMORY)
    for module in GUEST_MODULES:
        try:
            process.run(["modprobe", module])
        except LabError:  # built in, or not needed by this experiment; what is needed fails later by name
            continue
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
        before, begun = _loads(out), time.time()
        result = EXPERIMENTS[name].measure(cell, run.variant == BACKPRESSURE, folder)
        after = _loads(out)
        record = {
            "experiment": name,
            "cell": run.cell,
            "variant": run.variant,
            "repetition": run.repetition,
            "parameters": dict(cell),
            "result": result,
            "facts": {
                **host,
                "begun": begun,
                "ended": time.time(),
                "load": {place: _load_between(before[place], after[place]) for place in before if place in after},
            },
        }
        write_json(folder / "run.json", record)


def _loads(out: Path) -> dict[str, dict[str, Any]]:
    """Load here and, as the parent writes it, on the machine that carries the VM."""
    loads = {"here": facts.load()}
    with contextlib.suppress(LabError):  # the file is replaced every second from outside the VM
        loads["outer"] = read_json(out / "outer_load.json")
    return loads


def _load_between(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return {"load_average": after["load_average"], "busy_fraction": facts.busy_fraction(before, after)}


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
