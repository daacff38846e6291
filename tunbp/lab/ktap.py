"""A measurement as the output of a kernel test: KTAP, which kernel CI systems read.

What is asserted follows from the rules of `IFF_BACKPRESSURE`, not from numbers of one machine; the numbers stand beside
it as diagnostics. See https://docs.kernel.org/dev-tools/ktap.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr

from tunbp.lab.flags import IFF_BACKPRESSURE
from tunbp.lab.schedule import BACKPRESSURE, STOCK

PROGRESS = 0.25
"""A device that is not woken carries next to nothing; one that is woken late carries more than this part of stock."""
POINTS = 0.1
"""Without a qdisc the flag has no effect: the shares dropped differ by less than this."""


@dataclass(frozen=True)
class Result:
    """One line of KTAP: what was tested, whether it held (None: not tested here), and numbers."""

    name: str
    ok: bool | None
    numbers: str = ""


def ktap(runs: xr.Dataset) -> Iterator[str]:
    """Lines of KTAP for a measurement.

    Parameters
    ----------
    runs
        A Dataset of `tunbp.lab.collect.collect`, of any experiment.

    Yields
    ------
    str
        The lines, without line ends.
    """
    results = list(check(runs))
    yield "KTAP version 1"
    yield f"1..{len(results)}"
    for number, result in enumerate(results, 1):
        if result.numbers:
            yield f"# {result.numbers}"
        skip = " # SKIP" if result.ok is None else ""
        yield f"{'not ok' if result.ok is False else 'ok'} {number} {result.name}{skip}"


def check(runs: xr.Dataset) -> Iterator[Result]:
    """What must hold in every cell: the flag is set, the ring loses nothing, packets flow, noqueue is as before.

    Parameters
    ----------
    runs
        A Dataset of `tunbp.lab.collect.collect`.

    Yields
    ------
    Result
        One result per cell and rule.
    """
    for cell in dict.fromkeys(runs["cell"].to_numpy().tolist()):
        here = runs.sel(run=runs["cell"].to_numpy() == cell)
        stock, pressed = (here.sel(run=here["variant"].to_numpy() == name) for name in (STOCK, BACKPRESSURE))
        yield _echo(cell, here)
        if not pressed.sizes["run"]:
            yield Result(f"{cell}: no ring drops under backpressure", None)
            continue
        if str(here["qdisc"].to_numpy()[0]) == "noqueue":
            yield _unchanged(cell, stock, pressed)
            if "send_errors" in here:
                refused = pressed["send_errors"].to_numpy()
                numbers = f"sends refused: {_spread(stock, 'send_errors')} stock, {_values(refused)} backpressure"
                yield Result(f"{cell}: no send is refused without a qdisc", bool((refused == 0).all()), numbers)
        elif "start_xmit" in cell:
            yield Result(f"{cell}: no ring drops under backpressure (sender goes past the qdisc)", None)
        else:
            lost = pressed["dropped_ring"].to_numpy()
            numbers = f"dropped in the ring: {_spread(stock, 'dropped_ring')} stock, {_values(lost)} backpressure"
            yield Result(f"{cell}: no ring drops under backpressure", bool((lost == 0).all()), numbers)
        yield _progress(cell, stock, pressed)


def _echo(cell: str, here: xr.Dataset) -> Result:
    """Each run's device has the flag exactly when it was asked for."""
    asked = here["variant"].to_numpy() == BACKPRESSURE
    found = (here["tun_flags"].to_numpy().astype(int) & IFF_BACKPRESSURE) != 0
    return Result(f"{cell}: TUNGETIFF echoes the flag that was asked for", bool((asked == found).all()))


def _unchanged(cell: str, stock: xr.Dataset, pressed: xr.Dataset) -> Result:
    """Without a qdisc the flag changes nothing: as much is dropped as before."""
    name = f"{cell}: drops as before without a qdisc"
    if not stock.sizes["run"]:
        return Result(name, None)
    shares = [float(np.median(runs["ring_drop_fraction"])) for runs in (stock, pressed)]
    numbers = f"share dropped in the ring: {shares[0]:.3f} stock, {shares[1]:.3f} backpressure"
    return Result(name, abs(shares[1] - shares[0]) < POINTS, numbers)


def _progress(cell: str, stock: xr.Dataset, pressed: xr.Dataset) -> Result:
    """Packets keep flowing: a queue that is stopped and not woken would carry next to nothing."""
    name = f"{cell}: packets flow under backpressure"
    if not stock.sizes["run"]:
        return Result(name, bool((pressed["delivered"].to_numpy() > 0).all()))
    before, after = (float(np.median(runs["delivered"] / runs["duration"])) for runs in (stock, pressed))
    numbers = f"packets/s taken by the reader: {before:.0f} stock, {after:.0f} backpressure"
    return Result(name, after > PROGRESS * before, numbers)


def _spread(runs: xr.Dataset, variable: str) -> str:
    return _values(runs[variable].to_numpy()) if runs.sizes["run"] else "not measured"


def _values(values: np.ndarray) -> str:
    return f"{values.min():.0f} to {values.max():.0f}"
