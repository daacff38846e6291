"""Typed parameters of the notebooks, checked before anything runs.

One model per notebook, `Params` in its folder `tunbp/notebooks/<name>/`. The same rules hold for
`papermill -f FILE`, `papermill -p NAME VALUE`, `tunbp reproduce --params FILE` and a notebook opened in
JupyterLab: `check` in the cell after the parameters reads the values back from the notebook, `load` reads a YAML
file. All quantities are in SI units. What a parameter that is a scenario's field may be, and its default where the
notebook has none of its own, comes from that field's row (`of`, `Allowed`).
"""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from tunbp.errors import ParamsError
from tunbp.model import fields
from tunbp.model.fields import FIELDS
from tunbp.project import project_root
from tunbp.yaml_file import read_mapping, shown


def _output_folder(value: Any) -> Any:
    if isinstance(value, str) and (not value.strip() or "\0" in value):
        raise ValueError("must be the name of a folder")
    return project_root() / value if isinstance(value, (str, Path)) else value


def _input_path(value: Any) -> Any:
    if not isinstance(value, str) or not value.strip():
        return value
    # as typed if it is there, else inside the project: JupyterLab works in notebooks/, papermill anywhere
    for path in (value, str(project_root() / value)):
        if os.path.exists(path):  # unlike Path.exists, it raises nothing for names that are too long
            return Path(path)
    raise ValueError("no such file or folder")


OutputFolder = Annotated[Path, BeforeValidator(_output_folder)]
InputPath = Annotated[Path, BeforeValidator(_input_path)]


@dataclass(frozen=True)
class Allowed:
    """What a scenario field's row allows, as pydantic takes it: ``Annotated[int, Allowed("ring")]``.

    Attributes
    ----------
    field
        Name of the field.
    zero
        Whether zero stands for "nothing of it" where the field itself must be above it.
    """

    field: str
    zero: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """The type with the bounds of a number, or the check of a name."""
        row = FIELDS[self.field]
        if row.switch:
            return handler(source)
        if row.choices:
            return handler(Annotated[source, AfterValidator(self._known)])
        high = row.high if math.isfinite(row.high) else None
        if self.zero:
            return handler(Annotated[source, Field(ge=0.0, le=high), AfterValidator(self._in_range)])
        bounds = Field(ge=row.low, le=high) if row.closed else Field(gt=row.low, le=high)
        return handler(Annotated[source, bounds])

    def _in_range(self, value: float) -> float:
        row = FIELDS[self.field]
        if value and not row.holds(value):
            raise ValueError(f"must be 0 or {row.allowed}")
        return value

    def _known(self, name: str) -> str:
        if name not in FIELDS[self.field].choices:
            raise ValueError(f"must be one of {FIELDS[self.field].allowed}")
        return name


def of(name: str, default: Any = ..., words: str = "", zero: bool = False) -> Any:
    """A parameter that is a field of a scenario: its default unless another is given, and what its row says of it.

    Parameters
    ----------
    name
        Name of the field.
    default
        The notebook's own; a list holds one or more.
    words
        What it is here, where the field's own words do not fit.
    zero
        As of `Allowed`.

    Returns
    -------
    Any
        A pydantic `Field`.
    """
    row = FIELDS[name]
    several = isinstance(default, list)
    return Field(
        default=row.default if default is ... else default,
        description=_described(row, words or row.long_name, several, zero),
        min_length=1 if several else None,
    )


def _described(row: fields.Field, words: str, several: bool, zero: bool) -> str:
    """Words, unit and what is allowed: ``reader speed [packet/s], more than 0``."""
    if row.choices:
        return f"{words}: {row.allowed}"
    unit = f" [{row.units}]" if row.units not in ("", "1") else ""
    each = f"{'each ' if several else ''}{'0 or ' if zero else ''}"
    low, high = fields.exact(row.low), fields.exact(row.high)
    if math.isinf(row.high):
        return f"{words}{unit}, {each}{f'{low} or more' if row.closed else f'more than {low}'}"
    return f"{words}{unit}, {each}{f'{low} to' if row.closed else f'more than {low}, at most'} {high}"


Ring = Annotated[int, Allowed("ring")]
Rtt = Annotated[float, Allowed("rtt", zero=True)]
Streams = Annotated[int, Allowed("streams")]
Qdisc = Annotated[str, Allowed("qdisc")]
Duration = Annotated[float, Allowed("duration")]
Count = Annotated[int, Field(ge=1, le=4096)]
Tunnel = Literal["OpenVPN", "wireguard-go"]
Device = Literal["tap", "tap+vhost-net"]

SEEDS = "how many seeds each scenario is repeated with, 1 or more"


class NotebookParams(BaseModel):
    """Parameters that every notebook has; each notebook's own model adds to them.

    Attributes
    ----------
    small
        Values with which the notebook runs in seconds and still writes everything: its test uses them.
    minutes
        About how long it takes one core with its own values: a batch begins the longest first.
    """

    small: ClassVar[Mapping[str, Any]] = {}
    minutes: ClassVar[float] = 0.2

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, validate_default=True)

    out_dir: OutputFolder = Field(
        default=Path("results"), description="folder for figures and tables, relative to the project"
    )
    save_figures: bool = Field(default=True, description="true: write the figures; false: only show them")


def model(notebook: str) -> type[NotebookParams] | None:
    """Return the parameter model of a notebook: `Params` of its folder in `tunbp/notebooks`, found by its name.

    Parameters
    ----------
    notebook
        Name of the notebook without `.ipynb`; the number it may start with is for its place in a list only.

    Returns
    -------
    None if the notebook has no folder there.
    """
    folder = folder_of(notebook)
    name = f"tunbp.notebooks.{folder}.params"
    if not folder.isidentifier() or importlib.util.find_spec("tunbp.notebooks." + folder) is None:
        return None
    found: type[NotebookParams] = importlib.import_module(name).Params
    return found


def folder_of(notebook: str) -> str:
    """Name of a notebook without its number, `"01_openvpn_throughput"` -> `"openvpn_throughput"`.

    Parameters
    ----------
    notebook
        Its name.

    Returns
    -------
    str
        Name of its folder in `tunbp/notebooks`.
    """
    return re.sub(r"^\d+_", "", notebook)


def check(notebook: str, namespace: Mapping[str, Any]) -> NotebookParams:
    """Check the parameters of a running notebook: `p = check("01_openvpn_throughput", globals())`.

    Stands in the cell right after the one tagged `parameters`, where papermill puts the values it was given.

    Parameters
    ----------
    notebook
        Name of the notebook without `.ipynb`.
    namespace
        `globals()` of the notebook, or a plain mapping of parameter to value.

    Returns
    -------
    NotebookParams
        The model's values, frozen; quantities in SI units, `out_dir` an absolute path.

    Raises
    ------
    ParamsError
        If a parameter is unknown, missing, of the wrong type or out of range.
    """
    names = set(_model(notebook).model_fields)
    if missing := sorted(names - namespace.keys()):
        raise ParamsError(
            f"notebook {notebook}: parameter {missing[0]!r} is not set; "
            f"its parameters cell must set {', '.join(sorted(names))}"
        )
    running = "__name__" in namespace  # else a plain mapping, in which everything is meant as a parameter
    given = _cell_names(namespace.get("In", ()), names) | names if running else set(namespace)
    return validate(notebook, {name: namespace.get(name) for name in sorted(given)}, f"notebook {notebook}")


def validate(notebook: str, values: Mapping[str, Any], source: str) -> NotebookParams:
    """Check values against the model of a notebook; parameters left out keep their defaults.

    Parameters
    ----------
    notebook
        Name of the notebook without `.ipynb`.
    values
        Parameter to value, as read from YAML or from a notebook.
    source
        What the message names as the place of the mistake: a file, a notebook.

    Returns
    -------
    NotebookParams
        The values as the notebook's `Params`.

    Raises
    ------
    ParamsError
        Naming source, parameter, value and what is allowed; one line per mistake.
    """
    rules = _model(notebook)
    try:
        return rules.model_validate(dict(values))
    except ValidationError as error:
        raise ParamsError("\n".join(_explain(rules, item, source) for item in error.errors())) from None


def load(path: Path | str, notebook: str | None = None) -> tuple[str, dict[str, Any]]:
    """Read and check a parameter file.

    The file holds nothing but parameters, so that `papermill -f` takes it as it is; a comment in its first
    lines, `# notebook: NAME`, says which notebook they are for.

    Parameters
    ----------
    path
        YAML file.
    notebook
        Name of the notebook; may be left out when the file says it.

    Returns
    -------
    tuple of str and dict
        Name of the notebook, and the values as written in the file (checked).

    Raises
    ------
    ParamsError
        If the file cannot be read, is not a mapping, names another notebook or holds a wrong value.
    """
    path = Path(path)
    text, values = read_mapping(path)
    said = named_notebook(text)
    if said and notebook and said != notebook:
        raise ParamsError(f"{path}: is for notebook {said}, not for {notebook} (comment '# notebook: {said}')")
    name = notebook or said
    if not name:
        raise ParamsError(
            f"{path}: which notebook is it for? Start the file with '# notebook: NAME', or name one notebook"
        )
    if model(name):
        validate(name, values, str(path))
    return name, values


def named_notebook(text: str) -> str | None:
    """Name of the notebook that a parameter file says it is for, in a comment `# notebook: NAME`.

    Parameters
    ----------
    text
        Content of a YAML file.

    Returns
    -------
    str | None
        Name without `.ipynb`; None if it names none.
    """
    for line in text.splitlines():
        if found := re.fullmatch(r"#\s*notebook:\s*(\S+?)(?:\.ipynb)?\s*", line):
            return found[1]
        if line.strip() and not line.startswith("#"):
            break
    return None


def cell_values(source: str) -> dict[str, Any] | None:
    """Names and literal values that a parameters cell sets; None if it does anything but set names.

    Parameters
    ----------
    source
        Python source of the cell. A value that is not a literal is given as `...`.

    Returns
    -------
    dict[str, Any] | None
        Name to value.
    """
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return None
    values: dict[str, Any] = {}
    for statement in body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                values[name] = _literal(value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                values[name] = _literal(value)
            case ast.Expr(value=ast.Constant()):
                continue
            case _:
                return None
    return values


def _literal(value: ast.expr) -> Any:
    try:
        return ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return ...


def _cell_names(history: Any, known: set[str]) -> set[str]:
    """Names set by the parameter cells that ran right before the current one (IPython's `In`)."""
    names: set[str] = set()
    for source in reversed(list(history)[:-1]):
        values = cell_values(str(source))
        # papermill starts the cell it injects with this comment
        if values is None or not (values.keys() & known or str(source).startswith("# Parameters")):
            break
        names |= values.keys()
    return names


def _model(notebook: str) -> type[NotebookParams]:
    found = model(notebook)
    if found is None:
        folders = sorted(path.parent.name for path in (Path(__file__).parents[1] / "notebooks").glob("*/params.py"))
        raise ParamsError(f"no notebook {notebook!r} has typed parameters; known: {', '.join(folders)}")
    return found


def _explain(model: type[NotebookParams], error: Any, source: str) -> str:
    """One line for one mistake: where, which parameter, its value, why, and what is allowed."""
    name = str(error["loc"][0])
    place = name + "".join(f"[{part}]" for part in error["loc"][1:] if isinstance(part, int))
    value = error["input"]
    if error["type"] == "extra_forbidden":
        close = difflib.get_close_matches(name, model.model_fields, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        return f"{source}: unknown parameter {name!r}; {hint}known: {', '.join(sorted(model.model_fields))}"
    reason = error["msg"].replace("Input should be", "must be").removeprefix("Value error, ")
    reason = reason.replace("an instance of Path", "text")
    if isinstance(value, str) and error["type"] in {"int_type", "float_type"}:
        reason = _text_number(value, whole=error["type"] == "int_type") or reason
    allowed = model.model_fields[name].description
    return f"{source}: {place} = {shown(value)}: {reason}. Allowed: {allowed}"


def _text_number(text: str, *, whole: bool) -> str | None:
    """Say how to write a number that YAML read as text; None if it is no number."""
    try:
        number = float(text.replace("_", ""))
    except ValueError:
        return "this is text, not a number; write the number alone, in SI units" if text[:1].isdigit() else None
    if whole and number.is_integer() and abs(number) < 1e15:
        return f"YAML reads {text} as text, not as a number; write {int(number)}"
    mantissa, _, exponent = text.strip().lower().partition("e")
    if not exponent:
        return f"this is text, not a number; write {number!r} without quotes"
    mantissa = mantissa if "." in mantissa else f"{mantissa}.0"
    sign = exponent if exponent[:1] in "+-" else f"+{exponent}"
    return f"YAML reads {text} as text, not as a number; write {mantissa}e{sign} (with a point and a signed exponent)"
