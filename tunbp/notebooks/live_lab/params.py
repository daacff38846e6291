"""Parameters of this notebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from tunbp.run.params import SEEDS, Count, InputPath, NotebookParams


class Params(NotebookParams):
    """Runs measured on a live kernel against the model's prediction."""

    small: ClassVar[Mapping[str, Any]] = {"seeds": 1}

    lab_dir: InputPath | None = Field(
        default=None, description="folder written by `tunbp lab run`; null: the bundled measurements"
    )
    seeds: Count = Field(default=5, description=SEEDS)
