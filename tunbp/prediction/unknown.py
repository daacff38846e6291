"""What is not known of a path, and how drawn constants act on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from tunbp.infer.priors import BYTE_COST, ERRORS, HEADROOM, LIFT, SHARED, Prior, corrections, draws, priors
from tunbp.model.fields import FIELDS
from tunbp.model.gso import segments_per_entry
from tunbp.model.qdiscs import QDISCS
from tunbp.model.scenario import Scenario

Array = npt.NDArray[np.float64]

CLEARLY_SLOWER = 0.8
"""A reader below this part of the path's rate holds a flood alone, and the flood measures it (our judgement)."""

OF_TCP = ("ack_cost", "far_ack_cost", "receive_window")
OF_CUBIC = ("hystart",)
UNLESS_BBR = ("pacing",)
"""Constants that say nothing of a source without feedback, of another congestion control, and of one that paces."""

LINK, READER = "link", "reader"
"""Sources of a path's rate that was stated in bit/s: that of a link, whatever the reader does; and of one that a flood
showed to be the reader's own, as nothing was lost behind the ring."""

NOTHING_SLOWER = 1e9
"""Path rate where the reader is the slowest stage, packets/s: more than anything carries."""


def unknown_of(product: str, base: Scenario, given: Mapping[str, Any], sources: Mapping[str, str]) -> dict[str, Prior]:
    """Priors of what is not given, and of what stands between the reader's speed and what it does on this path.

    Parameters
    ----------
    product
        Key of a program in ``data/priors.yaml``.
    base
        The path as far as it is known.
    given
        Fields that were stated.
    sources
        Where each stated field is from.

    Returns
    -------
    dict[str, Prior]
        Priors by field.
    """
    tcp, left_out = base.source == "tcp", idle(base)
    found = {name: prior for name, prior in priors(product).items() if name not in given and name not in left_out}
    drawn = "drain_rate" in found
    if drawn and bytes_beyond(base) > 0.0:
        found[BYTE_COST] = corrections(product)[BYTE_COST]
    flood = drawn or sources.get("drain_rate", "given") == "given"
    if flood and tcp and given.get("path_rate") is not None:
        found[HEADROOM] = corrections(product)[HEADROOM]
        stated = sources.get("path_rate", "given")
        if not drawn and float(given["drain_rate"]) > float(given["path_rate"]) and stated != LINK:
            found |= {name: corrections(product)[name] for name in (SHARED, LIFT)}
            if stated == READER:
                found[SHARED] = replace(found[SHARED], first=1.0, second=1.0)
    return found


def idle(base: Scenario) -> set[str]:
    """Constants that say nothing of a path.

    Parameters
    ----------
    base
        The path.

    Returns
    -------
    set[str]
        Fields that have a prior.
    """
    tcp = base.source == "tcp"
    paced = not tcp or base.congestion == "bbr" or QDISCS[str(base.qdisc)].paces
    return {
        *(() if tcp else OF_TCP),
        *(() if tcp and base.congestion == "cubic" else OF_CUBIC),
        *(UNLESS_BBR if paced else ()),
    }


def inferred(product: str, posterior: Mapping[str, Array]) -> dict[str, Prior]:
    """Constants of a known host, which are as its draws say; of nothing else of it is there a prior.

    Its other constants are part of the model in which these explain its rows.

    Parameters
    ----------
    product
        Key of a program in ``data/priors.yaml``, for what measures each.
    posterior
        Draws by field, SI units.

    Returns
    -------
    dict[str, Prior]
        By field, of kind ``drawn``.
    """
    known = priors(product)
    found = {}
    for name, values in posterior.items():
        low, middle, high = (float(q) for q in np.quantile(values, (0.05, 0.5, 0.95)))
        measure = known[name].measure if name in known else "more runs of this host"
        found[name] = Prior(name, "drawn", low, high, source=f"hosts.nc, median {middle:.4g}", measure=measure)
    return found


def drawing(
    unknown: Mapping[str, Prior], posterior: Mapping[str, Array], base: Scenario, seed: int
) -> Callable[[int], dict[str, Array]]:
    """How draws of what is not known are made: a number of them from the priors, or from those of a known host.

    Parameters
    ----------
    unknown
        What `unknown_of` or `inferred` gave.
    posterior
        Draws of a host's constants; empty: `unknown` are priors.
    base
        The path.
    seed
        The same seed, the same bits.

    Returns
    -------
    Callable[[int], dict[str, ndarray]]
        From a number of draws to what `tunbp.infer.priors.draws` gives.
    """

    def drawn(count: int) -> dict[str, Array]:
        if not posterior:
            return draws(unknown, base.parameters(), count, seed)
        size = len(next(iter(posterior.values())))
        rng = np.random.default_rng([seed, size])
        places = np.concatenate([rng.permutation(size) for _ in range(-(-count // size))])[:count]
        return {name: values[places] for name, values in posterior.items()} | draws({}, {}, count, seed)

    return drawn


def bytes_beyond(base: Scenario) -> float:
    """Bytes of an entry beyond those of a packet of 1500.

    Parameters
    ----------
    base
        The path.

    Returns
    -------
    float
        0 where entries are no longer.
    """
    return max(float(base.mss) * segments_of(base) - float(FIELDS["mss"].default), 0.0)


def segments_of(base: Scenario) -> float:
    """Segments that one entry of the ring carries.

    Parameters
    ----------
    base
        The path.

    Returns
    -------
    float
        1 where it carries single packets.
    """
    return float(segments_per_entry(base.source, base.gso_segments, base.qdisc))


def constants(unknown: Mapping[str, Prior], drawn: Mapping[str, Array]) -> dict[str, xr.DataArray]:
    """Drawn constants as fields of a batch over `draw`.

    Parameters
    ----------
    unknown
        Priors by field.
    drawn
        One value per draw of each, SI units.

    Returns
    -------
    dict[str, xr.DataArray]
        Fields over the dim `draw`.
    """
    found = {name: xr.DataArray(drawn[name], dims="draw") for name in unknown if name in FIELDS}
    return {name: c.astype(int) if FIELDS[name].integer else c for name, c in found.items()}


def acting(base: Scenario, unknown: Mapping[str, Prior], drawn: Mapping[str, Array]) -> dict[str, xr.DataArray]:
    """The same as they act: long packets cost more, programs that take turns are faster than a flood says.

    A reader that waits for processors which its chain shares carries what the chain does; nothing behind it is slower.

    Parameters
    ----------
    base
        The path as far as it is known.
    unknown
        Priors by field.
    drawn
        One value per draw of each, SI units.

    Returns
    -------
    dict[str, xr.DataArray]
        Fields over the dim `draw`, for `simulate`.
    """
    found = constants(unknown, drawn)
    if not {HEADROOM, BYTE_COST} & set(unknown):
        return found
    count = len(drawn[ERRORS[0]])
    drain = np.broadcast_to(np.asarray(drawn.get("drain_rate", base.drain_rate), float), (count,))
    longer = 1.0 + drain * drawn[BYTE_COST] * bytes_beyond(base) if BYTE_COST in unknown else np.ones(count)
    faster, itself, path = np.ones(count), np.zeros(count, bool), float(base.path_rate or np.inf)
    if HEADROOM in unknown:
        faster = np.where(drain > CLEARLY_SLOWER * path, np.maximum(drawn[HEADROOM], 1.0), 1.0)
    if SHARED in unknown:
        itself = (drain > path) & (drawn[SHARED] == 1.0)
        faster = np.where(itself, np.minimum(path * drawn[LIFT] / drain, 1.0), faster)
    found["drain_rate"] = xr.DataArray(drain, dims="draw")
    # the reader's are per entry, those behind it per packet; programs that read 64 KB at once pass them on at once
    per_entry = {"drain_rate": 1.0, "far_rate": segments_of(base), "path_rate": segments_of(base)}
    for name in found.keys() & per_entry.keys():
        found[name] = (found[name] * faster / longer * per_entry[name]).clip(max=FIELDS[name].high)
    for name in ("ack_cost", "far_ack_cost"):
        if name in found:
            found[name] = found[name] / faster
    if itself.any():
        slower = np.where(itself, faster, 1.0)  # what was stated of the other end waits for the same processors
        found["path_rate"] = xr.DataArray(np.where(itself, NOTHING_SLOWER, path), dims="draw")
        for name, power in (("far_rate", 1.0), ("ack_cost", -1.0), ("far_ack_cost", -1.0)):
            stated = getattr(base, name)
            if name not in found and stated is not None:
                found[name] = xr.DataArray(float(stated) * slower**power, dims="draw")
    return found
