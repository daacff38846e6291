"""The path of the notebook's parameters, and its prediction as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from tunbp.model.fields import FIELDS
from tunbp.notebooks.your_path.params import Params
from tunbp.plots.tables import text_table
from tunbp.prediction import Prediction
from tunbp.prediction.card import card
from tunbp.prediction.measured import Told, read_run
from tunbp.prediction.path import Path
from tunbp.prediction.unknown import LINK
from tunbp.quantities import significant
from tunbp.traces import open_together

if TYPE_CHECKING:
    from tunbp.results.output import Output


def fields_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of `tunbp.Scenario` among the parameters; null means not known.

    Parameters
    ----------
    values
        Parameters of the notebook by name.

    Returns
    -------
    dict[str, Any]
        SI units.
    """
    return {name: value for name, value in values.items() if name in FIELDS and value is not None and name != "seed"}


def changed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Fields that somebody changed: the notebook's own values are no statement on the path of a trace.

    Parameters
    ----------
    values
        Parameters of the notebook by name.

    Returns
    -------
    dict[str, Any]
        SI units.
    """
    own = Params().model_dump()
    return {name: value for name, value in fields_of(values).items() if value != own[name]}


def told_of(values: Mapping[str, Any]) -> Told | None:
    """What the trace of the parameters says of the path.

    Parameters
    ----------
    values
        Parameters of the notebook by name.

    Returns
    -------
    Told or None
        None without a trace.

    Raises
    ------
    TraceError
        If the trace cannot be read.
    """
    return None if values.get("trace") is None else read_run(open_together(values["trace"]), changed(values))


def path_of(values: Mapping[str, Any], told: Told | None = None, given: Mapping[str, Any] | None = None) -> Path:
    """What the parameters say of the path, as the options of `tunbp predict` would.

    Parameters
    ----------
    values
        Parameters of the notebook by name.
    told
        What `told_of` found.
    given
        Fields that override the trace; None: all without one, else those `changed`.

    Returns
    -------
    Path
        To be predicted by its `predict`.
    """
    path = Path(values["product"])
    if told is not None:
        path.hear(told)
    if given is None:
        given = fields_of(values) if told is None else changed(values)
    path.take(given, "given")
    if "path_rate" in given:
        path.sources["path_rate"] = LINK
    if values.get("measured_rate") is not None:
        path.carried(values["measured_rate"])
    return path


@dataclass(frozen=True)
class Answer:
    """What the notebook says of a path.

    Attributes
    ----------
    path
        What is known of it.
    found
        Its prediction; None where what was measured does not lead to one.
    sentences
        The card, or why there is none.
    """

    path: Path
    found: Prediction | None
    sentences: tuple[str, ...]

    @property
    def shown(self) -> bool:
        """Whether there are rows to show: those of constants that do not give the run would only mislead."""
        return self.found is not None and (self.found.fit is None or self.found.fit.reproduced)


def answer(values: Mapping[str, Any]) -> Answer:
    """What the parameters lead to, by the rules of `tunbp predict`.

    Parameters
    ----------
    values
        Parameters of the notebook by name.

    Returns
    -------
    Answer
        With a prediction, unless a trace says that none follows.
    """
    told = told_of(values)
    path = path_of(values, told)
    if told is not None and told.cannot and values.get("measured_rate") is None:
        return Answer(path, None, told.refusal())
    found = path.predict(values["rings"], int(values["draws"]), int(values["seed"]))
    return Answer(path, found, card(found, told.device if told else "", path.program).sentences)


def table(found: Prediction) -> pd.DataFrame:
    """A prediction as a table for people, one row per txqueuelen: Mbit/s with the 90 % interval, ms of ping.

    Parameters
    ----------
    found
        The prediction.

    Returns
    -------
    pandas.DataFrame
        One row per txqueuelen.
    """
    rows = []
    for ring in map(int, found.draws["ring"].to_numpy()):
        row: dict[str, Any] = {"txqueuelen": ring}
        for variant in map(str, found.draws["variant"].to_numpy()):
            rate = found.quantiles("received_rate", ring, variant)
            for name, level in (("", "median"), (" low", "low90"), (" high", "high90")):
                row[f"{variant}{name} (Mbit/s)"] = rate[level] / 1e6
            row[f"{variant} ping (ms)"] = found.quantiles("latency", ring, variant)["median"] * 1e3
        rows.append(row)
    return pd.DataFrame(rows)


def printed(shown: pd.DataFrame) -> pd.DataFrame:
    """`table` for print: each rate with its interval in one column.

    Parameters
    ----------
    shown
        What `table` returned.

    Returns
    -------
    pandas.DataFrame
        For print.
    """
    found = {"txqueuelen": shown["txqueuelen"]}
    for variant in (name.removesuffix(" ping (ms)") for name in map(str, shown) if name.endswith(" ping (ms)")):
        rates = shown[[f"{variant}{part} (Mbit/s)" for part in ("", " low", " high")]].to_numpy(float)
        words = ["{} ({} to {})".format(*(significant(value, 3) for value in row)) for row in rates]
        found[f"{variant}, 90 % (Mbit/s)"] = pd.Series(words)
        found[f"{variant}, ping (ms)"] = shown[f"{variant} ping (ms)"].map(lambda value: significant(value, 3))
    return pd.DataFrame(found)


def unknowns(found: Prediction) -> pd.DataFrame:
    """What is not known, by the share of the spread that it causes, and what measures it.

    Parameters
    ----------
    found
        The prediction.

    Returns
    -------
    pandas.DataFrame
        One row per unknown, largest share first.
    """
    return pd.DataFrame(found.ranking()).rename(columns={"name": "constant"})


def write(out: Output, told: Answer) -> Any:
    """Write the numbers of an answer: its table, what is not known, and the chance of a gain.

    Parameters
    ----------
    out
        Results of the notebook.
    told
        What `answer` returned.

    Returns
    -------
    Any
        The table as it is shown; None where no prediction follows.
    """
    if not told.shown or told.found is None:
        return None
    rows = table(told.found)
    out.table(rows, "your_path", "Throughput with its 90 % interval and ping under load, by txqueuelen", printed(rows))
    title = "What is not known, by the share of the spread of stock's rate that it causes"
    out.table(unknowns(told.found), "your_path_unknown", title, {"constant": "", "share": ("1", "%"), "measure": ""})
    chance = 100 * told.found.gain()["probability_above_10_percent"]
    out.number("your_path_gain", chance, "%", text="probability of a gain above 10 % at the present ring")
    return text_table(printed(rows))
