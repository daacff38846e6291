"""What a plan may say about one parameter: value, list, range, distribution, choice, a host's constant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import xarray as xr
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tunbp.errors import ScenarioError, SweepError
from tunbp.model.fields import BATCH_WIDE, CHOICES, OPTIONAL, RANGES
from tunbp.model.scenario import Scenario, check_field
from tunbp.yaml_file import shown

Array = npt.NDArray[Any]

DEFAULTS = {field.name: field.default for field in fields(Scenario) if field.default is not MISSING}
"""Scenario fields and what they are when nobody names them."""

LONGEST = 10_000_000
"""Most values of one list or range."""

UNLIKELY = 1e-9
"""Probability of values between zero and the least allowed one below which a distribution that begins at zero is cut
there unasked."""

# a probability of exactly 0 or 1 would be an end of the distribution that the field may not allow
SMALLEST_PROBABILITY = 2.0**-53


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Span(_Form):
    """A range: `steps` values including both ends, or, without `steps`, sampled evenly."""

    low: float = Field(alias="from")
    high: float = Field(alias="to")
    scale: Literal["linear", "log"] = "linear"
    steps: int | None = Field(default=None, ge=1, le=LONGEST)


class Distribution(_Form):
    """A continuous distribution of `scipy.stats` by its name there, with its arguments, cut to [min, max]."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float]

    distribution: str
    min: float | None = None
    max: float | None = None


class Choice(_Form):
    """One of several values, each as likely."""

    choice: list[Any] = Field(min_length=1, max_length=LONGEST)


class Constant(_Form):
    """The constant of one host in the table of hosts."""

    host: str


Sampled: TypeAlias = Span | Distribution | Choice
"""Forms that a Sobol or Latin-hypercube sample draws from."""

FORMS: dict[str, type[_Form]] = {
    "from": Span,
    "distribution": Distribution,
    "choice": Choice,
    "host": Constant,
}
WORDS = (
    "a value, a list, {from, to, steps, scale: linear or log}, {distribution: a name of scipy.stats, its "
    "arguments, min, max}, {choice: [...]} or {host: NAME}"
)


def parse(name: str, raw: Any) -> Any:
    """Read what a plan says about one parameter.

    Parameters
    ----------
    name
        Field of `Scenario`.
    raw
        As YAML gives it.

    Returns
    -------
    A scalar, an array of the listed values, or one of the `Sampled` forms.

    Raises
    ------
    SweepError
        Naming the parameter, what is wrong, and what is allowed.
    """
    if name not in DEFAULTS:
        raise SweepError(f"{name}: not a parameter of a scenario; known: {', '.join(sorted(DEFAULTS))}")
    if isinstance(raw, list):
        return _listed(name, raw)
    if not isinstance(raw, Mapping):
        return scalar(name, raw)
    form = _form(name, raw)
    if isinstance(form, Constant):
        return _constant(name, form.host)
    if name in BATCH_WIDE:
        raise SweepError(f"{name}: one value holds for the whole sweep; give a number")
    if isinstance(form, Choice):
        _listed(name, form.choice)
        return form
    if name in CHOICES:
        raise SweepError(f"{name}: is text; give a value, a list or {{choice: [...]}}")
    if isinstance(form, Span):
        _check_span(name, form)
        return _steps(name, form) if form.steps else form
    assert isinstance(form, Distribution)
    _support(name, form)
    return form


def draw(name: str, form: Sampled, probability: Array) -> Array:
    """Values of one parameter at given probabilities (inverse transform).

    Parameters
    ----------
    name
        Field of `Scenario`; whole numbers are rounded.
    form
        What to draw from.
    probability
        Points of the sample in [0, 1), any shape.

    Returns
    -------
    ndarray
        In the field's unit, the shape of `probability`.
    """
    if isinstance(form, Choice):
        values = _listed(name, form.choice)
        picked: Array = values[np.minimum((probability * len(values)).astype(int), len(values) - 1)]
        return picked
    p = np.clip(probability, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    if isinstance(form, Distribution):
        frozen, low, high = _support(name, form)
        start, end = frozen.cdf(low), frozen.cdf(high)
        drawn = np.clip(frozen.ppf(start + p * (end - start)), low, high)
    elif form.scale == "log":
        drawn = np.clip(form.low * (form.high / form.low) ** p, form.low, form.high)
    else:
        drawn = form.low + p * (form.high - form.low)
    return _whole(name, drawn)


def scalar(name: str, raw: Any) -> Any:
    """One value of a parameter: text, number, or None where that is allowed.

    Parameters
    ----------
    name
        A scenario field.
    raw
        Value as YAML has it.

    Returns
    -------
    str, float, int or None
        Checked, in the field's SI unit.

    Raises
    ------
    SweepError
        If the value is of another kind.
    """
    if name in CHOICES:
        if isinstance(raw, bool) or not isinstance(raw, str | int | float):
            raise SweepError(f"{name}: {shown(raw)} is no name; allowed: {', '.join(CHOICES[name])}")
        return str(raw)  # YAML reads the driver 7.3 as a number
    if raw is None and name in OPTIONAL:
        return None
    try:
        if isinstance(raw, bool) or not isinstance(raw, str | int | float):
            raise ValueError
        number = float(raw)  # YAML reads 1e6 as text
    except ValueError:
        message = f"{name}: {shown(raw)} is neither a number nor {WORDS}; allowed: {RANGES[name]}"
        raise SweepError(message) from None
    return int(number) if RANGES[name].integer and number.is_integer() else number


def _listed(name: str, values: list[Any]) -> Array:
    if not values:
        raise SweepError(f"{name}: the list is empty")
    if name in BATCH_WIDE:
        raise SweepError(f"{name}: one value holds for the whole sweep; got a list")
    if len(values) > LONGEST:
        raise SweepError(f"{name}: a list of {len(values):,}; at most {LONGEST:,}")
    items = [scalar(name, value) for value in values]
    if name in CHOICES:
        found = np.array(items, dtype=str)
    else:
        found = np.array([np.nan if item is None else item for item in items], dtype=float)
    _check_field(name, found)
    return found if name in CHOICES else _whole(name, found)


def _whole(name: str, values: Array) -> Array:
    """Whole numbers as integers where the field takes nothing else; fractions are rounded."""
    if RANGES[name].integer and np.isfinite(values).all():
        return np.rint(values).astype(np.int64)
    return values


def _form(name: str, raw: Mapping[str, Any]) -> _Form:
    kind = next((FORMS[key] for key in FORMS if key in raw), None)
    if kind is None:
        raise SweepError(f"{name}: {shown(dict(raw))}: give {WORDS}")
    try:
        return kind.model_validate(dict(raw))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        value = "" if first["type"] == "missing" else f" = {shown(first['input'])}"
        raise SweepError(f"{name}: {key}{value}: {first['msg']}; give {WORDS}") from None


def _constant(name: str, host: str) -> Any:
    value = host_fields(host).get(name)
    if value is None:
        known = ", ".join(sorted(host_fields(host)))
        raise SweepError(f"{name}: host {host!r} has no such constant; it has {known}")
    return scalar(name, value)


def host_fields(name: str) -> dict[str, Any]:
    """Scenario fields of one host, from the table of hosts.

    Parameters
    ----------
    name
        A host of ``hosts.yaml``.

    Returns
    -------
    dict[str, Any]
        Field name to value.

    Raises
    ------
    SweepError
        If there is no such host.
    """
    from tunbp.model.hosts import host

    try:
        return {key: scalar(key, value) for key, value in host(name).items()}
    except ScenarioError as error:
        raise SweepError(str(error)) from None


def _check_span(name: str, span: Span) -> None:
    if not span.low < span.high:
        raise SweepError(f"{name}: empty range: from = {span.low:g} must be below to = {span.high:g}")
    if span.scale == "log" and span.low <= 0:
        raise SweepError(f"{name}: from = {span.low:g}: a logarithmic range starts above 0")
    _check_field(name, np.array([span.low, span.high]))


def _check_field(name: str, values: Array) -> None:
    try:
        check_field(name, xr.DataArray(values, dims="value"))
    except ScenarioError as error:
        raise SweepError(str(error)) from None


def _steps(name: str, span: Span) -> Array:
    assert span.steps is not None
    spread = np.geomspace if span.scale == "log" else np.linspace
    values = _whole(name, spread(span.low, span.high, span.steps))
    if np.unique(values).size < values.size:
        raise SweepError(
            f"{name}: {span.steps} steps from {span.low:g} to {span.high:g} give one whole number twice; "
            "take fewer steps"
        )
    return values


def _support(name: str, form: Distribution) -> tuple[Any, float, float]:
    """The frozen distribution and the ends of its support, checked against what the field allows."""
    from scipy import stats

    family = getattr(stats, form.distribution, None)
    if not isinstance(family, stats.rv_continuous):
        raise SweepError(f"{name}: {form.distribution!r} is not a continuous distribution of scipy.stats")
    arguments = form.__pydantic_extra__ or {}
    try:
        frozen = family(**arguments)
        low, high = map(float, frozen.support())
    except TypeError as error:
        shapes = ", ".join(filter(None, [family.shapes, "loc", "scale"]))
        raise SweepError(f"{name}: {form.distribution}: {error}; its arguments: {shapes}") from None
    if np.isnan([low, high]).any():
        raise SweepError(f"{name}: {form.distribution} does not exist with {arguments}")
    low = low if form.min is None else max(low, form.min)
    high = high if form.max is None else min(high, form.max)
    allowed = RANGES[name]
    if not low < high:
        raise SweepError(f"{name}: the distribution is empty between {low:g} and {high:g}")
    if low == 0.0 < allowed.low and frozen.cdf(allowed.low) < UNLIKELY:
        low = allowed.low
    if low < allowed.low or high > allowed.high:
        raise SweepError(
            f"{name}: {form.distribution} reaches from {low:g} to {high:g}; cut it with min and max; allowed: {allowed}"
        )
    return frozen, low, high
