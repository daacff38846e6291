"""What to do with a path: sentences that its own table supports, with their confidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tunbp.prediction.distribution import FEW, VARIANTS, WORTH, Prediction
from tunbp.quantities import percent, show, show_range

NEAR = 0.9
"""Part of a bound from which it is what holds a draw."""

SAME = 0.05
"""Difference of medians that counts as none: below the noise of single runs."""

LIKELY, UNLIKELY = 0.75, 0.25
"""Probabilities from which something is said without, or not at all."""


@dataclass(frozen=True)
class Card:
    """The advice on one path.

    Attributes
    ----------
    holds
        What holds stock at the present ring -> share of the draws, largest first.
    ring
        Smallest txqueuelen whose stock median is within `SAME` of the best.
    sentences
        The advice.
    """

    holds: dict[str, float]
    ring: int
    sentences: tuple[str, ...]

    def __str__(self) -> str:
        """The advice, one sentence a line."""
        return "\n".join(self.sentences)


def holds(prediction: Prediction) -> dict[str, float]:
    """What holds stock at the present ring, by share of the draws: link, reader, window, path loss, ring."""
    draws, weight = prediction.draws, prediction.draws["weight"].to_numpy()
    here = draws.sel(ring=prediction.ring, variant="stock")
    rate = here["expected_rate"].to_numpy()

    def value(name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        if name in draws:
            return np.asarray(draws[name].to_numpy(), float)
        found = prediction.used.get(name, {}).get("value")
        return np.full(rate.shape, np.inf if found is None else float(found))

    bits = 8.0 * value("mss")
    service = 1.0 / value("drain_rate") + (value("ack_cost") / 2.0 if "ack_cost" in draws else 0.0)
    window = np.minimum(value("receive_window"), value("send_buffer"))
    bounds = {
        "the link": value("path_rate")
        * (1.0 - np.where(np.isfinite(value("path_loss")), value("path_loss"), 0))
        * bits,
        "the reader": bits / service,
        "the window": value("streams") * 8.0 * window / value("rtt"),
    }
    stacked = np.stack(list(bounds.values()))
    which = np.argmin(stacked, axis=0)
    near = rate >= NEAR * stacked.min(axis=0)
    lossy = value("path_loss") > 0.0
    dropping = here["drop_fraction"].to_numpy() > 1e-6
    shares = {name: float(weight[near & (which == i)].sum()) for i, name in enumerate(bounds)}
    shares["the ring"] = float(weight[~near & dropping & ~lossy].sum())
    shares["loss on the path"] = float(weight[~near & lossy].sum())
    shares["slow start and growth"] = float(weight[~near & ~dropping & ~lossy].sum())
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def card(prediction: Prediction, device: str = "tun0") -> Card:
    """The advice that a prediction supports.

    Parameters
    ----------
    prediction
        What `tunbp.prediction.predict` returned.
    device
        Name of the device in the commands.
    """
    shares = holds(prediction)
    first, likely = next(iter(shares.items()))
    medians = {
        int(ring): prediction.quantiles("expected_rate", int(ring), "stock")["median"]
        for ring in prediction.draws["ring"].to_numpy()
    }
    best = max(medians.values())
    good = min(ring for ring, rate in medians.items() if rate >= (1.0 - SAME) * best)
    lines = [*_fit(prediction), *_now(prediction, first, likely), *_today(prediction, medians, good, shares, device)]
    lines += _flag(prediction, shares)
    top = next(iter(prediction.ranking()), None)
    if top is not None and float(top["share"]) > SAME:
        lines.append(f"What would say more: {top['name']} ({percent(top['share'])} of the spread): {top['measure']}.")
    return Card(shares, good, tuple(lines))


def _spread(prediction: Prediction, name: str, ring: int, variant: str) -> str:
    q = prediction.quantiles(name, ring, variant)
    unit = "bit/s" if name.endswith("rate") else "s"
    return f"{show(q['median'], unit, 3)} (90 %: {show_range(q['low90'], q['high90'], unit)})"


def _fit(prediction: Prediction) -> list[str]:
    if prediction.measured is None:
        return []
    said = _spread(prediction, "received_rate", prediction.ring, "stock")
    if prediction.effective < FEW:
        return [
            f"Your run: {show(prediction.measured, 'bit/s', 3)}. The model does not reproduce it with any likely "
            f"constants ({said}): something else holds this path, and no advice is given on the ring."
        ]
    return [f"Your run: {show(prediction.measured, 'bit/s', 3)}; the model of it: {said}."]


def _now(prediction: Prediction, first: str, likely: float) -> list[str]:
    said = _spread(prediction, "received_rate", prediction.ring, "stock")
    return [f"txqueuelen {prediction.ring}, as it is: {said}; most likely held by {first} ({percent(likely)})."]


def _reliable(prediction: Prediction) -> bool:
    return prediction.measured is None or prediction.effective >= FEW


def _today(
    prediction: Prediction, medians: dict[int, float], good: int, shares: dict[str, float], device: str
) -> list[str]:
    if not _reliable(prediction):
        return []
    if shares["the link"] >= LIKELY:
        return ["The link is the bottleneck: the ring is empty, there is nothing to gain here."]
    if shares["loss on the path"] >= 0.5:
        return ["Loss on the path holds it: neither the ring nor the flag helps; try BBR at the sender."]
    if shares["the window"] >= LIKELY:
        return ["The window holds it: raise net.ipv4.tcp_rmem and tcp_wmem (and a VPN's socket buffers) first."]
    if good > prediction.ring and medians[good] > (1.0 + SAME) * medians[prediction.ring]:
        more = medians[good] / medians[prediction.ring] - 1.0
        return [
            f"Today, without the flag: txqueuelen {good} gives about {percent(more)} more: "
            f"`ip link set dev {device} txqueuelen {good}`; OpenVPN: `txqueuelen {good}`; "
            f"systemd.link: `TransmitQueueLength={good}`."
        ]
    return ["A longer ring would not help this path."]


def _flag(prediction: Prediction, shares: dict[str, float]) -> list[str]:
    if not _reliable(prediction) or shares["the link"] >= LIKELY or shares["loss on the path"] >= 0.5:
        return []
    gain = prediction.gain()
    chance = gain["probability_above_10_percent"]
    waits = {v: prediction.quantiles("latency", prediction.ring, v)["median"] for v in VARIANTS}
    price = f"ping under load {show(waits['backpressure'], 's', 3)} instead of {show(waits['stock'], 's', 3)}"
    if chance >= UNLIKELY:
        said = _spread(prediction, "received_rate", prediction.ring, "backpressure")
        return [
            f"With IFF_BACKPRESSURE (Linux 7.3) at this ring: {said}; more than {percent(WORTH)} faster with "
            f"probability {percent(chance)}; {price}. "
            "`tunbp backpressure -- PROGRAM` sets it for programs that call libc's ioctl."
        ]
    return [
        f"IFF_BACKPRESSURE is not likely to help here (more than {percent(WORTH)} faster with probability "
        f"{percent(chance)}); {price}."
    ]
