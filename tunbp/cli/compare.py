"""`tunbp compare`: did a change help? Two measurements, the difference, its interval, a verdict."""

from __future__ import annotations

import json
import math
from pathlib import Path

import click


@click.command()
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of sentences.")
def compare(before: Path, after: Path, as_json: bool) -> None:
    """Compare two traces, or two folders of runs, of one path, before and after a change.

    The interval of one run each knows what varies within the runs only; give folders of three and more runs to know
    what differs from run to run.
    """
    from tunbp.traces import open_trace
    from tunbp.traces.compare import compare as change_of

    found = change_of(open_trace(before), open_trace(after))
    if not as_json:
        click.echo(found)
        return
    interval = found.interval
    ends = {name: None if math.isnan(v := getattr(interval, name)) else v for name in ("low", "high", "level")}
    beside = {name: {"before": b, "after": a, "unit": unit} for name, (b, a, unit) in found.beside.items()}
    record = {"before": found.before, "after": found.after, "change": interval.estimate, **ends, "of": interval.kind}
    click.echo(json.dumps({"schema": 1, **record, "verdict": found.verdict, "beside": beside}, indent=1))
