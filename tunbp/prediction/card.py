"""What to do with a path: sentences that its own table supports, with their confidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tunbp.model.drivers import COMPARED
from tunbp.model.fields import FIELDS
from tunbp.prediction.causes import GROWTH, LINK, LOSS, READER, SHAPER, WINDOW, causes
from tunbp.prediction.distribution import WORTH, Prediction
from tunbp.prediction.path import HEADERS
from tunbp.prediction.products import Product, product
from tunbp.quantities import percent, show, show_range

SURE, OPEN = 0.75, 0.25
"""Probabilities from which something is advised, and below which it is advised against."""

TELLING = 0.05
"""Share of the variance from which an unknown is worth measuring."""

LONGER_PING = 1.2
"""Ping under load over that of an idle path from which it is worth a word."""

SHOWN = 0.05
"""Relative gain of the table's medians below which no ring is advised: a person would not see it there."""

HALF = 0.5
"""Probability from which a longer ring is advised, and not only worth a try."""

LITTLE, SHORTER_PING = 0.9, 0.8
"""Parts of rate and ping that a shorter ring must keep, and must not exceed, to be worth a word."""

FELT = 0.01
"""Queueing [s] of a ping below which nobody asks for less."""

LARGE = 9000 - HEADERS
"""Segments [byte] from which no larger MTU is advised: it is one already."""

FULLY = 0.9
"""Part of the rate at which a program fills its processor from which a run is held by that."""

VAGUE = 1.5
"""Upper over lower end of an interval from which it is worth narrowing."""

UNAFFECTED = (LINK, LOSS, SHAPER, WINDOW)
"""Causes on which neither the ring nor the flag has an influence."""

SOME, ALMOST = 0.001, 0.95
"""Share of packets from which some are lost, and probability from which something is as good as certain."""

HERE, THERE = "on this host, which sends the data", "on the other end, which sends the data (download)"
PASSES = "on this host, for what others send into it (the downlink of a UPF)"
"""Whose ring it is, in words: a download fills that of the server."""

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
    side
        Whose ring it is, in words.
    """

    holds: dict[str, float]
    ring: int
    sentences: tuple[str, ...]
    side: str

    def __str__(self) -> str:
        """The advice, one sentence a line."""
        return "\n".join(self.sentences)


def card(
    prediction: Prediction, device: str = "", program: str = "openvpn", side: str = HERE, guessed: bool = False
) -> Card:
    """The advice that a prediction supports.

    Parameters
    ----------
    prediction
        What `tunbp.prediction.predict` returned.
    device
        Name of the device in the commands; empty: as the program names it.
    program
        The product that reads it (``data/priors.yaml``).
    side
        The host that sends the data, whose device's ring it is: `HERE` or `THERE`; of a program that forwards it is
        `PASSES` whichever is given.
    guessed
        Whether nobody said which program it is.

    Returns
    -------
    Card
        Sentences and commands of the advice.
    """
    held, known = causes(prediction), product(program)
    side = PASSES if known.forwards else side
    if prediction.fit is not None and not prediction.fit.reproduced:
        return Card(held, prediction.ring, (*_assumed(prediction, known, guessed), *_fit(prediction)), side)
    ring = _enough(prediction)
    longer = _more(prediction, ring)
    flagged, main = prediction.variant == "backpressure", next(iter(held))
    full = _full(prediction)
    held = {READER: 1.0} if full else held
    lines = [*_assumed(prediction, known, guessed), *_fit(prediction)]
    advised = prediction.ring
    if full:
        lines.append(
            f"The program is at the rate with which it fills its processor ({show(prediction.at_most, 'bit/s', 3)}): "
            f"neither a longer ring nor the flag gains anything. Faster would be: {known.faster}."
        )
        return Card(held, advised, tuple(lines), side)
    lines.append(_now(prediction, held))
    lines += _cause(prediction, held, known)
    if prediction.used["source"]["value"] != "tcp":
        lines += _datagrams(prediction)
    elif flagged:
        lines += _without(prediction)
    elif main not in UNAFFECTED or held[main] < SURE:
        name = device or known.device
        if _faster(prediction, ring, longer):
            advised = ring
            lines += _today(prediction, ring, longer, f"{side}: {_commands(ring, name, known)}")
        else:
            lines += _leave(prediction, lambda size: f"{side}: {_commands(size, name, known)}")
        lines += _flag(prediction, known, side)
    now = prediction.quantiles("received_rate", prediction.ring, prediction.variant)
    top = next(iter(prediction.ranking()), None)
    wide = now["high90"] > VAGUE * now["low90"]
    if top is not None and float(top["share"]) > TELLING and wide and not _flooded(prediction):
        share = percent(top["share"], 2)
        lines.append(f"What would say more: {words(top['name'])} ({share} of the spread): {top['measure']}.")
    return Card(held, advised, tuple(lines), side)


def _full(prediction: Prediction) -> bool:
    """Whether a measured run carried about the rate at which its program is said to fill a processor."""
    rates = [rate for run in prediction.fit.runs for rate in run.rates] if prediction.fit else []
    return bool(rates) and float(np.median(rates)) >= FULLY * prediction.at_most


def _flooded(prediction: Prediction) -> bool:
    """Whether a measured flood has told the speed of the reader: more was sent than arrived."""
    return prediction.used["source"]["value"] != "tcp" and prediction.fit is not None


def words(name: str) -> str:
    """A constant as people call it.

    Parameters
    ----------
    name
        Field of `tunbp.Scenario`, or a correction of ``data/priors.yaml``.

    Returns
    -------
    str
        E.g. ``link rate``.
    """
    return FIELDS[name].long_name if name in FIELDS else name.replace("_", " ")


def sure(probability: float) -> str:
    """A probability in words, and as the number behind them.

    Parameters
    ----------
    probability
        Between 0 and 1.

    Returns
    -------
    str
        E.g. ``"likely (72 %)"``; the words are the IPCC's for these probabilities.
    """
    words = (
        (0.95, "almost certainly"),
        (0.9, "very likely"),
        (0.66, "likely"),
        (0.33, "as likely as not"),
        (0.0, "perhaps"),
    )
    return f"{next(word for least, word in words if probability >= least)} ({100 * probability:.0f} %)"


def _spread(prediction: Prediction, name: str, ring: int, variant: str) -> str:
    q = prediction.quantiles(name, ring, variant)
    unit = "bit/s" if name.endswith("rate") else "s"
    return _said(q["median"], q["low90"], q["high90"], unit)


def _said(middle: float, low: float, high: float, unit: str) -> str:
    """A value with its 90 % interval, in one unit; alone where it is known as well as it is shown."""
    known = show(low, unit, 2) == show(high, unit, 2)
    return show(middle, unit, 3) + ("" if known else f" (90 %: {show_range(low, high, unit, like=middle)})")


def _median(prediction: Prediction, name: str, ring: int, variant: str) -> float:
    return prediction.quantiles(name, ring, variant)["median"]


def _more(prediction: Prediction, ring: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Relative gain of a ring over the present one in stock, one value per draw."""
    rates = prediction.draws["expected_rate"].sel(variant="stock")
    here, there = (rates.sel(ring=size).to_numpy() for size in (prediction.ring, ring))
    return np.asarray(there / np.maximum(here, 1.0) - 1.0)


def _enough(prediction: Prediction) -> int:
    """Smallest ring, not below the present one, over which a longer one is hardly worth it: in one of four draws."""
    sizes = [int(n) for n in prediction.draws["ring"] if int(n) >= prediction.ring]
    gained = {n: 1.0 + _more(prediction, n) for n in sizes}
    best = np.max(list(gained.values()), axis=0)
    return min(n for n, gain in gained.items() if np.mean(best > (1.0 + WORTH) * gain) <= OPEN or n == max(sizes))


def _faster(prediction: Prediction, ring: int, longer: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> bool:
    """Whether a ring is worth a word: the table shows it faster, and it may well be."""
    rates = [_median(prediction, "received_rate", size, "stock") for size in (prediction.ring, ring)]
    return rates[1] >= (1.0 + SHOWN) * rates[0] and float((longer > WORTH).mean()) >= OPEN


def _shorter(prediction: Prediction) -> int | None:
    """The smallest ring below the present one that costs little and whose ping is clearly shorter."""

    def worth(size: int) -> bool:
        rate, ping = (
            _median(prediction, name, size, "stock") / _median(prediction, name, prediction.ring, "stock")
            for name in ("received_rate", "latency")
        )
        loses = float((_more(prediction, size) < -WORTH).mean())
        return rate >= LITTLE and ping <= SHORTER_PING and loses <= OPEN

    if _median(prediction, "latency", prediction.ring, "stock") - float(prediction.used["rtt"]["value"]) < FELT:
        return None

    sizes = sorted(int(n) for n in prediction.draws["ring"] if int(n) < prediction.ring)
    return next((size for size in sizes if worth(size)), None)


def _assumed(prediction: Prediction, known: Product, guessed: bool) -> list[str]:
    """What neither the person nor a prior said."""
    words = {"rtt": ("RTT", "s", "--rtt"), "ring": ("txqueuelen", "packet", "--ring")}
    taken = [
        f"{title} {show(float(prediction.used[name]['value']), unit)} ({option})"
        for name, (title, unit, option) in words.items()
        if prediction.used.get(name, {}).get("source") == "default"
    ]
    taken = [f"{known.title} (--product)", *taken] if guessed else taken
    said = [f"Nobody said, so this is assumed: {', '.join(taken)}."] if taken else []
    return [*said, *([known.missing] if known.missing and "path_rate" not in prediction.used else [])]


def _fit(prediction: Prediction) -> list[str]:
    """What was measured beside what the model says of such runs."""
    if prediction.fit is None:
        return []
    told = [run for run in prediction.fit.runs if run.rates]
    lines = []
    for run in told:
        low, middle, high = run.model if prediction.fit.reproduced else run.before
        several = len(run.rates) > 1
        rates = show_range(min(run.rates), max(run.rates), "bit/s", 3) if several else show(run.rates[0], "bit/s", 3)
        what = f"Your {len(run.rates)} runs" if several else "Your run"
        if len(told) > 1:
            what += f" with txqueuelen {run.ring}, {'stock' if run.variant == 'stock' else 'with the flag'},"
        model = "model" if prediction.fit.reproduced else f"the model without {'them' if several else 'it'}"
        lines.append(f"{what} {rates}, {model} {_said(middle, low, high, 'bit/s')}.")
    if prediction.fit.reproduced:
        return lines
    what = "these runs: something else holds them" if len(told) > 1 else "this run: something else holds it"
    return [*lines, f"No likely constants give {what} than what was given, so no advice follows."]


def _now(prediction: Prediction, held: dict[str, float]) -> str:
    said = _spread(prediction, "received_rate", prediction.ring, prediction.variant)
    causes = [f"{name} ({100 * share:.0f} %)" for name, share in held.items() if share >= 0.1][:3]
    flag = "" if prediction.variant == "stock" else " with IFF_BACKPRESSURE"
    return f"txqueuelen {prediction.ring}{flag}, as it is: {said}; held by {' or '.join(causes)}."


def _cause(prediction: Prediction, held: dict[str, float], known: Product) -> list[str]:
    """What helps against the main cause, where that is neither the ring nor the flag."""
    main, share = next(iter(held.items()))
    used = prediction.used
    if share < SURE and main not in (READER, WINDOW):
        return []
    if main == LINK:
        return [
            "The link is the bottleneck: the ring is empty, neither a longer ring nor the flag gains anything here.",
            *_waiting(prediction),
        ]
    if main == SHAPER:
        return [
            "The qdisc shapes to less than the reader takes: packets wait there and not in the ring, so neither a "
            "longer ring nor the flag gains anything. Only a higher rate of the qdisc carries more."
        ]
    if main == LOSS:
        better = "" if used["congestion"]["value"] == "bbr" else _bbr(prediction)
        return [f"Random loss on the path holds it: neither the ring nor the flag helps.{better}"]
    if main == WINDOW:
        return [_window(prediction)]
    if main == READER:
        large = float(used["mss"]["value"]) >= LARGE and known.packets
        return [] if large else [f"Faster would be: {known.faster}."]
    if main == GROWTH:
        return ["The run is too short for its window to grow: a longer one, or BBR, shows what the path carries."]
    return []


def _waiting(prediction: Prediction) -> list[str]:
    """What shortens the ping of a path that its link holds."""
    ping, rtt = _median(prediction, "latency", prediction.ring, prediction.variant), prediction.used["rtt"]["value"]
    if ping < LONGER_PING * rtt:
        return []
    return [
        f"What waits, waits before the link (ping under load {show(ping, 's', 2)}, {show(rtt, 's', 2)} idle): CAKE, "
        "set a little below its rate, shortens it. On the machine that sends into the link: `tc qdisc replace dev "
        f"UPLINK root cake bandwidth {max(round(0.95 * _link(prediction) / 1e3), 1)}kbit`."
    ]


def _link(prediction: Prediction) -> float:
    """Rate of the slowest stage behind the reader, bit/s: the median of the draws."""
    return float(np.median(prediction.draws["ceiling"].sel(stage="link").to_numpy()))


def _bbr(prediction: Prediction) -> str:
    """What BBR, which does not answer random loss, may come to: the lowest of the stages."""
    lowest = prediction.draws["ceiling"].min("stage").to_numpy()
    low, middle, high = np.quantile(lowest, (0.05, 0.5, 0.95))
    return (
        " Try BBR on the machine whose TCP sends (not on a gateway that forwards it): `modprobe tcp_bbr; sysctl -w "
        "net.ipv4.tcp_congestion_control=bbr`. It does not slow down at random loss; window and programs then allow "
        f"up to {_said(middle, low, high, 'bit/s')}. If it is congestion that loses them, BBR only loses more."
    )


def _window(prediction: Prediction) -> str:
    """The smaller of window and send buffer over the RTT, and what raises it."""
    used = prediction.used
    rtt, streams = float(used["rtt"]["value"]), int(used["streams"]["value"])
    sizes = {name: float(used[name]["value"]) for name in ("send_buffer", "receive_window") if name in used}
    name = min(sizes, key=lambda key: sizes[key])
    rate = streams * 8.0 * sizes[name] / rtt
    many = f"{streams} x " if streams > 1 else ""
    guessed = f" (the {words(name)} is a guess: Linux' default)" if used[name]["source"] == "prior" else ""
    others = prediction.draws["ceiling"].drop_sel(stage=["window", "offered"]).min("stage").to_numpy()
    could = float(np.median(others))
    line = f"{many}{show(sizes[name], 'byte', 3)} / {show(rtt, 's', 3)} = {show(rate, 'bit/s', 3)}{guessed}: "
    if could <= rate:
        return f"{line}raise the socket buffers first, at both ends."
    most = int(2 ** np.ceil(np.log2(2.0 * could * rtt / 8.0 / streams)))
    line += f"raise the socket buffers first. The programs and the link allow {show(could, 'bit/s', 2)}. "
    if name == "send_buffer":
        return (
            f"{line}Where is it set? In the application (SO_SNDBUF): change it there. As OpenVPN's `sndbuf` it limits "
            "TCP with `proto tcp` alone: raise it at both ends. Else "
            f"`sysctl -w net.ipv4.tcp_wmem='4096 16384 {most}'` here."
        )
    return (
        f"{line}The window is half of tcp_rmem: `sysctl -w net.ipv4.tcp_rmem='4096 131072 {most}'` at the receiver, "
        f"`sysctl -w net.ipv4.tcp_wmem='4096 16384 {most}'` at the sender. If the tunnel itself runs over TCP "
        "(OpenVPN: `proto tcp`), its `sndbuf` and `rcvbuf` at both ends too."
    )


def _datagrams(prediction: Prediction) -> list[str]:
    """UDP: what is lost, and what a longer ring does to it."""
    longest = int(prediction.draws["ring"].max())
    lost = _median(prediction, "drop_fraction", prediction.ring, "stock")
    shares = prediction.draws["drop_fraction"].sel(ring=prediction.ring, variant="stock").to_numpy()
    chance = float((shares > SOME).mean())
    if lost < SOME and chance > 1.0 - ALMOST:
        return [
            f"In the median all that is sent passes; with a probability of {100 * chance:.0f} % some does not (90 %: "
            f"up to {percent(float(np.quantile(shares, 0.95)), 2)} lost). What arrives tells: `--measured`."
        ]
    if lost < SOME:
        return ["All that is sent passes: no longer ring is needed."]
    shorter = _shorter(prediction)
    waits = [_median(prediction, "latency", ring, "stock") for ring in (prediction.ring, longest)]
    return [
        f"More is sent than is read: {percent(lost, 2)} is lost, the ring is full. A longer ring only delays (ping "
        f"under load {show(waits[0], 's', 2)} with {prediction.ring}, {show(waits[1], 's', 2)} with {longest}); "
        "send less, or read faster.",
        *([f"A shorter one carries as much: {_ping(prediction, shorter, 'stock')} with {shorter}."] if shorter else []),
        "IFF_BACKPRESSURE moves the loss: packets wait in the qdisc, a sender that blocks slows down, one "
        "that does not loses them there.",
    ]


def _commands(ring: int, device: str, known: Product) -> str:
    """What sets txqueuelen, now and after the next start."""
    commands = [f"`{known.enter}ip link set dev {device} txqueuelen {ring}`"]
    commands += [known.queue.format(ring=ring)] if known.queue else []
    return "; ".join([*commands, *([] if known.enter else [f"systemd.link: `TransmitQueueLength={ring}`"])])


def _today(
    prediction: Prediction, ring: int, longer: np.ndarray[tuple[int, ...], np.dtype[np.float64]], commands: str
) -> list[str]:
    """What a longer ring brings without the flag, and how it is set."""
    chance = float((longer > WORTH).mean())
    rates = [show(_median(prediction, "received_rate", size, "stock"), "bit/s", 3) for size in (prediction.ring, ring)]
    begin = (
        "Today, without the flag: txqueuelen" if chance >= HALF else "Without the flag it is worth a try: txqueuelen"
    )
    return [
        f"{begin} {ring}, {sure(chance)} over {percent(WORTH)} faster (median {rates[1]} instead of "
        f"{rates[0]}); {_ping(prediction, ring, 'stock')}.",
        f"That is, {commands}.",
    ]


def _leave(prediction: Prediction, commands: Callable[[int], str]) -> list[str]:
    """What is said where no longer ring helps: that, and whether a shorter one would do."""
    lines = ["A longer ring would not help this path."]
    size = _shorter(prediction)
    if size is not None:
        rates = [show(_median(prediction, "received_rate", n, "stock"), "bit/s", 3) for n in (prediction.ring, size)]
        lines += [
            f"A shorter one costs little: with {size} it carries {rates[1]} instead of {rates[0]} in the median, "
            f"{_ping(prediction, size, 'stock')}. That is, {commands(size)}."
        ]
    return lines


def _without(prediction: Prediction) -> list[str]:
    """What a path that has the flag would be without it."""
    chance = prediction.gain()["probability_above_10_percent"]
    stock = _spread(prediction, "received_rate", prediction.ring, "stock")
    ping = show(_median(prediction, "latency", prediction.ring, "stock"), "s", 2)
    now = show(_median(prediction, "latency", prediction.ring, "backpressure"), "s", 2)
    return [
        f"Without {FLAG} at txqueuelen {prediction.ring}: {stock}; the flag gains over {percent(WORTH)} with a "
        f"probability of {100 * chance:.0f} %; ping under load {now} with it, {ping} without."
    ]


def _ping(prediction: Prediction, ring: int, variant: str) -> str:
    """What ping under load becomes, from stock at the present ring; at its worst too, where that grows."""
    now, then = (
        prediction.quantiles("latency", size, which) for size, which in ((prediction.ring, "stock"), (ring, variant))
    )
    before, after = (show(q["median"], "s", 2) for q in (now, then))
    tail = then["high90"] > LONGER_PING * now["high90"]
    stays = "{} in the median as before" if tail else "stays {}"
    said = f"ping under load {stays.format(after) if after == before else f'{after} instead of {before}'}"
    if tail:
        worst, today = show(then["high90"], "s", 2), show(now["high90"], "s", 2)
        said += f" (in one case of twenty over {worst}; today over {today})"
    return said


def _flag(prediction: Prediction, known: Product, side: str) -> list[str]:
    chance = prediction.gain()["probability_above_10_percent"]
    price = _ping(prediction, prediction.ring, "backpressure")
    said = _spread(prediction, "received_rate", prediction.ring, "backpressure")
    if prediction.used["qdisc"]["value"] == "noqueue":
        return ["IFF_BACKPRESSURE needs a qdisc: attach one first (`tc qdisc add dev tun0 root fq_codel`)."]
    if chance < OPEN:
        return [f"{FLAG} is not likely to gain more than {percent(WORTH)} here ({100 * chance:.0f} %); {price}."]
    return [
        f"With {FLAG} at txqueuelen {prediction.ring}: {said}, {sure(chance)} over "
        f"{percent(WORTH)} faster; {price}. It takes such a kernel {side.split(',')[0]}; {known.flag}."
    ]
