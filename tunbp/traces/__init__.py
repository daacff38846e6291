"""Measurement files of any tool as Datasets in the common schema, judged before they are believed."""

from tunbp.traces.opening import open_together, open_trace, open_traces
from tunbp.traces.saving import save
from tunbp.traces.snapshots import difference

__all__ = ["difference", "open_together", "open_trace", "open_traces", "save"]
