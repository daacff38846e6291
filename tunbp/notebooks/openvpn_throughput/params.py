"""Parameters of this notebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from tunbp.evidence.openvpn import DRAWS
from tunbp.run.params import SEEDS, Count, Duration, NotebookParams, Ring, Rtt, Tunnel, of


class Params(NotebookParams):
    """The paper's two tables, published against simulated."""

    minutes: ClassVar[float] = 0.7
    small: ClassVar[Mapping[str, Any]] = {
        "rtts": [0.01, 0.02, 0.04, 0.08, 0.12],
        "rings": [5000, 1000, 500, 100, 50, 10],
        "seeds": 2,
        "draws": 4,
        "duration": 10.0,
    }

    tunnels: list[Tunnel] = Field(
        default=["OpenVPN", "wireguard-go"], min_length=1, description="tunnels: OpenVPN, wireguard-go"
    )
    paths: list[Literal["lab", "real"]] = Field(
        default=["lab", "real"], min_length=1, description="which of the paper's tables: lab, real"
    )
    rtts: list[Rtt] = of(
        "rtt",
        [0.01, 0.02, 0.028, 0.03, 0.032, 0.034, 0.036, 0.038, 0.04, 0.045, 0.06, 0.08, 0.1, 0.12],
        "lab: round-trip times",
        zero=True,
    )
    rings: list[Ring] = of(
        "ring", [10, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000, 2000, 5000], "real path: txqueuelen"
    )
    seeds: Count = Field(default=64, description=SEEDS)
    draws: Count = Field(
        default=DRAWS, description="how many draws of the constants' posterior each scenario is simulated with"
    )
    duration: Duration = of("duration", 100.0, "simulated time")
