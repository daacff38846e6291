"""tunbp: what the Linux tun/tap ring does to traffic, and what changes with qdisc backpressure."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# public name -> module; imported on first use, so that `import tunbp` compiles and plots nothing
_PUBLIC = {
    "Scenario": "tunbp.model.scenario",
    "simulate": "tunbp.model.simulate",
    "open_trace": "tunbp.traces",
    "open_traces": "tunbp.traces",
    "TunbpError": "tunbp.errors",
}
__all__ = ["Scenario", "TunbpError", "__version__", "open_trace", "open_traces", "simulate"]

if TYPE_CHECKING:
    from tunbp.errors import TunbpError
    from tunbp.model.scenario import Scenario
    from tunbp.model.simulate import simulate
    from tunbp.traces import open_trace, open_traces


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'tunbp' has no attribute {name!r}")
    value = getattr(importlib.import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
