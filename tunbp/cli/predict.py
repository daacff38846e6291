"""`tunbp predict`: throughput and ping of your own path over txqueuelen, as distributions, and what to do about it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path as File
from typing import TYPE_CHECKING, Any

import click

from tunbp.cli import options
from tunbp.cli.units import Quantity
from tunbp.errors import ParamsError, ScenarioError
from tunbp.model.fields import FIELDS
from tunbp.quantities import KINDS, parse, percent, show, show_range, significant

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from tunbp.prediction import Prediction
    from tunbp.prediction.card import Card
    from tunbp.prediction.measured import Told
    from tunbp.prediction.path import Path

RINGS = "100,500,1000,2000,5000"
NAMES = {"drain_rate": "drain", "receive_window": "window", "burst_rate": "burst"}
ALIASES = {"path_rate": "bandwidth", "path_loss": "loss"}
FIRST = (
    "rtt", "ring", "drain_rate", "path_rate", "path_buffer", "path_loss", "path_loss_burst", "receive_window",
    "send_buffer", "mss", "streams", "congestion", "qdisc",
)  # fmt: skip
"""Fields that most people set, in the order of `--help`."""

NOT_SET = (
    "source", "offered_rate", "frame_rate", "frame_packets", "iframe_packets", "iframe_every", "warmup", "seed",
    "interval", "queues",
)  # fmt: skip
"""Fields without an option of their own: `--udp` is the other source, `--warmup` and `--seed` are below, series are not
predicted, and there is one queue."""

SET = (*FIRST, *(name for name in FIELDS if name not in (*FIRST, *NOT_SET)))
"""Fields that have an option."""

WORDS = {"stock": "stock", "backpressure": "with the flag"}
"""Variants as a table's heading says them."""

VARIANTS = list(WORDS)


def _schema(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Print the published schema and end."""
    if wanted and not context.resilient_parsing:
        from tunbp.cli.predict_record import schema

        click.echo(json.dumps(schema(), indent=1))
        context.exit()


@click.command()
@click.option(
    "--trace",
    type=click.Path(path_type=File),
    multiple=True,
    help="Measured runs of this path, a file or a folder; given twice: files of one run, two of `ip -s link` are "
    "before and after. Options override them, and choose among paths.",
)
@click.option("--measured", metavar="50Mbit/s", help="Rate that this path carries now, at its present ring.")
@click.option(
    "--variant",
    type=click.Choice(VARIANTS),
    default=None,
    help="How this path is now, and was when measured.  [default: what the trace says, else stock]",
)
@click.option("--cpu-bound", metavar="300Mbit/s", help="TCP rate at which the tunnel's program uses a whole CPU.")
@click.option("--udp", metavar="237Mbit/s", help="Send UDP at this rate instead of TCP.")
@click.option("--mtu", type=Quantity("1500B", "byte", whole=True), help="MTU of the device, instead of --mss.")
@click.option(
    "--product",
    default=None,
    help="Program that reads the device: openvpn, wireguard-go, qemu-tap, vhost-net, pasta, tun2socks, copy, upf, "
    "other. WireGuard and OpenVPN's DCO in the kernel do not use such a device.  [default: openvpn]",
)
@click.option("--host", help="Start from the constants of a known host, e.g. path-openvpn.")
@click.option("--constants", type=click.Path(path_type=File), help="constants.yaml that `tunbp lab probe` wrote.")
@click.option(
    "--direction",
    type=click.Choice(["upload", "download"]),
    default=None,
    help="Which way the data go: an upload leaves this host, the client, by its device; a download comes from the "
    "server, by the server's.  [default: both are told]",
)
@options.of(SET, NAMES, ALIASES)
@click.option("--warmup", type=Quantity("2s", "s"), help="Time that totals leave out.  [default: duration / 6]")
@click.option("--rings", default=RINGS, show_default=True, help="Ring sizes to predict; --ring is added.")
@click.option("--draws", type=click.IntRange(8, 65536), default=128, show_default=True, help="A power of two.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The same seed, the same bits.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option(
    "--json-schema", is_flag=True, is_eager=True, expose_value=False, callback=_schema,
    help="Print the JSON Schema of what --json prints, and end.",
)  # fmt: skip
@click.option("--plot", type=click.Path(path_type=File, dir_okay=False), help="Draw to a PDF, PNG or SVG file.")
def predict(
    trace: tuple[File, ...], measured: str | None, variant: str | None, cpu_bound: str | None, udp: str | None,
    mtu: int | None, product: str | None, host: str | None, constants: File | None, direction: str | None,
    warmup: float | None, rings: str, draws: int, seed: int, as_json: bool, plot: File | None, **given: Any,
) -> None:  # fmt: skip
    """Predict throughput and ping of your own path over txqueuelen, stock and with backpressure.

    The first line is the verdict: what limits this tunnel, and whether a longer ring or the flag helps. What is given
    is taken as known; what is not has a prior (`data/priors.yaml`), and every number comes with the interval that
    follows. What to do first is the second line; where an unknown widens the interval much, what measures it is said.
    """
    from rich.console import Console

    if plot is not None:
        import matplotlib  # noqa: F401  # what is missing is said before anything is computed

        from tunbp.plots.saving import check_name

        check_name(plot)
    sizes = _sizes(rings)
    path = _path(trace, variant, host, constants, mtu, product or "openvpn", given)
    mss = float(path.known["mss"])
    if cpu_bound is not None:
        path.busy_at(options.rate(cpu_bound, mss, "--cpu-bound"))
    if udp is not None:
        path.take({"source": "open", "offered_rate": options.rate(udp, mss, "--udp")}, "given")
    if warmup is not None:
        path.take({"warmup": warmup}, "given")
    if measured is not None:
        path.carried(parse(measured, "bit/s", name="--measured")[0])
    elif path.told is not None and path.told.cannot:
        refuse(path.told, as_json)
        return
    try:
        found = path.predict(sizes, draws, seed)
    except ScenarioError as error:
        raise ParamsError(_as_option(str(error))) from error
    if plot is not None:
        draw(found, plot)
    advice = advised(found, direction, path, guessed=product is None)
    if as_json:
        from tunbp.prediction.record import record

        asked = sizes if path.sources["ring"] == "default" else [*sizes, found.ring]
        click.echo(json.dumps(record(found, asked, advice.remedies, advice.verdict), indent=1))
    else:
        report(Console(), found, advice, path)


def refuse(read: Told, as_json: bool) -> None:
    """Say why a measurement does not lead to a prediction."""
    if as_json:
        click.echo(json.dumps({"schema": 1, "rows": [], "unknown": [], "cannot": read.cannot}, indent=1))
    else:
        from rich.console import Console
        from rich.markup import escape

        for line in read.refusal():
            Console().print(escape(line), highlight=False)


def _sizes(text: str) -> list[int]:
    try:
        sizes = [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        sizes = []
    if not sizes or min(sizes) < 1:
        raise ParamsError(f"--rings: {text!r}: must be whole numbers of packets, 1 or more, e.g. 10,100,500")
    return sizes


def _path(
    trace: tuple[File, ...], variant: str | None, host: str | None, constants: File | None, mtu: int | None,
    program: str, given: dict[str, Any],
) -> Path:  # fmt: skip
    """What the options, a trace, a host and measured constants say of the path; later ones override."""
    from tunbp.prediction.path import HEADERS, Path
    from tunbp.prediction.unknown import LINK

    path = Path(program, variant=variant or "stock")
    try:
        if host:
            path.on(host)
    except ScenarioError as error:
        raise ParamsError(_as_option(str(error))) from error
    if constants is not None:
        from tunbp.lab.probe.constants import read_constants

        measured = read_constants(constants).constants
        path.take({name: entry.value for name, entry in measured.items() if name in FIELDS}, "constants")
    if trace:
        from tunbp.prediction.measured import read_run
        from tunbp.traces import open_together

        known = {name: value for name, value in given.items() if value is not None}
        path.hear(read_run(open_together(trace), known, variant or ""))
    if mtu is not None:
        path.take({"mss": mtu - HEADERS}, "given")
    if given.get("mss") is not None:
        path.take({"mss": given["mss"]}, "given")
    path.take(options.values(given, float(path.known["mss"]), NAMES, path.known), "given")
    if given.get("path_rate") is not None and options.in_bits(given["path_rate"]):
        path.sources["path_rate"] = LINK
    return path


def _as_option(message: str) -> str:
    """The message of a scenario with the field's name as the option that sets it."""
    field, colon, rest = message.partition(":")
    known = field in SET or field == "host"
    return f"--{options.name_of(field, NAMES)}:{rest}" if known and colon else message


def advised(found: Prediction, direction: str | None, path: Path, guessed: bool = False) -> Card:
    """The card, of which the text shows the words and JSON the numbers."""
    from tunbp.prediction.card import card
    from tunbp.prediction.sides import EITHER, HERE, THERE

    side = {"upload": HERE, "download": THERE}.get(direction or "", EITHER)
    return card(found, path.told.device if path.told else "", path.program, side, guessed)


def report(console: Console, found: Prediction, advice: Card, path: Path) -> None:
    """Print the verdict, what it stands on, one line per ring size, and the card."""
    from rich.markup import escape

    read = path.told
    console.print(escape(advice.verdict), style="bold")
    for line in advice.basis:
        console.print(escape(line))
    if found.fit is None or found.fit.reproduced:  # rows of constants that do not give the run would only mislead
        console.print(_table(found))
        start = show(float(found.used["warmup"]["value"]), "s", 2)
        console.print(f"Payload rates, as iperf3's. Lost: without the flag, after the first {start}.", style="dim")
    for line in advice.advice:
        console.print(escape(line))
    if path.known["rtt"] == 0.0:
        console.print(f"No delay was added: an RTT of {show(found.used['rtt']['value'], 's')} is simulated.")
    console.print(escape(" ".join((_used_line(found), *(f"Note: {note}." for note in found.notes)))), style="dim")
    if read:
        console.print(escape(str(read)), style="dim")


def _table(found: Prediction) -> Table:
    """Rate, ping and drops by ring, 80 columns at most."""
    from rich import box
    from rich.table import Table

    from tunbp.prediction.card import LEAST_SHOWN

    sizes = [int(ring) for ring in found.draws["ring"].to_numpy()]
    rates = {variant: [found.quantiles("received_rate", n, variant) for n in sizes] for variant in WORDS}
    unit, size = _common_unit([q for row in rates.values() for q in row])
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    heads = (
        "ring",
        *(f"{WORDS[variant]}\n{unit} (90 %)" for variant in rates),
        "ping,\nms",
        "with the\nflag, ms",
        "lost",
    )
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for place, ring in enumerate(sizes):
        cells = [str(ring)]
        for row in rates.values():
            q = row[place]
            ends = show_range(q["low90"] / size, q["high90"] / size, "1")
            cells.append(f"{significant(q['median'] / size, 3)} ({ends})")
        cells += [significant(found.quantiles("latency", ring, v)["median"] * 1e3, 3) for v in rates]
        dropped = found.quantiles("drop_fraction", ring, "stock")["median"]
        cells.append("< 0.01 %" if 0.0 < dropped < LEAST_SHOWN else percent(dropped, 2))
        table.add_row(*cells, style="bold" if ring == found.ring else None)
    return table


def _common_unit(quantiles: Sequence[Mapping[str, float]]) -> tuple[str, float]:
    """The unit of a table of rates and its size in bit/s: the one that suits the largest median."""
    name = show(max(q["median"] for q in quantiles), "bit/s", 3).split()[1]
    return name, KINDS["bit/s"].sizes[name]


def _used_line(found: Prediction) -> str:
    """What was taken as known, and what was not."""
    from tunbp.prediction.phrases import words

    def said(name: str, value: Any) -> str:
        if isinstance(value, str | bool):
            return f"{words(name)} {value if isinstance(value, str) else 'yes' if value else 'no'}"
        unit = FIELDS[name].units or "1"
        if unit == "packet/s" and name != "drain_rate":
            payload = show(float(value) * 8.0 * float(found.used["mss"]["value"]), "bit/s", 3)
            return f"{words(name)} {show(float(value), unit)} (payload {payload})"
        return f"{words(name)} {show(float(value), '%' if unit == '1' and not FIELDS[name].integer else unit)}"

    taken = {n: row["value"] for n, row in found.used.items() if n not in found.unknown and row["source"] != "default"}
    full = [] if math.isinf(found.at_most) else [f"a processor is full at {show(found.at_most, 'bit/s', 3)}"]
    known = [said(n, value) for n, value in taken.items() if not (full and n in ("drain_rate", "ack_cost"))] + full
    hosts = any(prior.kind == "drawn" for prior in found.unknown.values())
    origin = "the host's posterior" if hosts else "priors"
    size = found.draws.sizes["draw"]
    drawn = f"From {origin} ({size} draws): {len(found.unknown)} constants, see --json."
    return f"Known: {', '.join(known) or 'nothing'}. {drawn}"


def draw(found: Prediction, target: File) -> None:
    """Draw rate and ping over txqueuelen with their 50 and 90 % intervals to a file."""
    import matplotlib.pyplot as plt

    from tunbp.plots.fans import fans
    from tunbp.plots.saving import save

    figure = fans(found.draws, found.ring, found.used)
    save(figure, target)
    plt.close(figure)
