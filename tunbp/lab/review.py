"""A reviewer's verdict on two kernels: what differs, and which rules of `IFF_BACKPRESSURE` are broken."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

import xarray as xr

from tunbp.lab.experiments import EXPERIMENTS
from tunbp.lab.kernels import WIDTH, report
from tunbp.lab.ktap import check

COUNTS = ("delivered", "dropped_ring", "send_errors", "softirqs_tx")
"""Compared in every experiment: what a change of stopping and waking shows in. A wake raises a NET_TX softirq."""


def review(first: xr.Dataset, second: xr.Dataset) -> Iterator[str]:
    """Lines of at most 72 columns: the comparison of `report`, then each rule that kernel B (and A) breaks."""
    shown = EXPERIMENTS[first.attrs["experiment"]].shown
    yield from report(first, second, [*COUNTS, *(name for name in shown if name not in COUNTS)])
    yield ""
    for name, runs in (("A", first), ("B", second)):
        yield from _wrapped(broken(runs), name)


def broken(runs: xr.Dataset) -> list[str]:
    """The rules that a measurement breaks, with their numbers (see `tunbp.lab.ktap.check`)."""
    return [f"{rule.name} ({rule.numbers})" if rule.numbers else rule.name for rule in check(runs) if rule.ok is False]


def _wrapped(rules: list[str], name: str) -> Iterator[str]:
    if not rules:
        yield f"{name} keeps the rules of IFF_BACKPRESSURE that were tested"
    for rule in rules:
        yield from textwrap.wrap(f"{name} BREAKS: {rule}", WIDTH, subsequent_indent="  ")
