"""`tunbp predict`: throughput and latency of your own path over txqueuelen, and what to do about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tunbp.cli.units import Quantity
from tunbp.errors import OutputError, ParamsError, ScenarioError
from tunbp.quantities import parse, significant
from tunbp.quantities import show as shown

if TYPE_CHECKING:
    import xarray as xr
    from rich.console import Console

    from tunbp.evidence.prediction import Advice, FromTrace
    from tunbp.model.scenario import Scenario

RINGS = "10,25,50,100,250,500,1000,2500,5000"

LISTED = ("received_rate", "sparse_latency", "mean_rtt")
OPTIONS = {
    "rtt": "rtt", "ring": "ring", "burst": "burst_rate", "window": "receive_window", "qdisc": "qdisc",
    "qdisc_limit": "qdisc_limit", "streams": "streams", "congestion": "congestion", "driver": "driver",
    "mss": "mss", "ack_interval": "ack_interval", "stall_rate": "stall_rate", "stall_mean": "stall_mean",
    "wake_cost": "wake_cost", "contention": "contention", "duration": "duration", "seed": "seed",
}  # fmt: skip
"""Option -> field of the scenario."""


@click.command()
@click.option("--trace", type=click.Path(path_type=Path), help="Measurement of the path; options override it.")
@click.option("--host", help="Start from the constants of a known host, e.g. path-openvpn.")
@click.option("--rtt", type=Quantity("120ms", "s"), help="Round-trip time without queueing.")
@click.option("--ring", type=Quantity("500", "packet", whole=True), help="Present txqueuelen.")
@click.option("--drain", metavar="60k/s", help="Speed of the reader, packets/s or bit/s (700Mbit/s).")
@click.option("--burst", type=Quantity("1.8M/s", "packet/s"), help="Speed at which the stack fills the ring.")
@click.option("--window", type=Quantity("6MB", "byte"), help="Receive window of each stream.")
@click.option("--ack-interval", type=Quantity("8ms", "s"), help="Time over which ACKs are held back.")
@click.option("--stall-rate", type=Quantity("1/s", "1/s"), help="Random pauses of the reader.")
@click.option("--stall-mean", type=Quantity("5ms", "s"), help="Their mean length.")
@click.option("--wake-cost", type=Quantity("5us", "s"), help="What a stop/wake cycle takes from the reader.")
@click.option("--contention", type=Quantity("0.5us", "s"), help="Extra time per packet of several senders.")
@click.option("--mss", type=Quantity("1448B", "byte", whole=True), help="Payload of a segment.")
@click.option("--qdisc", help="noqueue, pfifo, pfifo_fast, fq_codel.")
@click.option("--qdisc-limit", type=Quantity("1000", "packet", whole=True), help="Packets the qdisc may hold.")
@click.option("--driver", help="Kernel version compared with stock (default 7.3: IFF_BACKPRESSURE).")
@click.option("--streams", type=int, help="Parallel TCP streams.")
@click.option("--congestion", help="cubic, reno, bbr.")
@click.option("--rings", default=RINGS, show_default=True, help="Ring sizes to predict.")
@click.option("--seeds", type=click.IntRange(1, 1000), default=3, show_default=True, help="Repetitions.")
@click.option("--seed", type=int, help="First seed.")
@click.option("--duration", type=Quantity("60s", "s"), default=60.0, help="Simulated time.  [default: 60s]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw to a PDF, PNG or SVG file.")
def predict(
    trace: Path | None, host: str | None, rings: str, seeds: int, as_json: bool, plot: Path | None,
    drain: str | None, **given: Any,
) -> None:  # fmt: skip
    """Predict throughput and latency of your own path over txqueuelen, stock and with backpressure.

    Every value is given with its unit. What is not given comes from --trace, else from --host, else is a
    default of the model; all values used are printed.
    """
    from rich.console import Console

    from tunbp.evidence import prediction

    if plot is not None and plot.suffix not in (".pdf", ".png", ".svg"):
        raise OutputError(f"--plot: {plot}: the name must end with .pdf, .png or .svg")
    sizes = _sizes(rings)
    typed = {OPTIONS[name]: value for name, value in given.items() if value is not None}
    scenario, read = _scenario(trace, host, drain, typed)
    result = prediction.predict(scenario, sizes, seeds)
    advice = prediction.advise(scenario, result)
    if plot is not None:
        draw(scenario, result, plot)
    if as_json:
        click.echo(json.dumps(record(scenario, result, advice, read), indent=1))
    else:
        show(Console(), scenario, result, advice, read)


def _sizes(text: str) -> list[int]:
    try:
        sizes = [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        sizes = []
    if not sizes or min(sizes) < 1:
        raise ParamsError(f"--rings: {text!r}: must be whole numbers of packets, 1 or more, e.g. 10,100,500")
    return sizes


def _scenario(
    trace: Path | None, host: str | None, drain: str | None, typed: dict[str, Any]
) -> tuple[Scenario, FromTrace | None]:
    """What is simulated, and what of it the trace told."""
    from tunbp.evidence.prediction import from_trace
    from tunbp.model.hosts import host as known_host
    from tunbp.model.hosts import scenario_of
    from tunbp.model.scenario import Scenario

    read = None
    try:
        # the wake cost measured on the i5 host, where nothing better is known
        base = Scenario(wake_cost=known_host("i5-tap")["wake_cost"])
        scenario = (scenario_of(host) if host else base).replace(driver="7.3", duration=60.0)
        if trace is not None:
            from tunbp.traces import open_trace

            read = from_trace(open_trace(trace), scenario)
            scenario = read.scenario
        if drain is not None:
            rate, unit = parse(drain, "packet/s", "bit/s", name="--drain")
            packet_bits = 8.0 * float(typed.get("mss", scenario.mss))
            typed["drain_rate"] = rate / packet_bits if unit == "bit/s" else rate
        duration = float(typed.get("duration", scenario.duration))
        return scenario.replace(**typed, warmup=duration / 6.0), read
    except ScenarioError as error:
        raise ParamsError(_as_option(str(error))) from error


def _as_option(message: str) -> str:
    """The message of a scenario with the field's name as the option that sets it."""
    field, _, rest = message.partition(":")
    options = {value: name for name, value in OPTIONS.items()} | {"drain_rate": "drain", "host": "host"}
    return f"--{options[field].replace('_', '-')}:{rest}" if field in options else message


def record(scenario: Scenario, result: xr.Dataset, advice: Advice, read: FromTrace | None) -> dict[str, Any]:
    """What `--json` prints."""
    from dataclasses import asdict

    values = {k: v for k, v in scenario.parameters().items() if v is not None}
    points = []
    for variant in result["variant"].to_numpy():
        for ring in result["ring"].to_numpy():
            point = result.sel(variant=variant, ring=ring)
            points.append({
                "variant": str(variant), "ring": int(ring), "limit": str(point["binding_bound"].item()),
                **{name: float(point[name].median()) for name in LISTED},
                "received_rate_range": [float(point["received_rate"].quantile(q)) for q in (0.0, 1.0)],
            })  # fmt: skip
    told = {"told": list(read.told), "assumed": list(read.assumed), "limit": read.bound} if read else None
    return {
        "scenario": values,
        "trace": told,
        "points": points,
        "advice": {**asdict(advice), "text": str(advice)},
    }


def show(console: Console, scenario: Scenario, result: xr.Dataset, advice: Advice, read: FromTrace | None) -> None:
    """Print the path, one line per ring size, and the advice."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    for title, lines in (
        ("From the trace", read.told if read else ()),
        ("Assumed", read.assumed if read else ()),
    ):
        if lines:
            console.print(f"[bold]{title}:[/] {escape('; '.join(lines))}")
    if read:
        console.print(f"[bold]Limit of the measured run:[/] {read.bound}")
    console.print(f"[bold]Path:[/] {escape(path_line(scenario))}")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in ("ring", "stock\nMbit/s", "backpr.\nMbit/s", "stock\nwait ms", "backpr.\nwait ms"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("stock\nheld by")
    table.add_column("backpressure\nheld by")
    middle = result[["received_rate", "sparse_latency"]].median("seed")
    for ring in result["ring"].to_numpy():
        at = middle.sel(ring=ring)
        rates, waits = at["received_rate"].to_numpy() / 1e6, at["sparse_latency"].to_numpy() * 1e3
        held = map(str, result["binding_bound"].sel(ring=ring).to_numpy())
        style = "bold" if ring == scenario.ring else None
        cells = [f"{ring}", *(significant(x) for x in rates), *(significant(x, 3) for x in waits), *held]
        table.add_row(*cells, style=style)
    console.print(table)
    console.print(escape(str(advice)))


def path_line(scenario: Scenario) -> str:
    """The values used, with their units, in one line."""
    s = scenario
    words = [
        f"RTT {shown(float(s.rtt), 's')}", f"ring {s.ring}", f"reader {shown(float(s.drain_rate), 'packet/s')}",
        f"bursts {shown(float(s.burst_rate), 'packet/s')}", f"window {shown(float(s.receive_window), 'byte')}",
        f"MSS {shown(float(s.mss), 'byte')}", f"ACKs held {shown(float(s.ack_interval), 's')}",
        f"{s.streams} x {s.congestion}", str(s.qdisc),
        f"driver {s.driver}",
    ]  # fmt: skip
    if float(s.stall_rate) > 0 and float(s.stall_mean) > 0:
        words.append(f"stalls {shown(float(s.stall_rate), '1/s')} of {shown(float(s.stall_mean), 's')}")
    return ", ".join(words)


def draw(scenario: Scenario, result: xr.Dataset, target: Path) -> None:
    """Draw throughput and latency over the ring size to a file."""
    import matplotlib.pyplot as plt

    from tunbp.atomic import replacing
    from tunbp.notebooks.your_path.figures import path_figure

    figure = path_figure(result, int(scenario.ring))
    with replacing(target) as part:
        figure.savefig(part, format=target.suffix[1:])
    plt.close(figure)
