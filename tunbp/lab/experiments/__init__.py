"""The experiments of the live lab: each module measures one cell once.

A module offers `measure(cell, backpressure, folder) -> dict`: it makes its own namespaces, leaves the raw
outputs in `folder`, and returns totals under the schema's names in SI units together with the flags that the
kernel echoed.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

Measure = Callable[[Mapping[str, Any], bool, Path], dict[str, Any]]
NAMES = ("ring", "openvpn", "forward", "pktgen")


def experiment(name: str) -> Measure:
    """The `measure` function of one experiment, imported when asked for."""
    return cast(Measure, importlib.import_module(f"{__name__}.{name}").measure)
