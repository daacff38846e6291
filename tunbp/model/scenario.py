"""What is simulated: device, driver, reader, path, TCP and load as one frozen, validated `Scenario`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from inspect import cleandoc
from typing import Any, TypeAlias

import numpy as np
import xarray as xr

from tunbp.errors import ScenarioError
from tunbp.model.fields import BATCH_WIDE, CHOICES, FIELDS, OPTIONAL, RANGES, Field, parameters
from tunbp.model.qdiscs import fact, shapers

Number: TypeAlias = float | int | xr.DataArray
Text: TypeAlias = str | xr.DataArray
Switch: TypeAlias = bool | xr.DataArray


@dataclass(frozen=True)
class Scenario:
    """One scenario or, where fields are of type `xarray.DataArray`, the whole batch that their dims span.

    Every field may be a scalar or a DataArray; dims combine by name. `duration`, `interval` and `dt` hold for the
    whole batch. All values are SI: seconds, bytes, packets, packets per second.
    """

    driver: Text = FIELDS["driver"].default
    qdisc: Text = FIELDS["qdisc"].default
    qdisc_limit: Number | None = FIELDS["qdisc_limit"].default
    qdisc_rate: Number | None = FIELDS["qdisc_rate"].default
    ring: Number = FIELDS["ring"].default
    drain_rate: Number = FIELDS["drain_rate"].default
    guest_rate: Number | None = FIELDS["guest_rate"].default
    burst_rate: Number = FIELDS["burst_rate"].default
    rtt: Number = FIELDS["rtt"].default
    path_rate: Number | None = FIELDS["path_rate"].default
    path_buffer: Number | None = FIELDS["path_buffer"].default
    path_loss: Number = FIELDS["path_loss"].default
    path_loss_burst: Number = FIELDS["path_loss_burst"].default
    ack_cost: Number = FIELDS["ack_cost"].default
    reader_policy: Text = FIELDS["reader_policy"].default
    far_rate: Number | None = FIELDS["far_rate"].default
    far_ack_cost: Number = FIELDS["far_ack_cost"].default
    queues: Number = FIELDS["queues"].default
    mss: Number = FIELDS["mss"].default
    gso_segments: Number = FIELDS["gso_segments"].default
    receive_window: Number = FIELDS["receive_window"].default
    send_buffer: Number | None = FIELDS["send_buffer"].default
    origin: Text = FIELDS["origin"].default
    hystart: Switch = FIELDS["hystart"].default
    pacing: Switch = FIELDS["pacing"].default
    ecn: Switch = FIELDS["ecn"].default
    ack_interval: Number = FIELDS["ack_interval"].default
    delayed_ack: Number = FIELDS["delayed_ack"].default
    idle_latency: Number = FIELDS["idle_latency"].default
    stall_rate: Number = FIELDS["stall_rate"].default
    stall_mean: Number = FIELDS["stall_mean"].default
    wake_cost: Number = FIELDS["wake_cost"].default
    wake_latency: Number = FIELDS["wake_latency"].default
    patch_overhead: Number = FIELDS["patch_overhead"].default
    contention: Number = FIELDS["contention"].default
    contention_wait: Number = FIELDS["contention_wait"].default
    streams: Number = FIELDS["streams"].default
    congestion: Text = FIELDS["congestion"].default
    source: Text = FIELDS["source"].default
    offered_rate: Number | None = FIELDS["offered_rate"].default
    frame_rate: Number = FIELDS["frame_rate"].default
    frame_packets: Number = FIELDS["frame_packets"].default
    iframe_packets: Number = FIELDS["iframe_packets"].default
    iframe_every: Number = FIELDS["iframe_every"].default
    duration: float = FIELDS["duration"].default
    warmup: Number = FIELDS["warmup"].default
    interval: float | None = FIELDS["interval"].default
    dt: float | None = FIELDS["dt"].default
    seed: Number = FIELDS["seed"].default

    def __post_init__(self) -> None:
        """Check every field.

        Raises
        ------
        ScenarioError
            Names the first field that is wrong, its value, and what is allowed.
        """
        for name in FIELDS:
            check_field(name, getattr(self, name))
        if self.offered_rate is None and np.isin(_values(self.source), ("open", "pktgen")).any():
            raise ScenarioError("offered_rate: None; an open-loop source needs a rate > 0 [packet/s]")
        _check_shaper(self.qdisc, self.qdisc_rate)
        _check_overhead(self.patch_overhead, self.drain_rate)
        if np.any(_values(self.warmup) >= self.duration):
            raise ScenarioError(f"warmup: {self.warmup}; must be shorter than duration = {self.duration:g} s")

    def replace(self, **changes: Any) -> Scenario:
        """The same scenario with some fields changed (and checked again).

        Parameters
        ----------
        **changes
            Fields and their new values.

        Returns
        -------
        Scenario
            A new scenario; this one stays as it is.

        Raises
        ------
        ScenarioError
            If a field is unknown or its new value is not allowed.
        """
        known = {field.name for field in fields(self)}
        for name in changes:
            if name not in known:
                raise ScenarioError(f"{name}: not a field of Scenario; known: {', '.join(sorted(known))}")
        return replace(self, **changes)

    def chunk(self, sizes: Mapping[str, int] | None = None, **more: int) -> Chunked:
        """The same batch in chunks: `simulate` of it is a Dataset that Dask computes when asked for.

        Parameters
        ----------
        sizes, **more
            Scenarios per chunk along each dim; a dim that is not named stays whole.

        Returns
        -------
        Chunked
            The batch and the sizes of its chunks.

        Raises
        ------
        ScenarioError
            If a dim is unknown or a size is not a whole number above zero.
        """
        return Chunked(self, {**(sizes or {}), **more})

    def parameters(self) -> dict[str, Any]:
        """All fields by name, unevaluated (scalars and DataArrays)."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def broadcast(self) -> dict[str, xr.DataArray]:
        """Every per-scenario field broadcast against the others: all have the batch's dims and coordinates."""
        varying = {k: v for k, v in self.parameters().items() if k not in BATCH_WIDE}
        arrays = {
            k: v.rename(None) if isinstance(v, xr.DataArray) else xr.DataArray(np.nan if v is None else v)
            for k, v in varying.items()
        }
        return dict(zip(arrays, xr.broadcast(*arrays.values()), strict=True))


Scenario.__doc__ = f"{cleandoc(Scenario.__doc__ or '')}\n\n{parameters()}\n"


@dataclass(frozen=True)
class Chunked:
    """A batch and the sizes of its chunks; made by `Scenario.chunk`."""

    scenario: Scenario
    sizes: Mapping[str, int]

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises
        ------
        ScenarioError
            If a dim is unknown, a size is not allowed, or there is no dim at all.
        """
        known = sizes_of(self.scenario)
        if not known:
            raise ScenarioError("chunk: this is a single scenario; give at least one field as a DataArray")
        for dim, size in self.sizes.items():
            if dim not in known:
                raise ScenarioError(f"chunk: {dim!r} is not a dim of the batch; known: {', '.join(known)}")
            if not isinstance(size, int | np.integer) or size < 1:
                raise ScenarioError(f"chunk: {dim} = {size!r}; allowed: whole numbers >= 1")


def varying(scenario: Scenario) -> dict[str, xr.DataArray]:
    """Fields that are DataArrays with at least one dim, in the order of the fields.

    Parameters
    ----------
    scenario
        A batch or a single scenario.

    Returns
    -------
    dict[str, xr.DataArray]
        Field name to values.
    """
    fields = scenario.parameters().items()
    return {name: value for name, value in fields if isinstance(value, xr.DataArray) and value.dims}


def sizes_of(scenario: Scenario) -> dict[str, int]:
    """Dims of the batch and their lengths; empty for a single scenario.

    Parameters
    ----------
    scenario
        A batch or a single scenario.

    Returns
    -------
    dict[str, int]
        Dim to length.
    """
    return {str(dim): size for field in varying(scenario).values() for dim, size in field.sizes.items()}


def _values(value: Number | Text) -> np.ndarray[Any, Any]:
    return np.asarray(value.values if isinstance(value, xr.DataArray) else value)


def check_field(name: str, value: Any) -> None:
    """See whether a field may have these values, whatever the others are.

    Parameters
    ----------
    name
        Field of `Scenario`.
    value
        Number, text or None; an array or DataArray of them.

    Raises
    ------
    ScenarioError
        Names the field, the first value that is wrong, and what is allowed.
    """
    if name in CHOICES:
        _check_choice(name, value, CHOICES[name])
    else:
        _check_number(name, value, RANGES[name])


def _check_choice(name: str, value: Text, allowed: tuple[str, ...]) -> None:
    items = _values(value).astype(object).ravel().tolist()
    texts = {item for item in items if isinstance(item, str)}
    for item in [item for item in items if not isinstance(item, str)] or sorted(texts.difference(allowed)):
        raise ScenarioError(f"{name}: {item!r} is not known; allowed: {', '.join(allowed)}")


def _check_shaper(qdisc: Text, rate: Number | None) -> None:
    if rate is None:
        return
    names, rates = xr.broadcast(*(x if isinstance(x, xr.DataArray) else xr.DataArray(x) for x in (qdisc, rate)))
    idle = np.isfinite(rates.values.astype(float)) & ~fact(names.values, "shapes")
    if idle.any():
        raise ScenarioError(f"qdisc_rate: {names.values[idle][0]} does not shape; qdiscs that do: {shapers()}")


def _check_overhead(overhead: Number, rate: Number) -> None:
    if _values(overhead).min(initial=0.0) * _values(rate).max(initial=0.0) > -1.0:
        return
    seconds, rates = xr.broadcast(*(x if isinstance(x, xr.DataArray) else xr.DataArray(x) for x in (overhead, rate)))
    idle = seconds.values * rates.values <= -1.0
    if idle.any():
        value, most = seconds.values[idle][0], 1.0 / rates.values[idle][0]
        raise ScenarioError(
            f"patch_overhead: {value:g} s leaves a packet no time, which is {most:g} s at drain_rate = {1.0 / most:g}"
        )


def _check_number(name: str, value: Number | None, allowed: Field) -> None:
    if value is None:
        if name in OPTIONAL:
            return
        raise ScenarioError(f"{name}: None; allowed: {allowed}")
    if name in BATCH_WIDE and isinstance(value, xr.DataArray):
        raise ScenarioError(f"{name}: one value holds for the whole batch; got dims {value.dims}")
    array = _values(value)
    if array.dtype.kind not in ("iufb" if allowed.high == 1 and allowed.integer else "iuf"):
        wrong = f"{value:.3g} is too large" if isinstance(value, int) else f"{value!r} is not a number"
        raise ScenarioError(f"{name}: {wrong}; allowed: {allowed}")
    good = allowed.holds(array)
    if name in OPTIONAL:
        good |= np.isnan(array)
    if not good.all():
        raise ScenarioError(f"{name}: {array[~good].ravel()[0]:g} is not allowed; allowed: {allowed}")
