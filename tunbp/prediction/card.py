"""What to do with a path: sentences that its own table supports, with their confidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tunbp.model.drivers import COMPARED
from tunbp.prediction.causes import GROWTH, LINK, LOSS, READER, WINDOW, causes
from tunbp.prediction.distribution import WORTH, Prediction
from tunbp.prediction.products import Product, product
from tunbp.quantities import percent, show, show_range

ENOUGH = 0.8
"""Part of the best ring's gain that a ring must bring to be advised: longer ones cost ping for little."""

SURE, OPEN = 0.75, 0.25
"""Probabilities from which something is advised, and below which it is advised against."""

TELLING = 0.05
"""Share of the variance from which an unknown is worth measuring."""

VAGUE = 1.5
"""Upper over lower end of an interval from which it is worth narrowing."""

UNAFFECTED = (LINK, LOSS, WINDOW)
"""Causes on which neither the ring nor the flag has an influence."""

FLAG = f"IFF_BACKPRESSURE (Linux {COMPARED['backpressure']})"
"""What the advice is about, and the kernel that has it."""


@dataclass(frozen=True)
class Card:
    """The advice on one path.

    Attributes
    ----------
    holds
        What holds stock at the present ring -> share of the draws, largest first.
    ring
        txqueuelen to set without the flag; the present one where a longer one does not help.
    sentences
        The advice.
    """

    holds: dict[str, float]
    ring: int
    sentences: tuple[str, ...]

    def __str__(self) -> str:
        """The advice, one sentence a line."""
        return "\n".join(self.sentences)


def card(prediction: Prediction, device: str = "tun0", program: str = "openvpn") -> Card:
    """The advice that a prediction supports.

    Parameters
    ----------
    prediction
        What `tunbp.prediction.predict` returned.
    device
        Name of the device in the commands.
    program
        The product that reads it (``data/priors.yaml``).

    Returns
    -------
    Card
        Sentences and commands of the advice.
    """
    held, known = causes(prediction), product(program)
    first = [*_assumed(prediction), *_fit(prediction)]
    if prediction.fit is not None and not prediction.fit.reproduced:
        return Card(held, prediction.ring, tuple(first))
    ring = _enough(prediction)
    longer = _more(prediction, ring)
    helped = ring != prediction.ring and float((longer > WORTH).mean()) >= OPEN
    lines = [*first, _now(prediction, held), *_cause(prediction, held, known)]
    main, share = next(iter(held.items()))
    if prediction.used["source"]["value"] != "tcp":
        lines += _datagrams(prediction)
    elif main not in UNAFFECTED or share < SURE:
        lines += _today(prediction, ring if helped else prediction.ring, longer, device, known)
        lines += _flag(prediction, known)
    now = prediction.quantiles("received_rate", prediction.ring, "stock")
    top = next(iter(prediction.ranking()), None)
    if top is not None and float(top["share"]) > TELLING and now["high90"] > VAGUE * now["low90"]:
        lines.append(
            f"What would say more: {top['name']} ({percent(top['share'], 2)} of the spread): {top['measure']}."
        )
    return Card(held, ring if helped else prediction.ring, tuple(lines))


def sure(probability: float) -> str:
    """A probability in words, and as the number behind them.

    Parameters
    ----------
    probability
        Between 0 and 1.

    Returns
    -------
    str
        E.g. ``"likely (72 %)"``.
    """
    words = ((0.95, "almost certainly"), (0.8, "very likely"), (0.6, "likely"), (0.0, "perhaps"))
    return f"{next(word for least, word in words if probability >= least)} ({100 * probability:.0f} %)"


def _spread(prediction: Prediction, name: str, ring: int, variant: str) -> str:
    q = prediction.quantiles(name, ring, variant)
    unit = "bit/s" if name.endswith("rate") else "s"
    return f"{show(q['median'], unit, 3)} (90 %: {show_range(q['low90'], q['high90'], unit)})"


def _median(prediction: Prediction, name: str, ring: int, variant: str) -> float:
    return prediction.quantiles(name, ring, variant)["median"]


def _more(prediction: Prediction, ring: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Relative gain of a ring over the present one in stock, one value per draw."""
    rates = prediction.draws["expected_rate"].sel(variant="stock")
    here, there = (rates.sel(ring=size).to_numpy() for size in (prediction.ring, ring))
    return np.asarray(there / np.maximum(here, 1.0) - 1.0)


def _enough(prediction: Prediction) -> int:
    """Smallest ring that brings most of what the best one does beyond the present one."""
    sizes = [int(n) for n in prediction.draws["ring"] if int(n) >= prediction.ring]
    medians = {n: _median(prediction, "expected_rate", n, "stock") for n in sizes}
    now, best = medians[prediction.ring], max(medians.values())
    return min(n for n, rate in medians.items() if rate >= now + ENOUGH * (best - now))


def _assumed(prediction: Prediction) -> list[str]:
    """What neither the person nor a prior said."""
    words = {"rtt": ("RTT", "s", "--rtt"), "ring": ("txqueuelen", "packet", "--ring")}
    taken = [
        f"{title} {show(float(prediction.used[name]['value']), unit)} ({option})"
        for name, (title, unit, option) in words.items()
        if prediction.used.get(name, {}).get("source") == "default"
    ]
    return [f"Nobody said, so this is assumed: {', '.join(taken)}."] if taken else []


def _fit(prediction: Prediction) -> list[str]:
    if prediction.fit is None or "received_rate" not in prediction.fit.observed:
        return []
    run = f"Your run {show(prediction.fit.observed['received_rate'], 'bit/s', 3)}, model "
    said = run + _spread(prediction, "received_rate", prediction.ring, "stock") + "."
    if prediction.fit.reproduced:
        return [said]
    return [
        said,
        "No likely constants give this run: something else holds it than what was given, so no advice follows.",
    ]


def _now(prediction: Prediction, held: dict[str, float]) -> str:
    said = _spread(prediction, "received_rate", prediction.ring, "stock")
    causes = [f"{name} ({100 * share:.0f} %)" for name, share in held.items() if share >= 0.1][:3]
    return f"txqueuelen {prediction.ring}, as it is: {said}; held by {' or '.join(causes)}."


def _cause(prediction: Prediction, held: dict[str, float], known: Product) -> list[str]:
    """What helps against the main cause, where that is neither the ring nor the flag."""
    main, share = next(iter(held.items()))
    used = prediction.used
    if share < SURE and main not in (READER, WINDOW):
        return []
    if main == LINK:
        return [
            "The link is the bottleneck: the ring is empty, neither a longer ring nor the flag gains anything here."
        ]
    if main == LOSS:
        better = (
            "" if used["congestion"]["value"] == "bbr" else " Try BBR at the sender (net.ipv4.tcp_congestion_control)."
        )
        return [f"Random loss on the path holds it: neither the ring nor the flag helps.{better}"]
    if main == WINDOW:
        return [_window(prediction)]
    if main == READER:
        return [f"Faster would be: {known.faster}."]
    if main == GROWTH:
        return ["The run is too short for its window to grow: a longer one, or BBR, shows what the path carries."]
    return []


def _window(prediction: Prediction) -> str:
    """The smaller of window and send buffer over the RTT, and what raises it."""
    used = prediction.used
    rtt, streams = float(used["rtt"]["value"]), int(used["streams"]["value"])
    sizes = {name: float(used[name]["value"]) for name in ("send_buffer", "receive_window") if name in used}
    name = min(sizes, key=lambda key: sizes[key])
    rate = streams * 8.0 * sizes[name] / rtt
    many = f"{streams} x " if streams > 1 else ""
    raised = {
        "send_buffer": "OpenVPN: `sndbuf`, `rcvbuf`; else SO_SNDBUF, net.ipv4.tcp_wmem",
        "receive_window": "net.ipv4.tcp_rmem at the receiver, tcp_wmem at the sender; OpenVPN: `sndbuf`, `rcvbuf`",
    }[name]
    return (
        f"{many}{show(sizes[name], 'byte', 3)} / {show(rtt, 's', 3)} = {show(rate, 'bit/s', 3)}: "
        f"raise the socket buffers first ({raised})."
    )


def _datagrams(prediction: Prediction) -> list[str]:
    """UDP: what is lost, and what a longer ring does to it."""
    longest = int(prediction.draws["ring"].max())
    lost = _median(prediction, "drop_fraction", prediction.ring, "stock")
    if lost < 0.001:
        return ["All that is sent passes: no longer ring is needed."]
    waits = [_median(prediction, "latency", ring, "stock") for ring in (prediction.ring, longest)]
    return [
        f"More is sent than is read: {percent(lost, 2)} is lost, the ring is full. A longer ring only delays (ping "
        f"under load {show(waits[0], 's', 2)} with {prediction.ring}, {show(waits[1], 's', 2)} with {longest}); "
        "send less, or read faster.",
        "IFF_BACKPRESSURE moves the loss: packets wait in the qdisc, a sender that blocks slows down, one "
        "that does not loses them there.",
    ]


def _today(
    prediction: Prediction,
    ring: int,
    longer: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    device: str,
    known: Product,
) -> list[str]:
    if ring == prediction.ring:
        return ["A longer ring would not help this path."]
    more = float(np.median(longer))
    times = f"{percent(more, 2)} more" if more < 1.0 else f"{1.0 + more:.2g} times as much"
    commands = [f"`ip link set dev {device} txqueuelen {ring}`"]
    commands += [known.queue.format(ring=ring)] if known.queue else []
    commands += [f"systemd.link: `TransmitQueueLength={ring}`"]
    chance = float((longer > WORTH).mean())
    return [
        f"Today, without the flag: txqueuelen {ring} or more, {sure(chance)} over {percent(WORTH)} faster (in the "
        f"middle {times}); {_ping(prediction, ring, 'stock')}.",
        f"That is: {'; '.join(commands)}.",
    ]


def _ping(prediction: Prediction, ring: int, variant: str) -> str:
    """What ping under load becomes, from stock at the present ring."""
    before = show(_median(prediction, "latency", prediction.ring, "stock"), "s", 2)
    after = show(_median(prediction, "latency", ring, variant), "s", 2)
    return f"ping under load stays {after}" if after == before else f"ping under load {after} instead of {before}"


def _flag(prediction: Prediction, known: Product) -> list[str]:
    chance = prediction.gain()["probability_above_10_percent"]
    price = _ping(prediction, prediction.ring, "backpressure")
    said = _spread(prediction, "received_rate", prediction.ring, "backpressure")
    if prediction.used["qdisc"]["value"] == "noqueue":
        return ["IFF_BACKPRESSURE needs a qdisc: attach one first (`tc qdisc add dev tun0 root fq_codel`)."]
    if chance < OPEN:
        return [f"{FLAG} is not likely to gain more than {percent(WORTH)} here ({100 * chance:.0f} %); {price}."]
    return [
        f"With {FLAG} at txqueuelen {prediction.ring}: {said}, {sure(chance)} over "
        f"{percent(WORTH)} faster; {price}. {known.flag[0].upper() + known.flag[1:]}."
    ]
