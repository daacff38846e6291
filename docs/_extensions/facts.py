"""Pages and tables written from the library itself before a build, into docs/generated/: one fact in one place."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from tunbp.quantities import show
from tunbp.sources import linked

DOCS = Path(__file__).parent.parent
ROOT = DOCS.parent
GENERATED = DOCS / "generated"


CHECK_SECONDS = {"claims": "2 s", "validation": "1 min", "predictions": "a minute or two"}
"""Time of each part of `tunbp check` on two free cores, kernels ready; of the last by notebook 09."""


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Write a Markdown table; bars and line ends inside cells are kept from ending them."""
    lines = [[linked(str(cell), "markdown").replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in [list(head), ["---"] * len(head), *lines]) + "\n"


def drivers() -> str:
    """Write one row per kernel version."""
    from tunbp.model.drivers import DRIVERS

    def words(rule: Any) -> str:
        return str(rule.name).lower().replace("_", " ")

    rows = [
        (
            f"`{name}`",
            row.date,
            row.note,
            row.stops or "never",
            words(row.wake),
            row.fails,
            row.lock,
            row.source,
            row.flag,
        )
        for name, row in DRIVERS.items()
    ]
    return table(
        ("version", "date", "note", "stops", "wakes", "a failed insertion", "transmits", "source", "flag"), rows
    )


def qdiscs() -> str:
    """Write one row per qdisc, and what those need that are not simulated."""
    from tunbp.model.qdiscs import NOT_SIMULATED, QDISCS

    def limit(name: str) -> str:
        row = QDISCS[name]
        of_each = "" if row.flow_limit is None else f", {row.flow_limit:g} of a flow"
        return "" if not row.attached else "txqueuelen" if row.limit is None else f"{row.limit:g}{of_each}"

    def more(name: str) -> str:
        row = QDISCS[name]
        said = {"paces local TCP": row.paces, "cuts GSO packets": row.splits, "shapes (`qdisc_rate`)": row.shapes}
        return ", ".join(words for words, true in said.items() if true)

    rows = [
        (
            f"`{name}`",
            limit(name),
            "per flow" if row.fair else "",
            "yes" if row.codel else "",
            more(name),
            row.source,
            row.note,
        )
        for name, row in QDISCS.items()
    ]
    others = "; ".join(f"`{name}`: {why}" for name, why in NOT_SIMULATED.items())
    head = ("qdisc", "packets it holds", "queues", "CoDel", "what else it does", "source", "note")
    return f"{table(head, rows)}\nMeasured in the laboratory, and not simulated: {others}.\n"


def controls() -> str:
    """Write one row per congestion control."""
    from tunbp.model.congestion import CONTROLS

    rows = [
        (
            f"`{name}`",
            row.label,
            f"{row.beta:g}" if row.beta < 1.0 else "does not answer to loss",
            f"{row.power:g}" if row.beta < 1.0 else "",
            "yes" if row.hystart else "",
            "yes" if row.paced else "",
        )
        for name, row in CONTROLS.items()
    ]
    return table(("name", "control", "beta", "m", "HyStart", "paces"), rows)


def fields() -> str:
    """Write one row per field of a scenario."""
    from tunbp.model.fields import FIELDS

    def default(value: Any) -> str:
        return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)

    rows = [(f"`{name}`", default(row.default), row.units, row.allowed, row.meaning) for name, row in FIELDS.items()]
    return table(("field", "default", "unit", "allowed", "meaning"), rows)


def hosts() -> str:
    """Write the constants of every host with interval and source."""
    from tunbp.model import hosts as known

    rows = []
    for host, entry in known.table().items():
        for part in known.PARTS:
            for field, row in entry.get(part, {}).items():
                ends = known.interval(host, field) if part == "inferred" else row.get("interval", ())
                source = row.get("source") or f"inferred from {', '.join(row.get('rows', []))}"
                rows.append(
                    (f"`{host}`", f"`{field}`", row["value"], " to ".join(f"{end:.4g}" for end in ends), source)
                )
    return table(("host", "constant", "value", "90 % interval", "source"), rows)


def parameters() -> str:
    """Write the parameters of every notebook."""
    from tunbp.run import params

    parts = []
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        if (model := params.model(path.stem)) is None:
            continue
        rows = [
            (f"`{field}`", f"`{json.dumps(info.default, default=str)}`", info.description)
            for field, info in model.model_fields.items()
        ]
        parts.append(f"### {path.stem}\n\n{model.__doc__}\n\n{table(('parameter', 'default', 'meaning'), rows)}")
    return "\n".join(parts)


def formats() -> str:
    """Write one row per format of measurement files."""
    from tunbp.traces.formats import READERS

    rows = [(row.name, row.commands, row.versions, row.gives, row.role) for row in READERS]
    return table(("tool", "commands and files", "versions", "what is read", "role in a folder"), rows)


def findings() -> str:
    """Write what the findings of each check mean."""
    from tunbp.traces.checks import MEANINGS

    return table(("check", "what a finding means"), [(f"`{name}`", text) for name, text in MEANINGS.items()])


def limits() -> str:
    """Write what may have held the rate of a measured run."""
    from tunbp.traces.limit import NAMES

    return table(("limit", "when it is named"), NAMES.items())


def experiments() -> str:
    """Write what the laboratory can measure."""
    from tunbp.lab.experiments import EXPERIMENTS

    rows = [(f"`{name}`", row.question, ", ".join(row.needs)) for name, row in sorted(EXPERIMENTS.items())]
    return table(("experiment", "question", "needs"), rows)


def appendix() -> str:
    """Write the major claims: what is claimed, the command that shows it, time, tolerance, whether it is met."""
    import yaml

    from tunbp.evidence.prediction_bounds import PROMISES
    from tunbp.evidence.validation import BOUNDS

    entries = yaml.safe_load((ROOT / "data" / "claims.yaml").read_text(encoding="utf-8"))
    others = Counter(entry["verdict"] for entry in entries if entry["kind"] != "our_question")
    told = ", ".join(f"{number} {verdict}" for verdict, number in others.most_common())
    claims = [(f"published statements, recomputed from published values: {told}", "claims", "each its own", True)]
    claims += [(f"{row.what} error of the model", "validation", f"{row.limit:.0%}", row.met) for row in BOUNDS]
    claims += [(row.bound, "predictions", f"{row.low:g} to {row.high:g}", row.met) for row in PROMISES]
    rows = [
        (f"C{number}", claim, f"`tunbp check --{part}`", CHECK_SECONDS[part], tolerance, "yes" if met else "no")
        for number, (claim, part, tolerance, met) in enumerate(claims, 1)
    ]
    return table(("", "claim", "command", "time", "tolerance", "met"), rows)


def speed() -> str:
    """Write the recorded speed of the engines."""
    rows = json.loads((ROOT / "benchmarks" / "speed.json").read_text(encoding="utf-8"))
    lines = [(row["name"], f"{row['value']:g} {row['unit']}", row["target"]) for row in rows]
    return f"Machine: {rows[0]['machine']}.\n\n" + table(("what", "measured", "bound"), lines)


def peers() -> str:
    """Write the recorded ratios to other simulators."""
    rows = json.loads((ROOT / "benchmarks" / "peers" / "peers.json").read_text(encoding="utf-8"))
    lines = [
        (row["scenario"], row["peer"], row["engine"], f"{row['ratio']:,.0f}", row["peer finds"], row["tunbp finds"])
        for row in rows
    ]
    head = ("scenario", "peer", "engine", "ratio", "peer finds", "tunbp finds")
    return f"Machine: {rows[0]['machine']}.\n\n" + table(head, lines)


def bounds() -> str:
    """Write the bounds on the model's error and whether they are met."""
    from tunbp.evidence.validation import BOUNDS

    rows = [(row.what, f"{row.limit:.0%}", "yes" if row.met else "no", row.why) for row in BOUNDS]
    return table(("bound on the relative error", "limit", "met", "why not"), rows)


def prediction_bounds() -> str:
    """Write the bounds on the intervals of predictions and whether they are met."""
    from tunbp.evidence.prediction_bounds import PROMISES

    rows = [(row.bound, f"{row.low:g} to {row.high:g}", "yes" if row.met else "no", row.why) for row in PROMISES]
    return table(("bound on predictions", "allowed", "met", "why not"), rows)


def products() -> str:
    """Write the programs that predictions know, and what is taken of the speed of each where nobody says it."""
    from tunbp.infer import priors
    from tunbp.prediction.products import product
    from tunbp.quantities import show

    rows = []
    for name in priors.products():
        speed = priors.priors(name)["drain_rate"]
        low, middle, high = (show(speed.first * speed.second**end, "packet/s", 2) for end in (-1, 0, 1))
        rows.append((f"`{name}`", product(name).title, middle, f"{low} to {high}", speed.source))
    return table(("`--product`", "program", "speed of its reader", "90 %", "source"), rows)


def figure_map() -> str:
    """Write figure -> command -> time -> disk of the run in `results/`, and on what machine it was."""
    results = ROOT / "results"
    states = {path.stem: json.loads(path.read_text()) for path in sorted((results / ".state").glob("[0-9]*.json"))}
    if not states:
        return "`results/` is empty: run `make reproduce` before `make docs` to see the map here.\n"
    rows = []
    for name, state in states.items():
        made = [path for path in sorted(state["outputs"]) if path.startswith(("figures/", "tables/"))]
        named = sorted({f"`{Path(path).stem}`" for path in made})
        size = sum((results / path).stat().st_size for path in state["outputs"] if (results / path).exists())
        command = f"`tunbp reproduce {name.partition('_')[0]}`"
        rows.append((name, command, f"{state['seconds']:.0f} s", show(size, "byte", 2), ", ".join(named)))
    machine = json.loads((results / "environment.json").read_text())
    libraries = ", ".join(f"{name} {number}" for name, number in machine["versions"].items() if name != "python")
    where = (
        f"Measured on {machine['cpus']} processors ({machine['cpu']}), {show(machine['memory_bytes'], 'byte', 2)} of "
        f"memory, {machine['operating_system']}, Linux {machine['kernel']}, Python {machine['versions']['python']} "
        f"({libraries}); as many notebooks at once as there are processors.\n\n"
    )
    return where + table(("notebook", "command", "time", "disk", "figures and tables"), rows)


def claims() -> str:
    """Write how many published claims hold, and those that no published number can check."""
    import yaml

    entries = yaml.safe_load((ROOT / "data" / "claims.yaml").read_text(encoding="utf-8"))
    count = Counter(entry["verdict"] for entry in entries)
    words = ", ".join(f"{number} {verdict}" for verdict, number in count.most_common())
    rows = [(entry["text"], entry["source"], entry["why"]) for entry in entries if entry["verdict"] == "not checkable"]
    return f"{len(entries)} published claims: {words}.\n\n{table(('not checkable', 'source', 'why'), rows)}"


def coverage() -> str:
    """Write what of everything published is reproduced, quoted, known in words only, or not read."""
    from tunbp.evidence import coverage as known

    every = known.coverage()
    counts = known.counts(every)
    told = table(("", "means", "figures and tables", "rows"), [tuple(map(str, row)) for row in counts.to_numpy()])
    rows = [
        (row["status"], f"{row['what']} ({row['source_id']}{_rows_read(row)})",
         " ".join(filter(None, [f"`{row['command']}`" if row["command"] else "", _linked_addresses(row["note"])])))
        for row in every.to_dict("records")
    ]  # fmt: skip
    return f"{told}\n\n{table(('state', 'what, source, rows read', 'command and note'), rows)}"


def _rows_read(row: Mapping[Hashable, Any]) -> str:
    return f"; {row['read']} of {row['rows']}" if row["rows"] else ""


def _linked_addresses(text: str) -> str:
    """Addresses as links with a short text: they have no place to break."""
    return re.sub(r"https://\S+", lambda found: f"[{found[0].split('/')[2]}]({found[0]})", text)


def headlines() -> str:
    """Write the findings that the results page opens with, each linked to its figure, its table and the messages."""
    found = []
    for path in sorted((ROOT / "results" / "numbers").glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        found += [entry | {"run": path.stem} for entry in record.get("findings", [])]
    if not found:
        return "`results/` is empty: run `make reproduce` before `make docs` to see the findings here.\n"
    lines = []
    for entry in sorted(found, key=lambda entry: entry["place"]):
        links = [f"[figure](#figure-{entry['figure']})"] if entry["figure"] else []
        table = ROOT / "results" / "tables" / f"{entry['table']}.csv"
        if entry["table"] and table.exists():
            (GENERATED / "tables").mkdir(exist_ok=True)
            shutil.copy(table, GENERATED / "tables" / table.name)
            links.append(f"{{download}}`data <generated/tables/{table.name}>`")
        links.append(f"{{doc}}`notebook </generated/notebooks/{entry['run']}>`")
        links += [
            f"[{name}, {told['what']}]({told['link']})" for name, told in entry["sources"].items() if told["link"]
        ]
        words = " ".join(linked(entry[part], "markdown") for part in ("sentence", "detail"))
        lines.append(f"1. **{entry['number']}** {words}\n\n   {' · '.join(links)}\n")
    return "\n".join(lines) + "\n"


def card() -> str:
    """Write the advice of notebook 06 as it was given, one sentence a line."""
    from tunbp.notebooks.your_path.figures import TEXTS

    path = ROOT / "results" / "figures" / "your_path.json"
    if not path.exists():
        return "`results/` is empty: run `make reproduce` before `make docs` to see a card here.\n"
    advice = json.loads(path.read_text(encoding="utf-8"))["caption"].replace(TEXTS["your_path"].caption, "")
    lines = "\n".join(f"> - {line.strip()}" for line in advice.splitlines() if line.strip())
    notebook = "{doc}`the notebook with its figure, and with sliders in JupyterLab </generated/notebooks/06_your_path>`"
    return f"{lines}\n\nFrom {notebook}.\n"


def gallery() -> str:
    """Write a card per figure of `results/`, which `make reproduce` wrote; a sentence where there is none."""
    from tunbp.plots.style import COLUMN_WIDTH
    from tunbp.plots.texts import opening
    from tunbp.results.output import NARROW

    records = _by_notebook(ROOT / "results")
    if not records:
        return "`results/` is empty: run `make reproduce` before `make docs` to see the figures here.\n"
    cards = []
    (GENERATED / "figures").mkdir(exist_ok=True)
    for path in records:
        record = json.loads(path.read_text(encoding="utf-8"))
        picture = path.with_suffix(".png")
        if not picture.exists():
            continue
        narrow = path.with_suffix(f".{NARROW}")
        shown = {picture.name: "wide-screen", narrow.name: "phone"} if narrow.exists() else {picture.name: "any-screen"}
        for name in shown:
            shutil.copy(path.parent / name, GENERATED / "figures" / name)
        wide = ":columns: 12\n" if record["width"] > COLUMN_WIDTH else ":columns: 12 6 6 6\n"
        first, more = opening(" ".join(record["caption"].split()))
        # a link to the figure leads to this line above it, as which picture is shown depends on the screen
        alt, above = " ".join(record["alt"].split()), f"`{path.stem}`"
        if (GENERATED / "notebooks" / f"{record['run']}.ipynb").exists():
            above = f"{{doc}}`Notebook <notebooks/{record['run']}>`"
        images = "".join(
            f"```{{image}} figures/{name}\n:alt: {alt}\n:class: {look}\n:target: ../_images/{name}\n```\n\n"
            for name, look in shown.items()
        )
        told = f"```{{dropdown}} How to read it\n{linked(more, 'markdown')}\n```\n" if more else ""
        cards.append(
            f":::{{grid-item-card}} {record['title']}\n{wide}\n(figure-{path.stem})=\n{above}\n\n{images}"
            f"{linked(first, 'markdown')}\n\n{told}\n:::\n"
        )
    return "::::{grid} 12\n:gutter: 3\n\n" + "\n".join(cards) + "\n::::\n"


def _by_notebook(results: Path) -> list[Path]:
    """Records of the figures, in the order of the notebooks and within one as it drew them."""
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((results / "numbers").glob("*.json"))]
    return [results / "figures" / f"{name}.json" for run in runs for name in run["figures"]]


def notebooks() -> str:
    """Copy the executed notebooks of `results/` and list them."""
    executed = sorted((ROOT / "results" / "notebooks").glob("*.ipynb"))
    (GENERATED / "notebooks").mkdir(parents=True, exist_ok=True)
    for path in executed:
        shutil.copy(path, GENERATED / "notebooks" / path.name)
    if not executed:
        return "`results/` is empty: run `make reproduce` before `make docs` to read the executed notebooks here.\n"
    names = "\n".join(f"notebooks/{path.stem}" for path in executed)
    return f"```{{toctree}}\n:maxdepth: 1\n\n{names}\n```\n"


PAGES = {"notebooks": ("Notebooks, executed", notebooks), "gallery": ("Figures", gallery)}
PARTS = {
    "drivers": drivers,
    "qdiscs": qdiscs,
    "controls": controls,
    "fields": fields,
    "hosts": hosts,
    "parameters": parameters,
    "experiments": experiments,
    "formats": formats,
    "findings": findings,
    "limits": limits,
    "bounds": bounds,
    "prediction_bounds": prediction_bounds,
    "products": products,
    "coverage": coverage,
    "figure_map": figure_map,
    "claims": claims,
    "speed": speed,
    "peers": peers,
    "appendix": appendix,
    "headlines": headlines,
    "card": card,
}


def write(_: Sphinx) -> None:
    """Write everything anew, whatever was there."""
    shutil.rmtree(GENERATED / "notebooks", ignore_errors=True)
    shutil.rmtree(GENERATED / "figures", ignore_errors=True)
    shutil.rmtree(GENERATED / "tables", ignore_errors=True)
    GENERATED.mkdir(exist_ok=True)
    for name, (title, make) in PAGES.items():
        (GENERATED / f"{name}.md").write_text(f"# {title}\n\n{make()}", encoding="utf-8")
    for name, make in PARTS.items():
        (GENERATED / f"{name}.inc.md").write_text(make(), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages before the sources are read."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
