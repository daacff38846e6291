"""Write params/NAME.yaml and the parameters cell of every notebook from its `Params` class (`make params`).

The class in tunbp/notebooks/NAME/params.py is where a default, a type and a description are written; this
brings them to the places that papermill and people read.
"""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo

from tunbp.atomic import write_atomically
from tunbp.run.params import NotebookParams, folder_of, model

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 120


def main() -> None:
    """Write every file that differs and name it."""
    for path, text in written().items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            write_atomically(path, text.encode())
            print(path.relative_to(ROOT))


def written() -> dict[Path, str]:
    """Every file as its class says it should be."""
    files = {}
    for notebook in sorted((ROOT / "notebooks").glob("[!_.]*.ipynb")):
        params = model(notebook.stem)
        if params is None:
            sys.exit(f"{notebook.name}: no tunbp/notebooks/{folder_of(notebook.stem)}/params.py")
        files[ROOT / "params" / f"{folder_of(notebook.stem)}.yaml"] = parameter_file(notebook.stem, params)
        files[notebook] = with_cell(notebook, parameters_cell(params))
    return files


def parameter_file(notebook: str, params: type[NotebookParams]) -> str:
    """YAML of all parameters but where results go, each with its description."""
    about = (params.__doc__ or "").strip().splitlines()[0]
    head = f"# notebook: {notebook}\n# {about} The notebook's own values; written by `make params`.\n"
    return head + "".join(
        f"{name}: {_yaml(field.default)}  # {field.description}\n"
        for name, field in params.model_fields.items()
        if name != "out_dir"
    )


def _yaml(value: Any) -> str:
    if isinstance(value, float):
        return _float(value, "+")
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...").strip()


def parameters_cell(params: type[NotebookParams]) -> str:
    """Source of the cell: `name: type = value  # description`, which `papermill --help-notebook` reads."""
    return "\n".join(_line(name, field) for name, field in params.model_fields.items())


def _line(name: str, field: FieldInfo) -> str:
    value = str(field.default) if isinstance(field.default, Path) else field.default
    kind = _kind(field.annotation)
    # papermill knows no `|` in an annotation, only in a type comment
    code, comment = (f"{name}: {kind} = {_python(value)}", "") if "|" not in kind else (
        f"{name} = {_python(value)}", f"type: {kind} ")  # fmt: skip
    words = field.description or ""
    while words and len(code) + len(comment) + len(words) + 4 > WIDTH:
        words = words[: max(words.rfind(sign) for sign in ",;:")].rstrip() if set(words) & set(",;:") else ""
    return f"{code}  # {comment}{words}".rstrip(" #")


def _python(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_python, value))}]"
    if isinstance(value, float):
        return _float(value, "")
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _float(value: float, plus: str) -> str:
    """Shortest text of a number, as 1.81e6; YAML wants a point and a signed exponent: 1.81e+6."""
    mantissa, _, exponent = f"{value:.6g}".partition("e")
    if not exponent or float(f"{value:.6g}") != value:
        return repr(value)
    sign = "-" if exponent.startswith("-") else plus
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{sign}{int(exponent.lstrip('+-'))}"


def _kind(annotation: Any) -> str:
    """Name of a type as people write it: a choice of texts is `str`, a path too."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(inner[0])
    if origin is Literal:
        return type(inner[0]).__name__
    if origin is list:
        return f"list[{_kind(inner[0])}]"
    if origin in (types.UnionType, Union):
        return "|".join(_kind(part) for part in inner)
    return {Path: "str", types.NoneType: "None"}.get(annotation) or str(annotation.__name__)


def with_cell(notebook: Path, source: str) -> str:
    """Text of the notebook file with another parameters cell."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    tagged = [cell for cell in content["cells"] if "parameters" in cell["metadata"].get("tags", ())]
    if len(tagged) != 1:
        sys.exit(f"{notebook.name}: has {len(tagged)} cells tagged `parameters`, needs one")
    tagged[0]["source"] = source.splitlines(keepends=True)
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()
