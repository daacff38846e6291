"""What to do with a path: sentences that its own table supports, with their confidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tunbp.model.drivers import COMPARED
from tunbp.model.fields import FIELDS
from tunbp.prediction import settings
from tunbp.prediction.causes import GROWTH, LINK, LOSS, READER, RING, SENDER, SHAPER, WINDOW, causes
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

NAMED = 0.1
"""Share of the draws from which a cause is named."""

MAINLY = 0.66
"""Share of the draws from which one cause alone is named: it is likely."""

VAGUE = 1.5
"""Upper over lower end of an interval from which it is worth narrowing."""

UNAFFECTED = (LINK, LOSS, SHAPER, WINDOW)
"""Causes on which neither the ring nor the flag has an influence."""

LEAST_SHOWN = 1e-4
"""Share of drops below which a table only says that there are some."""

SOME, ALMOST = 0.001, 0.95
"""Share of packets from which some are lost, and probability from which something is as good as certain."""

HERE, THERE = "on this host, whose device sends the data (upload)", "on the other end, whose device sends it (download)"
PASSES = "on this host, for what others send into it (the downlink of a UPF)"
"""Whose ring it is, in words: a download fills that of the server."""

RULE = "the smallest over which a longer one is hardly worth it"
"""How a ring is chosen, see `_enough`."""

FLAG = f"the flag IFF_BACKPRESSURE (Linux {COMPARED['backpressure']})"
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
    verdict
        One sentence: what limits this tunnel, and whether a longer ring or the flag helps, with the probability.
    basis
        What that stands on: what was assumed, what was measured, what the path carries as it is.
    advice
        What to do today, what the flag brings, what helps more, the price in ping, what to measure.
    side
        Whose ring it is, in words.
    """

    holds: dict[str, float]
    ring: int
    verdict: str
    basis: tuple[str, ...]
    advice: tuple[str, ...]
    side: str

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of it, the verdict first."""
        return (self.verdict, *self.basis, *self.advice)

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
    basis = [*_assumed(prediction, known, guessed), *_fit(prediction)]
    if prediction.fit is not None and not prediction.fit.reproduced:
        return Card(held, prediction.ring, _unknown(prediction), tuple(basis), _look(device or known.device), side)
    if _full(prediction):
        most = show(prediction.at_most, "bit/s", 3)
        verdict = (
            f"The program fills its processor at the rate that it carries ({most}): neither a longer ring nor "
            f"{FLAG} gains anything."
        )
        return Card({READER: 1.0}, prediction.ring, verdict, tuple(basis), (f"What helps more: {known.faster}.",), side)
    tcp, name = prediction.used["source"]["value"] == "tcp", device or known.device
    if prediction.fit is None or len(prediction.fit.runs) > 1 or prediction.variant == "backpressure":
        basis.append(_now(prediction))
    advised = _advised(prediction, held) if tcp else prediction.ring
    if not tcp:
        verdict, advice = _flood(prediction, held, known), _datagrams(prediction, name, known)
    elif prediction.variant == "backpressure":
        chance = sure(prediction.gain()["probability_above_10_percent"])
        gain = f"the flag, which is set, {chance} makes it over {percent(WORTH)} faster"
        verdict = f"{_limits(prediction, held, known)}; {gain}."
        advice = _without(prediction)
    elif _unaffected(held):
        verdict, advice = f"{_limits(prediction, held, known)}: neither a longer ring nor {FLAG} helps.", []
    else:
        verdict = f"{_limits(prediction, held, known)}; {_helps(prediction, advised)}."
        advice = _today(prediction, advised, name, known, side) + _flag(prediction, known, side)
    advice += _more(prediction, held, known)
    if tcp and prediction.variant == "stock" and not _unaffected(held):
        advice += _pacing(prediction, name)
        advice += _price(prediction, advised)
    return Card(held, advised, verdict, tuple(basis), (*advice, *_measure(prediction, name, side)), side)


def _unaffected(held: dict[str, float]) -> bool:
    """Whether what holds the path is nothing on which ring or flag has an influence."""
    main, share = next(iter(held.items()))
    return main in UNAFFECTED and share >= SURE


def _advised(prediction: Prediction, held: dict[str, float]) -> int:
    """The ring to set; the present one where a longer one is not worth a word."""
    ring = _enough(prediction)
    stock = prediction.variant == "stock" and not _unaffected(held)
    return ring if stock and _faster(prediction, ring, _gained(prediction, ring)) else prediction.ring


SUBJECTS = {
    READER: ("{} itself", "limits"),
    LINK: ("the link", "limits"),
    SHAPER: ("the rate to which the qdisc shapes", "limits"),
    WINDOW: ("the window of TCP", "limits"),
    RING: ("drops in the ring", "limit"),
    LOSS: ("random loss on the path", "limits"),
    GROWTH: ("the growth of TCP's window", "limits"),
    SENDER: ("what is sent", "limits"),
}
"""Causes as the subject of a sentence, and its verb."""


def _limits(prediction: Prediction, held: dict[str, float], known: Product) -> str:
    """What limits the tunnel, with its probability: half of the verdict."""

    def said(cause: str) -> str:
        name = "the program" if known.title.startswith(("a ", "another ")) else known.title
        return SUBJECTS[cause][0].format(name)

    main, share = next(iter(held.items()))
    tail = _tail(prediction)
    if share >= MAINLY:
        words = f"{sure(share)} {said(main)} {SUBJECTS[main][1]} this tunnel"
        return words[0].upper() + words[1:] + (f" ({tail})" if tail and main == RING else "")
    named = [name for name, part in held.items() if part >= NAMED][:3]
    notes = {name: f"; {tail}" if tail and name == RING else "" for name in named}
    words = " or ".join(f"{said(name)} ({100 * held[name]:.0f} %{notes[name]})" for name in named)
    words = words if words.startswith(known.title) else f"{words[0].upper()}{words[1:]}"  # a name is as it is written
    return f"{words} limit this tunnel"


def _tail(prediction: Prediction) -> str:
    """Where drops limit some draws and half of them have none: what one draw of ten loses."""
    lost = prediction.draws["drop_fraction"].sel(ring=prediction.ring, variant=prediction.variant).to_numpy()
    if float(np.median(lost)) >= LEAST_SHOWN:
        return ""
    return f"mostly none, in one case of ten {percent(float(np.quantile(lost, 0.9)), 2)} or more"


def _helps(prediction: Prediction, ring: int) -> str:
    """Whether a longer ring or the flag helps: the other half of the verdict."""
    flag = prediction.gain()["probability_above_10_percent"]
    chances = (
        {f"txqueuelen {ring}": float((_gained(prediction, ring) > WORTH).mean())} if ring != prediction.ring else {}
    )
    if flag >= OPEN and prediction.used["qdisc"]["value"] != "noqueue":
        chances[FLAG] = flag
    what = f"over {percent(WORTH)} faster"
    words = {name: sure(chance).partition(" (")[0] for name, chance in chances.items()}
    if len(chances) == 2 and len(set(words.values())) == 1:
        both = " or ".join(f"{name} ({100 * chance:.0f} %)" for name, chance in chances.items())
        return f"{both} {words[FLAG]} makes it {what}"
    if chances:
        said = " and ".join(f"{name} {sure(chance)} makes it {what}" for name, chance in chances.items())
        return f"a longer ring hardly helps, {said}" if ring == prediction.ring else said
    shorter = _shorter(prediction)
    less = "" if shorter is None else f"; a shorter one, {shorter}, costs little and shortens the ping"
    return f"neither a longer ring nor {FLAG} ({100 * flag:.0f} %) is likely to help{less}"


def _unknown(prediction: Prediction) -> str:
    what = "these runs" if prediction.fit and len(prediction.fit.runs) > 1 else "this run"
    return (
        f"No answer: likely constants do not give {what}, so that something else limits this tunnel than what was "
        "given, and no advice follows."
    )


def _look(device: str) -> tuple[str, ...]:
    """What to look at where no likely constants give a run."""
    return (
        "What would say more: whether the ring drops at all while it runs (`ip -s link show "
        f"{device}` before and after: `--trace before.txt --trace after.txt`), and whether RTT, txqueuelen, rates and "
        "program are as given.",
    )


def _measure(prediction: Prediction, device: str, side: str) -> list[str]:
    """The unknown that widens the interval most, where it is worth narrowing."""
    now = prediction.quantiles("received_rate", prediction.ring, prediction.variant)
    top = next(iter(prediction.ranking()), None)
    wide = now["high90"] > VAGUE * now["low90"]
    if top is None or float(top["share"]) <= TELLING or not wide or _flooded(prediction):
        return []
    share, how = percent(top["share"], 2), str(top["measure"])
    there = " there" if side == THERE and "DEV" in how else ""
    command = how.replace("tunbp lab probe DEV", f"`tunbp lab probe {device}`{there}")
    return [f"What would say more: {words(top['name'])} ({share} of the spread): {command}."]


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
    return f"{next(word for least, word in words if round(probability, 2) >= least)} ({100 * probability:.0f} %)"


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


def _gained(prediction: Prediction, ring: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Relative gain of a ring over the present one in stock, one value per draw."""
    rates = prediction.draws["expected_rate"].sel(variant="stock")
    here, there = (rates.sel(ring=size).to_numpy() for size in (prediction.ring, ring))
    return np.asarray(there / np.maximum(here, 1.0) - 1.0)


def _enough(prediction: Prediction) -> int:
    """Smallest ring, not below the present one, over which a longer one is hardly worth it: in one of four draws."""
    sizes = [int(n) for n in prediction.draws["ring"] if int(n) >= prediction.ring]
    gained = {n: 1.0 + _gained(prediction, n) for n in sizes}
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
        loses = float((_gained(prediction, size) < -WORTH).mean())
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
    return [*said, *([known.missing] if known.missing and known.unless not in prediction.used else [])]


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
    tcp = prediction.used["source"]["value"] == "tcp"
    if (
        tcp
        and len(told) == 1
        and prediction.fit.reproduced
        and "path_rate" in prediction.unknown
        and not _full(prediction)
    ):
        lines.append("If a link of about that rate stands behind the tunnel, it is the limit: give --path-rate.")
    return lines


def _now(prediction: Prediction) -> str:
    said = _spread(prediction, "received_rate", prediction.ring, prediction.variant)
    flag = "" if prediction.variant == "stock" else " and the flag"
    return f"As it is, with txqueuelen {prediction.ring}{flag}: {said}."


def _more(prediction: Prediction, held: dict[str, float], known: Product) -> list[str]:
    """What helps against the main cause, where that is neither the ring nor the flag."""
    main, share = next(iter(held.items()))
    used = prediction.used
    if share < SURE and main not in (READER, WINDOW):
        return []
    if main == LINK:
        return _waiting(prediction)
    if main == SHAPER:
        return ["What helps more: a higher rate of the qdisc. Packets wait there and not in the ring."]
    if main == LOSS:
        return [] if used["congestion"]["value"] == "bbr" else [_bbr(prediction)]
    if main == WINDOW:
        return [f"What helps more: {_window(prediction)}"]
    if main == READER:
        large = float(used["mss"]["value"]) >= LARGE and known.packets
        return [] if large else [f"What helps more: {known.faster}."]
    if main == GROWTH:
        return ["What helps more: a longer run, or BBR: this one is too short for its window to grow."]
    return []


def _pacing(prediction: Prediction, device: str) -> list[str]:
    """What spares a ring that the flag would spare: senders that do not send in blocks."""
    used = {name: row["value"] for name, row in prediction.used.items()}
    if used["origin"] != "local" or used["qdisc"] == "fq" or used["congestion"] == "bbr":
        return []
    if prediction.gain()["probability_above_10_percent"] < HALF:
        return []
    ask = "" if prediction.fit else " (--qdisc fq and --congestion bbr predict them)"
    return [
        f"What may help as well, where TCP begins on the same host: pacing, by `tc qdisc replace dev {device} root fq` "
        f"(to keep it: `net.core.default_qdisc=fq` in /etc/sysctl.d/90-fq.conf) or BBR{ask}."
    ]


def _waiting(prediction: Prediction) -> list[str]:
    """What shortens the ping of a path that its link holds."""
    ping, rtt = _median(prediction, "latency", prediction.ring, prediction.variant), prediction.used["rtt"]["value"]
    if ping < LONGER_PING * rtt:
        return []
    rate = _link(prediction)
    return [
        f"What waits, waits before the link (ping under load {show(ping, 's', 2)}, {show(rtt, 's', 2)} idle). CAKE at "
        f"95 % of the link's rate shortens that on the machine that sends into it, the host or the router: "
        f"{settings.cake(0.95 * rate)}. Where the link's rate varies (radio, phone) take the lowest that you see.",
        "A download is sent into the link by the far side: CAKE belongs there, or on what comes in here (ifb, at the "
        "router); on your own way out it does nothing for it.",
        f"CAKE counts headers, too: if the {show(rate, 'bit/s', 3)} given are payload, as all rates here, it may be "
        "some 5 % more.",
    ]


def _link(prediction: Prediction) -> float:
    """Rate of the slowest stage behind the reader, bit/s: the median of the draws."""
    return float(np.median(prediction.draws["ceiling"].sel(stage="link").to_numpy()))


def _bbr(prediction: Prediction) -> str:
    """What BBR, which does not answer random loss, may come to: the lowest of the stages."""
    lowest = prediction.draws["ceiling"].min("stage").to_numpy()
    low, middle, high = np.quantile(lowest, (0.05, 0.5, 0.95))
    return (
        "What helps more: try BBR on the machine whose TCP sends, not on a gateway that forwards it: "
        f"{settings.sysctl({'net.ipv4.tcp_congestion_control': 'bbr'}, 'bbr')}. It does not slow down at random loss: "
        f"window and programs then allow up to {_said(middle, low, high, 'bit/s')}. If congestion loses them, BBR only "
        "loses more."
    )


def _window(prediction: Prediction) -> str:
    """The smaller of window and send buffer over the RTT, and what raises it."""
    used = prediction.used
    rtt, streams = float(used["rtt"]["value"]), int(used["streams"]["value"])
    sizes = {name: float(used[name]["value"]) for name in ("send_buffer", "receive_window") if name in used}
    name = min(sizes, key=lambda key: sizes[key])
    rate = streams * 8.0 * sizes[name] / rtt
    many = f"{streams} x " if streams > 1 else ""
    guessed = ""
    if used[name]["source"] == "prior":
        guessed = f" (the {words(name)} is a guess near Linux' default: `ss -tim` at the sender tells `rwnd_limited`)"
    others = prediction.draws["ceiling"].drop_sel(stage=["window", "offered"]).min("stage").to_numpy()
    could = float(np.median(others))
    line = f"{many}{show(sizes[name], 'byte', 3)} / {show(rtt, 's', 3)} = {show(rate, 'bit/s', 3)}{guessed}: "
    if could <= rate:
        return f"{line}raise the socket buffers first, at both ends."
    most = int(2 ** np.ceil(np.log2(2.0 * could * rtt / 8.0 / streams)))
    line += f"raise the socket buffers first. The programs and the link allow {show(could, 'bit/s', 2)}. "
    send = settings.sysctl({"net.ipv4.tcp_wmem": f"4096 16384 {most}"}, "tcp")
    if name == "send_buffer":
        return (
            f"{line}Where is it set? In the application (SO_SNDBUF): take that out, so that Linux sizes it itself, or "
            "raise it, which net.core.wmem_max limits. As OpenVPN's `sndbuf` (its "
            "config below /etc/openvpn) it limits TCP with `proto tcp` alone: raise it at both ends. Else, on the "
            f"machine whose TCP sends: {send}."
        )
    return (
        f"{line}The window is half of tcp_rmem: `sysctl -w net.ipv4.tcp_rmem='4096 131072 {most}'` at the receiver, at "
        f"the sender {send}. If the tunnel itself runs over TCP (OpenVPN: `proto tcp`), its `sndbuf` and `rcvbuf` too."
    )


def _flood(prediction: Prediction, held: dict[str, float], known: Product) -> str:
    """The verdict on a source without feedback."""
    lost, chance = _lost(prediction)
    if lost < SOME and chance > 1.0 - ALMOST:
        worst = percent(_worst(prediction), 2)
        return (
            f"In the median all that is sent passes; with a probability of {100 * chance:.0f} % some does not (in one "
            f"case of twenty {worst} or more is lost). What arrives tells: `--measured`."
        )
    if lost < SOME:
        return "All that is sent passes: nothing limits it, and no longer ring is needed."
    return (
        f"{_limits(prediction, held, known)}: {percent(lost, 2)} of what is sent is lost; a longer ring only delays, "
        f"and {FLAG} moves the loss to the sender."
    )


def _lost(prediction: Prediction) -> tuple[float, float]:
    """Median share of what does not arrive, and the probability that some does not."""
    shares = prediction.draws["drop_fraction"].sel(ring=prediction.ring, variant="stock").to_numpy()
    return _median(prediction, "drop_fraction", prediction.ring, "stock"), float((shares > SOME).mean())


def _worst(prediction: Prediction) -> float:
    return prediction.quantiles("drop_fraction", prediction.ring, "stock")["high90"]


def _datagrams(prediction: Prediction, device: str, known: Product) -> list[str]:
    """UDP: what a longer ring does to what is lost."""
    longest = int(prediction.draws["ring"].max())
    if _lost(prediction)[0] < SOME:
        return []
    shorter = _shorter(prediction)
    waits = [_median(prediction, "latency", ring, "stock") for ring in (prediction.ring, longest)]
    less = ""
    if shorter:
        now = settings.ring(shorter, device, known)[0]
        less = f" With {shorter} about as much passes, {_ping(prediction, shorter)}: {now}."
    return [
        f"Today: send less, or read faster. The ring is full: ping under load {show(waits[0], 's', 2)} with "
        f"{prediction.ring}, {show(waits[1], 's', 2)} with {longest}.{less}",
        "With the flag packets wait in the qdisc: a sender that blocks slows down, one that does not loses them there.",
    ]


def _today(prediction: Prediction, ring: int, device: str, known: Product, side: str) -> list[str]:
    """What a longer ring brings without the flag, or a shorter one where no longer one does, and how it is set."""
    longer = ring != prediction.ring
    size = ring if longer else _shorter(prediction)
    if size is None:
        return []
    rates = [show(_median(prediction, "received_rate", n, "stock"), "bit/s", 3) for n in (prediction.ring, size)]
    now, kept = settings.ring(size, device, known)
    chance = float((_gained(prediction, ring) > WORTH).mean())
    begin = "Today" if chance >= HALF or not longer else "Worth a try today"
    change = f"{rates[1]} instead of {rates[0]} in the median"
    why = f"It is {RULE}." if longer else f"{_ping(prediction, size).capitalize()}."
    return [f"{begin}: {now} {side}: {change}. {why}", f"To keep it: {kept}."]


def _without(prediction: Prediction) -> list[str]:
    """What a path that has the flag would be without it."""
    stock = _spread(prediction, "received_rate", prediction.ring, "stock")
    ping = show(_median(prediction, "latency", prediction.ring, "stock"), "s", 2)
    now = show(_median(prediction, "latency", prediction.ring, "backpressure"), "s", 2)
    return [f"Without {FLAG} at txqueuelen {prediction.ring}: {stock}; ping under load {now} with it, {ping} without."]


def _ping(prediction: Prediction, ring: int) -> str:
    """What ping under load becomes in stock with another ring."""
    after, before = (show(_median(prediction, "latency", size, "stock"), "s", 2) for size in (ring, prediction.ring))
    return f"ping under load {after} instead of {before}"


def _price(prediction: Prediction, ring: int) -> list[str]:
    """What ping under load becomes with what is advised, at its worst too, where that grows."""
    rows = {"now": prediction.quantiles("latency", prediction.ring, "stock")}
    if ring != prediction.ring:
        rows[f"with txqueuelen {ring}"] = prediction.quantiles("latency", ring, "stock")
    if prediction.gain()["probability_above_10_percent"] >= OPEN:
        rows["with the flag"] = prediction.quantiles("latency", prediction.ring, "backpressure")
    if len(rows) == 1:
        return []
    middles = {name: show(q["median"], "s", 2) for name, q in rows.items()}
    worst = [q["high90"] for q in rows.values()]
    if len(set(middles.values())) == 1:
        said = f"ping under load stays {middles['now']} in the median"
    else:
        said = f"ping under load {', '.join(f'{ping} {name}' for name, ping in middles.items())}"
    if max(worst) > LONGER_PING * worst[0]:
        said += f"; in one case of twenty over {', '.join(show(value, 's', 2) for value in worst)}"
    return [f"Price: {said}."]


def _flag(prediction: Prediction, known: Product, side: str) -> list[str]:
    chance = prediction.gain()["probability_above_10_percent"]
    if prediction.used["qdisc"]["value"] == "noqueue":
        return ["The flag needs a qdisc: attach one first (`tc qdisc add dev tun0 root fq_codel`)."]
    if chance < OPEN:
        return []
    said = _spread(prediction, "received_rate", prediction.ring, "backpressure")
    return [
        f"With {FLAG} at txqueuelen {prediction.ring}: {said}. It takes such a kernel {side.split(',')[0]}; "
        f"{known.flag}."
    ]
