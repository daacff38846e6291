"""Measurement files of any tool as Datasets in the common schema, judged before they are believed."""

from tunbp.traces.opening import open_trace, open_traces

__all__ = ["open_trace", "open_traces"]
