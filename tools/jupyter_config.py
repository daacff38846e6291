"""JupyterLab of `make jupyter`: the project's notebooks are saved as git has them, without outputs.

Executed notebooks are in `results/notebooks`; notebooks elsewhere are saved as they are.
"""

from __future__ import annotations

from typing import Any

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def strip(model: dict[str, Any], path: str, **_: Any) -> None:
    """Take out of a notebook about to be saved what running it adds: outputs, counts, state of the browser."""
    if model["type"] != "notebook" or not path.strip("/").startswith("notebooks/"):
        return
    content = model["content"]
    content["metadata"] = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    for cell in content["cells"]:
        cell["metadata"] = {name: value for name, value in cell["metadata"].items() if name == "tags"}
        if cell["cell_type"] == "code":
            cell["outputs"] = []
            cell["execution_count"] = None


if "get_config" in globals():  # read by Jupyter
    c = get_config()  # type: ignore[name-defined] # noqa: F821
    c.FileContentsManager.pre_save_hook = strip
