"""Parameters of this notebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from tunbp.evidence.prediction_bounds import DRAWS
from tunbp.run.params import NotebookParams

Source = Literal["native", "external", "paper", "emulated", "wireguard"]
Host = Literal["path-openvpn", "path-wireguard", "lab-openvpn", "lab-wireguard"]


class Params(NotebookParams):
    """How well predictions cover, and what the rows say of each constant."""

    minutes: ClassVar[float] = 1.5
    small: ClassVar[Mapping[str, Any]] = {
        "sources": ["paper"],
        "hosts": ["path-openvpn"],
        "draws": 8,
        "posterior_draws": 32,
        "truths": 20,
        "pool": 64,
    }

    sources: list[Source] = Field(
        default=["native", "external", "paper", "emulated", "wireguard"], min_length=1,
        description="sets of runs to predict: native, external, paper, emulated, wireguard",
    )  # fmt: skip
    hosts: list[Host] = Field(
        default=["path-openvpn"], min_length=1,
        description="hosts of the paper to infer: path-openvpn, path-wireguard, lab-openvpn, lab-wireguard",
    )  # fmt: skip
    draws: Annotated[int, Field(ge=8, le=65536)] = Field(
        default=DRAWS, description="draws of each prediction, a power of two from 8 on"
    )
    posterior_draws: Annotated[int, Field(ge=32, le=65536)] = Field(
        default=32, description="draws of each posterior, a power of two from 32 on"
    )
    truths: Annotated[int, Field(ge=10, le=10000)] = Field(
        default=200, description="simulated data sets of the test with known truths, 10 or more"
    )
    pool: Annotated[int, Field(ge=64, le=65536)] = Field(
        default=8192, description="draws of the prior that they share and a posterior begins with: a power of two"
    )
    seed: Annotated[int, Field(ge=0)] = Field(default=0, description="seed of all draws, 0 or more")
