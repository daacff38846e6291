"""`tunbp lab probe DEV`: the constants of a tunnel that is running."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from tunbp.quantities import percent, show, show_range

if TYPE_CHECKING:
    from tunbp.lab.probe.analysis import Analysis
    from tunbp.lab.probe.constants import Constant, Constants

NAMES = {
    "drain_rate": "reader's speed while packets wait",
    "hot_service_time": "its service time in a long busy period",
    "processor_service_time": "its service time without time off the CPU",
    "cold_service_time": "its service time after idling",
    "reader_wake_latency": "its delay in waking",
    "ack_cost": "what an ACK costs it",
    "packets_per_ack": "packets sent inside an ACK's write",
    "burst_rate": "speed of a burst into the ring",
    "stall_rate": "pauses while packets wait",
    "stall_mean": "their mean length",
    "sent_packet_rate": "packets into the ring",
    "transmitted_rate": "packets read",
    "ring_drop_fraction": "dropped by the ring",
    "ring_sojourn": "time in the ring",
    "tracing_rate_change": "change of the rate by tracing",
    "tracing_cost_change": "change of CPU per packet by tracing",
}
"""Rows of the table, in this order."""
T = TypeVar("T")
SHARES = ("ring_drop_fraction", "tracing_rate_change", "tracing_cost_change")


@click.command()
@click.argument("device")
@click.option("--seconds", type=click.FloatRange(0.1, 600), default=10.0, show_default=True, help="How long, at most.")
@click.option(
    "--window", type=click.FloatRange(0.01, 10), default=0.5, show_default=True, help="Seconds traced at a time."
)
@click.option("--pid", type=click.IntRange(1), help="The program that reads DEVICE, where several do.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the results.")
@click.option("--coarse", is_flag=True, help="Only what /proc shows: needs no rights, tells less.")
def probe(device: str, seconds: float, window: float, pid: int | None, out: Path | None, coarse: bool) -> None:
    """Measure the constants of the tunnel that reads DEVICE, a tun or tap device in use, while it runs.

    Tracepoints of the kernel show each packet on its way through the ring. Nothing is sent, and nothing stays behind
    however the probe ends. Writes probe.nc, which `tunbp trace` reads, and constants.yaml for
    `tunbp predict --constants`. Needs root; --coarse does not.
    """
    from tunbp.lab.probe.constants import write_constants

    out = out or Path("results") / f"probe_{device}"
    if coarse:
        from tunbp.lab.probe import coarse as coarse_probe

        found = _followed(seconds, lambda follow: coarse_probe.probe(device, seconds, pid, follow))
        out.mkdir(parents=True, exist_ok=True)
        click.echo(f"{device} ({found.about['reader']}): what /proc shows of {seconds:g} s.")
        print_constants(found)
        click.echo(f"Constants: {write_constants(found, out / 'constants.yaml')}")
        return
    from tunbp.lab.probe.analysis import analyse
    from tunbp.lab.probe.dataset import dataset
    from tunbp.lab.probe.record import record
    from tunbp.lab.probe.summary import constants
    from tunbp.traces.saving import save

    recording = _followed(seconds, lambda follow: record(device, seconds, window, pid, follow))
    analysis = analyse(recording)
    found = constants(analysis, seconds)
    out.mkdir(parents=True, exist_ok=True)
    for warning in recording.warnings:
        click.secho(warning, fg="yellow", err=True)
    click.echo(sentence(analysis))
    print_constants(found)
    written = save(dataset(analysis), out / "probe.nc")
    click.echo(f"Series and distributions: {written}\nConstants: {write_constants(found, out / 'constants.yaml')}")


def sentence(analysis: Analysis) -> str:
    """One sentence: what the device does with a full ring, and how the reader stands to what comes in."""
    from tunbp.lab.probe.verdict import verdict

    settings, judged = analysis.recording.settings, verdict(analysis)
    words = {"drops": "drops packets when its ring is full", "stops": "stops its queue when its ring is full",
             "unknown": "did not show what it does with a full ring"}  # fmt: skip
    about = f"{settings.name} ({analysis.recording.reader.name}, ring {settings.ring}, {settings.qdisc})"
    recorded = f"{show(float(analysis.blocks.seconds.sum()), 's', 3)} of packets were recorded"
    return f"{about} {words[judged.answer]}: {judged.why}. {recorded}."


def print_constants(found: Constants) -> None:
    """Print constants and observations as one table, and what is missing below it."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table("", "value", "95 % interval", box=box.SIMPLE)
    both = {**found.constants, **found.observations}
    for name in [*NAMES, *(name for name in both if name not in NAMES)]:
        if name in both:
            table.add_row(NAMES.get(name, name), *_shown(name, both[name]))
    console.print(table)
    for name, why in found.missing.items():
        console.print(f"[yellow]{name}[/]: {why}", highlight=False)


def _shown(name: str, constant: Constant) -> tuple[str, str]:
    """Value and interval as people read them."""
    if isinstance(constant.value, str):
        return constant.value, ""
    unit = "%" if name in SHARES else constant.unit
    value = percent(constant.value) if name in SHARES else show(constant.value, unit)
    if constant.low is None or constant.high is None:
        return value, ""
    return value, show_range(constant.low, constant.high, unit, 3)


def _followed(seconds: float, work: Callable[[Callable[[float], None]], T]) -> T:
    """Do the work with a progress bar on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    with Progress(TextColumn("probing"), BarColumn(), console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("probing", total=seconds)
        return work(lambda passed: progress.update(task, completed=passed))
