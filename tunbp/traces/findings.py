"""Findings: what a check says of a measurement, and the form in which a Dataset carries them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import msgspec
import xarray as xr

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
"""`error`: not what it claims to be; `warning`: know this before use; `info`: how it was made."""


@dataclass(frozen=True)
class Finding:
    """What one check found: its name, how serious it is, and the numbers that say so."""

    check: str
    severity: Severity
    message: str


def as_json(findings: Sequence[Finding]) -> str:
    """Findings as JSON text, the form in which a Dataset carries them.

    Parameters
    ----------
    findings
        Of one run.

    Returns
    -------
    str
        A JSON list of objects.
    """
    return msgspec.json.encode([asdict(finding) for finding in findings]).decode()


def findings(dataset: xr.Dataset) -> list[Finding]:
    """The findings that a Dataset carries; of several runs all of them, the run named in the message.

    Parameters
    ----------
    dataset
        One run or several, as a reader gave it.

    Returns
    -------
    list[Finding]
        In the order in which they are stored.
    """
    if "findings" in dataset.coords:
        found = _decode(str(dataset.attrs.get("findings", "")))
        for run, text in zip(dataset["run"].to_numpy(), dataset["findings"].to_numpy(), strict=True):
            found += [Finding(f.check, f.severity, f"{run}: {f.message}") for f in _decode(str(text))]
        return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))
    return _decode(str(dataset.attrs.get("findings", "")))


def _decode(text: str) -> list[Finding]:
    return msgspec.json.decode(text, type=list[Finding]) if text else []
