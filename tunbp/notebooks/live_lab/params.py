"""Parameters of this notebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from tunbp.run.params import SEEDS, Count, InputPath, NotebookParams


class Params(NotebookParams):
    """Runs measured on a live kernel against the model's prediction."""

    small: ClassVar[Mapping[str, Any]] = {"seeds": 1, "draws": 8}

    lab_dir: InputPath | None = Field(
        default=None, description="folder written by `tunbp lab run`; null: the bundled measurements"
    )
    seeds: Count = Field(default=5, description=SEEDS)
    draws: Annotated[int, Field(ge=8, le=65536)] = Field(
        default=64, description="draws of each predictive interval, a power of two from 8 on"
    )
