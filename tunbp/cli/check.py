"""`tunbp check`: the model against published values, predictions of held-out runs, and published claims recomputed."""

from __future__ import annotations

import json
import sys
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import click

from tunbp.quantities import show

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from rich.table import Table

_COLOURS = {
    "holds": "green", "contradicted": "red", "differs": "yellow", "typing error": "yellow", "corrected": "cyan",
    "yes": "green", "no": "yellow", "not checkable": "dim",
}  # fmt: skip
_RELATION = {"": "", "equal": "", "at_least": "≥ ", "at_most": "≤ "}


def _table(title: str, *columns: str) -> Table:
    from rich import box
    from rich.table import Table

    return Table(*columns, title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)


def _numbers(claim: pd.Series[Any]) -> str:
    """Claimed and computed value one below the other, and their difference if it contradicts the claim."""
    unit = str(claim["unit"])
    if not unit:
        return "-"
    lines = [f"claimed {_RELATION[claim['relation']]}{show(claim['claimed'], unit)}"]
    lines.append(f"found {show(claim['computed'], unit)}")
    if claim["verdict"] in ("contradicted", "differs", "typing error"):
        lines.append(f"off by {'+' if claim['difference'] > 0 else ''}{show(claim['difference'], unit)}")
    return "\n".join(lines)


def _claims_table(claims: pd.DataFrame) -> Table:
    from rich.markup import escape

    table = _table("Claims", "claim (source)", "values", "verdict")
    table.padding = (0, 2, 1, 0)
    table.columns[1].no_wrap = table.columns[2].no_wrap = True
    for name, claim in claims.iterrows():
        verdict = str(claim["verdict"])
        shown = f"[{_COLOURS[verdict]}]{verdict}[/]"
        if not claim["agrees"]:
            shown += f"\n[bold red]recorded:\n{claim['recorded']}[/]"
        lines = [f"[bold]{name}[/] ({claim['kind'].replace('_', ' ')}, {claim['source_id']})", escape(claim["text"])]
        if claim["author"]:
            lines.append(f"[italic]{escape(claim['author'])}: {escape(claim['words'])}[/]")
        lines += [escape(claim["correction"])] if claim["correction"] else []
        lines += [f"[dim]rows of another configuration: {escape(claim['differs'])}[/]"] if claim["differs"] else []
        text = "\n".join([*lines, f"[dim]{escape(claim['why'])}[/]"])
        table.add_row(text, _numbers(claim), shown)
    return table


def _sources(*tables: pd.DataFrame) -> dict[str, str]:
    """Each source that any text of the tables names, with its link."""
    from tunbp.sources import cite, named

    texts = [str(value) for table in tables for name in table.select_dtypes(exclude="number") for value in table[name]]
    return {name: cite(name) for name in sorted(named("\n".join(texts)))}


def _show_claims(console: Console, claims: pd.DataFrame) -> None:
    console.print(_claims_table(claims))
    for words in _sources(claims).values():
        console.print(words, soft_wrap=True, highlight=False, markup=False)
    for kind, group in claims.groupby("kind", sort=False):
        found = group["verdict"].value_counts()
        words = ", ".join(f"{found[verdict]} {verdict}" for verdict in _COLOURS if verdict in found)
        console.print(f"{len(group)} of kind {str(kind).replace('_', ' ')}: {words}.")
    for name, claim in claims[~claims["agrees"]].iterrows():
        console.print(f"[bold red]{name}: {claim['verdict']}, recorded {claim['recorded']}[/]")


def _summary_table(summary: pd.DataFrame) -> Table:
    table = _table("Tables", "table", "rows", "seeds", "median", "worst", "worst row", "noise of one value")
    table.columns[5].overflow = "fold"
    for part in summary.to_dict("records"):
        noise = "not repeated" if part["noise"] != part["noise"] else f"{part['noise']:.1%}"
        seeds = "nothing random" if part["seeds"] == 1 else str(part["seeds"])
        errors = f"{part['median']:.1%}", f"{part['worst']:.1%}"
        table.add_row(part["table"], str(part["rows"]), seeds, *errors, part["worst_row"], noise)
    return table


def _show_validation(console: Console, rows: pd.DataFrame, bounds: pd.DataFrame, summary: pd.DataFrame) -> None:
    values = _table("Model against published values", "table", "row", "published", "model", "error", "role")
    for row in rows.to_dict("records"):
        unit = str(row.get("unit", ""))
        numbers = show(row["published"], unit), show(row["model"], unit), f"{row['error']:+.1%}"
        values.add_row(str(row["table"]), str(row["row"]), *numbers, str(row["role"]))
    console.print(values)
    console.print(_summary_table(summary))
    console.print("Errors are absolute; noise: standard deviation of one published value between repetitions.")
    limits = _table("Bounds", "bound", "value", "limit", "met")
    for bound in bounds.to_dict("records"):
        limits.add_row(str(bound["bound"]), f"{bound['value']:.1%}", f"{bound['limit']:.0%}", _met(bound))
    console.print(limits)
    _show_why(console, bounds)


def _show_predictions(console: Console, bounds: pd.DataFrame) -> None:
    table = _table("Predictions of held-out runs", "bound", "runs", "value", "allowed", "met")
    table.columns[-1].no_wrap = True
    for bound in bounds.to_dict("records"):
        shares = str(bound["bound"]).startswith(("held-out", "runs"))
        value, low, high = (f"{bound[key]:.0%}" if shares else f"{bound[key]:.2f}" for key in ("value", "low", "high"))
        table.add_row(str(bound["bound"]), str(bound["cells"]), value, f"{low} to {high}", _met(bound))
    console.print(table)
    from tunbp.evidence.prediction_bounds import NOT_BLIND

    console.print(NOT_BLIND)
    _show_why(console, bounds)


def _met(bound: Mapping[Hashable, Any]) -> str:
    if bound["met"] != bound["recorded"]:
        return f"[bold red]{'yes' if bound['met'] else 'no'}, against the record[/]"
    return "[green]yes[/]" if bound["met"] else "[yellow]no, as recorded[/]"


def _show_why(console: Console, bounds: pd.DataFrame) -> None:
    for bound in bounds[~bounds["met"]].to_dict("records"):
        console.print(f"[bold]{bound['bound']}[/]: {bound['why']}")
    for words in _sources(bounds[~bounds["met"]]).values():
        console.print(words, soft_wrap=True, highlight=False, markup=False)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain JSON, missing numbers as null."""
    loaded: list[dict[str, Any]] = json.loads(table.to_json(orient="records", double_precision=15))
    return loaded


@click.command()
@click.option("--validation", "only_validation", is_flag=True, help="Only the model against published values.")
@click.option("--predictions", "only_predictions", is_flag=True, help="Only the intervals of held-out runs.")
@click.option("--claims", "only_claims", is_flag=True, help="Only the published claims.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def check(only_validation: bool, only_predictions: bool, only_claims: bool, as_json: bool) -> None:
    """Compare the model with published values, count what predictions hold, and recompute published claims.

    Exit status 1 if a claim's verdict differs from the recorded one, or if a bound is met or missed against what
    is recorded of it.
    """
    from rich.console import Console

    result: dict[str, Any] = {}
    console = Console()
    passed = True
    everything = not (only_validation or only_predictions or only_claims)
    if only_validation or everything:
        import tunbp.evidence.validation as validation

        rows, bounds = validation.validate(), validation.bounds()
        summary = validation.summary()
        passed &= bool((bounds["met"] == bounds["recorded"]).all())
        result |= {"validation": _records(rows), "bounds": _records(bounds), "tables": _records(summary)}
        if not as_json:
            _show_validation(console, rows, bounds, summary)
    if only_predictions or everything:
        from tunbp.evidence import prediction_bounds

        promised = prediction_bounds.checked()
        passed &= bool((promised["met"] == promised["recorded"]).all())
        result |= {"predictions": _records(promised)}
        if not as_json:
            _show_predictions(console, promised)
    if only_claims or everything:
        from tunbp.evidence import claims

        checked = claims.check()
        passed &= bool(checked["agrees"].all())
        result |= {"claims": _records(checked.reset_index()), "sources": _sources(checked)}
        if not as_json:
            _show_claims(console, checked)
    if as_json:
        click.echo(json.dumps({**result, "passed": passed}, indent=1, ensure_ascii=False))
    if not passed:
        sys.exit(1)
