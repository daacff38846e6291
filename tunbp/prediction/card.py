"""What to do with a path: sentences that its own table supports, with their confidence."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tunbp.model.drivers import COMPARED
from tunbp.prediction import settings
from tunbp.prediction.brings import gains
from tunbp.prediction.causes import ALSO, LINK, LOSS, READER, RING, SHAPER, WINDOW, causes
from tunbp.prediction.distribution import WORTH, Prediction
from tunbp.prediction.first import first
from tunbp.prediction.offered import DEVICE, QUEUEING, Remedy
from tunbp.prediction.phrases import (
    LINK_OR_TUNNEL,
    SUBJECTS,
    interval_of,
    median_of,
    subject,
    sure,
    with_interval,
    words,
)
from tunbp.prediction.products import Product, product
from tunbp.prediction.remedies import LONGER_PING, SURE, Asked, pacing, remedies
from tunbp.prediction.rings import HALF, OPEN, chance_of, enough, shorter_ring, why_enough
from tunbp.prediction.sides import HERE, Side, of_program
from tunbp.quantities import percent, show, show_range

TELLING = 0.05
"""Share of the variance from which an unknown is worth measuring."""

FULLY = 0.9
"""Part of the rate at which a program fills its processor from which a run is held by that."""

NAMED = 0.1
"""Share of the draws from which a cause is named."""

MAINLY = 0.66
"""Share of the draws from which one cause alone is named: it is likely."""

VAGUE = 1.5
"""Upper over lower end of an interval from which it is worth narrowing."""

NEVER = 0.05
"""Probability of a gain below which it is said not to be there."""

UNAFFECTED = (LINK, LOSS, SHAPER, WINDOW)
"""Causes on which neither the ring nor the flag has an influence."""

LEAST_SHOWN = 1e-4
"""Share of drops below which a table only says that there are some."""

SOME, ALMOST = 0.001, 0.95
"""Share of packets from which some are lost, and probability from which something is as good as certain."""

TRIED = 2
"""How much longer a ring is tried where it overflows and no more can be said."""

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
    remedies
        What it offers, in numbers.
    """

    holds: dict[str, float]
    ring: int
    verdict: str
    basis: tuple[str, ...]
    advice: tuple[str, ...]
    side: str
    remedies: tuple[Remedy, ...] = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of it, the verdict first."""
        return (self.verdict, *self.basis, *self.advice)

    def __str__(self) -> str:
        """The advice, one sentence a line."""
        return "\n".join(self.sentences)


def card(
    prediction: Prediction, device: str = "", program: str = "openvpn", side: Side = HERE, guessed: bool = False,
    more: bool = True,
) -> Card:  # fmt: skip
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
        Which host does what, see `tunbp.prediction.sides`; some programs have their own whichever is given.
    guessed
        Whether nobody said which program it is.
    more
        Whether to predict what a remedy other than the ring brings, too: a twentieth of the prediction's time.

    Returns
    -------
    Card
        Sentences and commands of the advice.
    """
    held, known = causes(prediction), product(program)
    side = of_program(known.side) if known.side else side
    basis = [*_assumed(prediction, known, guessed), *_fit(prediction)]
    if prediction.fit is not None and not prediction.fit.reproduced:
        return Card(
            held,
            prediction.ring,
            _unknown(prediction, settings.ring(TRIED * prediction.ring, device or known.device, known).now),
            tuple(basis),
            _look(prediction, device or known.device),
            side.ring,
        )
    if _full(prediction):
        most = show(prediction.at_most, "bit/s", 3)
        verdict = (
            f"The program fills its processor at the rate that it carries ({most}): neither a longer ring nor "
            f"{FLAG} gains anything."
        )
        faster = (f"What helps more: {known.faster}.",)
        offered = (Remedy("program", READER, DEVICE, side.ring, {}, how=known.faster),)
        return Card({READER: 1.0}, prediction.ring, verdict, tuple(basis), faster, side.ring, offered)
    tcp, name = prediction.used["source"]["value"] == "tcp", device or known.device
    basis += _early(prediction, held) if tcp and prediction.variant == "stock" else []
    advised = _advised(prediction, held) if tcp else prediction.ring
    asked = Asked(prediction, held, known, side, name, advised, more)
    if not tcp:
        verdict, advice = _flood(prediction, held, known), _datagrams(asked)
    elif prediction.variant == "backpressure":
        chance = sure(prediction.gain()["probability_above_10_percent"])
        gain = f"the flag, which is set, {chance} makes it over {percent(WORTH)} faster"
        verdict = f"{_limits(prediction, held, known)}; {gain}."
        advice = _without(prediction)
    elif _unaffected(held):
        verdict, advice = f"{_limits(prediction, held, known)}: neither a longer ring nor {FLAG} helps.", []
    else:
        verdict = f"{_limits(prediction, held, known)}; {_helps(prediction, advised, known)}."
        advice = _in_order(asked)
    if not tcp or prediction.variant == "backpressure" or _unaffected(held):
        advice += remedies(asked, next(iter(held)))
    else:
        advice += [*pacing(asked), *_watch(asked), *_price(asked)]
    advice += _measure(asked)
    names = _placeholders(known, advice, "" if device else name)
    said = (*advice[:-1], " ".join((*advice[-1:], *names)))
    begin = first(asked)
    if not begin and (prediction.fit is None or len(prediction.fit.runs) > 1 or prediction.variant == "backpressure"):
        basis.append(_now(prediction))
    return Card(held, advised, verdict, (*begin, *_otherwise(asked), *basis), said, side.ring, tuple(asked.offers))


def _otherwise(asked: Asked) -> list[str]:
    """That buffers which were given and limit most may be those of the program's own sockets, which limit no window."""
    used, own = asked.prediction.used, asked.known.own
    given = any(used.get(name, {}).get("source") == "given" for name in ("receive_window", "send_buffer"))
    return [own] if own and given and next(iter(asked.held)) == WINDOW else []


def _placeholders(known: Product, advice: list[str], name: str) -> list[str]:
    """What stands in commands for a container and its device, or for a device of which nobody said the name."""
    if not known.enter or not any(known.enter in line for line in advice):
        used = name and any(f" {name}" in line for line in advice)
        return [f"{name} stands for the tunnel's device: `ip -br link` lists yours."] if used else []
    return [
        "PID is a process of the container (podman: `podman inspect --format '{{.State.Pid}}' NAME`), "
        f"{known.device} its interface (`{known.enter}ip -br link`, as root)."
    ]


def _in_order(asked: Asked) -> list[str]:
    """What to do against ring and window, the likelier first, and what helps against the main cause beside them."""
    held, known, main = asked.held, asked.known, next(iter(asked.held))
    named = [cause for cause in held if cause == main or held[cause] >= ALSO]
    blocks = {cause: remedies(asked, cause) for cause in named if cause in (WINDOW, READER)}
    blocks[RING] = _today(asked) + _flag(asked)
    several = [cause for cause in named if blocks.get(cause)]
    order = several if len(several) > 1 else [RING, *(cause for cause in blocks if cause != RING)]
    said = []
    for place, cause in enumerate(order, 1):
        first, *rest = blocks[cause] or [""]
        if len(several) > 1:
            first = f"{place}. Against {subject(cause, known)} ({100 * held[cause]:.0f} %). {first}"
            first = first.replace(". The window:", ":").replace(". What helps more:", ":")
        said += [first, *rest] if first else []
    return said + (remedies(asked, main) if main not in blocks or (main == RING and READER not in blocks) else [])


def _watch(asked: Asked) -> list[str]:
    """What shows whether the ring drops, where the verdict rests on that."""
    if asked.held.get(RING, 0.0) < ALSO or _seen(asked.prediction):
        return []
    command = settings.watch(asked.device, asked.known.enter)
    return [
        f"To see it, {asked.side.kernel}, start a transfer during {command}: the ring overflows if `dropped` below "
        "TX grows."
    ]


def _unaffected(held: dict[str, float]) -> bool:
    """Whether what holds the path is nothing on which ring or flag has an influence."""
    main, share = next(iter(held.items()))
    return main in UNAFFECTED and share >= SURE


def _advised(prediction: Prediction, held: dict[str, float]) -> int:
    """The ring to set; the present one where a longer one is not worth it."""
    stock = prediction.variant == "stock" and not _unaffected(held)
    return enough(prediction) if stock else prediction.ring


def _limits(prediction: Prediction, held: dict[str, float], known: Product) -> str:
    """What limits the tunnel, with its probability: half of the verdict."""

    def said(cause: str) -> str:
        behind = " or a link behind it" if cause == READER and _link_or_program(prediction) else ""
        return subject(cause, known) + behind

    main, share = next(iter(held.items()))
    unless = ", unless a link of that rate follows it" if main == RING and _link_or_program(prediction) else ""
    if share >= MAINLY:
        words = f"{sure(share)} {said(main)} {SUBJECTS[main][1]} this tunnel{unless}"
        return words[0].upper() + words[1:]
    named = [name for name, part in held.items() if part >= NAMED][:3]
    words = " or ".join(f"{said(name)} ({100 * held[name]:.0f} %)" for name in named)
    words = words if words.startswith(known.title) else f"{words[0].upper()}{words[1:]}"  # a name is as it is written
    return f"{words} limit this tunnel"


def _early(prediction: Prediction, held: dict[str, float]) -> list[str]:
    """Where drops limit that the table's median does not show: those of the start, which it leaves out, are enough."""
    lost = prediction.draws["drop_fraction"].sel(ring=prediction.ring, variant=prediction.variant).to_numpy()
    if held.get(RING, 0.0) < ALSO or float(np.median(lost)) >= LEAST_SHOWN:
        return []
    start, worst = show(float(prediction.used["warmup"]["value"]), "s", 2), percent(float(np.quantile(lost, 0.9)), 2)
    often = f"; later ones are {worst} or more in one case of ten" if next(iter(held)) == RING else ""
    return [f"Drops of the first {start}, which `lost` leaves out, can slow TCP for long{often}."]


def _helps(prediction: Prediction, ring: int, known: Product) -> str:
    """Whether a longer ring or the flag helps: the other half of the verdict."""
    flag = prediction.gain()["probability_above_10_percent"]
    chances = {f"txqueuelen {ring}": chance_of(prediction, ring, prediction.ring)} if ring != prediction.ring else {}
    settable = not chances or bool(settings.flag(known).commands)  # what nobody can set is no advice beside a ring
    if flag >= OPEN and prediction.used["qdisc"]["value"] != "noqueue" and settable:
        chances[FLAG] = flag
    what = f"over {percent(WORTH)} faster"
    words = {name: sure(chance).partition(" (")[0] for name, chance in chances.items()}
    if len(chances) == 2 and len(set(words.values())) == 1:
        both = " or ".join(f"{name} ({100 * chance:.0f} %)" for name, chance in chances.items())
        return f"{both} {words[FLAG]} makes it {what}"
    if chances:
        said = " and ".join(f"{name} {sure(chance)}" for name, chance in chances.items())
        said += f" {'makes' if len(chances) == 1 else 'make'} it {what}"
        hardly = ring == prediction.ring and ring < int(prediction.draws["ring"].max())
        return f"a longer ring hardly helps, {said}" if hardly else said
    shorter = shorter_ring(prediction)
    less = "" if shorter is None else f"; a shorter one, {shorter}, costs little and shortens the ping"
    if flag < NEVER:
        return f"neither a longer ring nor {FLAG} helps{less}"
    return f"neither a longer ring nor {FLAG} is likely to help (with the flag {what}: {100 * flag:.0f} %){less}"


def _unknown(prediction: Prediction, longer: str) -> str:
    if lost := _seen(prediction):
        return (
            f"The ring overflows ({percent(lost, 2)} of the packets): try {longer} and compare. By how much that helps "
            "cannot be predicted: likely constants do not give this rate."
        )
    what = "these runs" if prediction.fit and len(prediction.fit.runs) > 1 else "this run"
    return (
        f"No answer: likely constants do not give {what}, so that something else limits this tunnel than what was "
        "given, and no advice follows."
    )


def _look(prediction: Prediction, device: str) -> tuple[str, ...]:
    """What to look at where no likely constants give a run."""
    rates = [rate for run in prediction.fit.runs for rate in run.rates] if prediction.fit else []
    model = [run.before[1] for run in prediction.fit.runs if run.rates] if prediction.fit else []
    as_given = "whether RTT, txqueuelen, rates and program are as given"
    if _seen(prediction):
        return (f"What would say more: {as_given}.",)
    likely: tuple[str, ...] = ()
    if rates and max(rates) < min(model):
        rate = show(max(rates), "bit/s", 3)
        likely = (
            f"Slower than likely: if a link or a shaper of about {rate} stands behind the tunnel, give --path-rate.",
        )
    elif rates and min(rates) > max(model):
        likely = ("Faster than likely: did these packets pass the tunnel, and is it this program's?",)
    return (
        *likely,
        "What would say more: whether the ring drops at all while it runs (`ip -s link show "
        f"{device}` before and after: `--trace before.txt --trace after.txt`), and {as_given}.",
    )


def _seen(prediction: Prediction) -> float:
    """Largest share of packets that a measured run saw the ring drop."""
    return max((run.lost for run in prediction.fit.runs), default=0.0) if prediction.fit else 0.0


def _measure(asked: Asked) -> list[str]:
    """The unknown that widens the interval most, where it is worth narrowing and no sentence has said how."""
    prediction, held, known, side = asked.prediction, asked.held, asked.known, asked.side
    now = prediction.quantiles("received_rate", prediction.ring, prediction.variant)
    top = next(iter(prediction.ranking()), None)
    wide = now["high90"] > VAGUE * now["low90"]
    if top is None or float(top["share"]) <= TELLING or not wide or _flooded(prediction) or _carried(prediction):
        return []
    if next(iter(held)) == WINDOW and top["name"] == "receive_window":
        return []
    share, how = percent(top["share"], 2), str(top["measure"])
    there = f" {side.kernel}" if "DEV" in how else ""
    command = how.replace("tunbp lab probe DEV", f"`{known.enter}tunbp lab probe {asked.device}`{there}")
    name = "the rate behind the program" if top["name"] == "path_rate" else words(top["name"])  # no link was named
    return [f"What would say more: {name} ({share} of the spread): {command}."]


def _full(prediction: Prediction) -> bool:
    """Whether a measured run carried about the rate at which its program is said to fill a processor."""
    rates = [rate for run in prediction.fit.runs for rate in run.rates] if prediction.fit else []
    return bool(rates) and float(np.median(rates)) >= FULLY * prediction.at_most


def _carried(prediction: Prediction) -> bool:
    """Whether the rate of the path as it is was measured, so that nothing narrows it further."""
    runs = prediction.fit.runs if prediction.fit else ()
    return any(run.rates and (run.ring, run.variant) == (prediction.ring, prediction.variant) for run in runs)


def _flooded(prediction: Prediction) -> bool:
    """Whether a measured flood has told the speed of the reader: more was sent than arrived."""
    return prediction.used["source"]["value"] != "tcp" and prediction.fit is not None


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
            what += f" with txqueuelen {run.ring}, {'stock' if run.variant == 'stock' else 'with the flag'}"
        it, says = "them" if several else "it", with_interval(middle, low, high, "bit/s")
        if not prediction.fit.reproduced:
            lines.append(f"{what}: {rates}. The model without {it}: {says}.")
        elif len(told) > 1:
            lines.append(f"{what}: {rates}, model {says}.")
        else:
            lines.append(f"{what}: {rates}. The model, fitted to {it} and so not tested by {it}: {says}.")
    if len(told) > 1 and prediction.fit.reproduced:
        lines.append("The model was fitted to these runs, which do not test it.")
    if len(told) == 1 and _link_or_program(prediction):
        lines.append(f"A link of about that rate behind it: give --path-rate. {LINK_OR_TUNNEL}.")
    return lines


def _link_or_program(prediction: Prediction) -> bool:
    """Whether a measured rate may be that of a link which nobody stated as well as that of the program."""
    if prediction.fit is None or not prediction.fit.reproduced or prediction.used["source"]["value"] != "tcp":
        return False
    return "path_rate" in prediction.unknown and not _full(prediction) and not _seen(prediction)


def _now(prediction: Prediction) -> str:
    said = interval_of(prediction, "received_rate", prediction.ring, prediction.variant)
    flag = "" if prediction.variant == "stock" else " and the flag"
    return f"As it is, with txqueuelen {prediction.ring}{flag}: {said}."


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
    return median_of(prediction, "drop_fraction", prediction.ring, "stock"), float((shares > SOME).mean())


def _worst(prediction: Prediction) -> float:
    return prediction.quantiles("drop_fraction", prediction.ring, "stock")["high90"]


def _datagrams(asked: Asked) -> list[str]:
    """UDP: what a longer ring does to what is lost, and where that is seen."""
    prediction, side = asked.prediction, asked.side
    longest = int(prediction.draws["ring"].max())
    if _lost(prediction)[0] < SOME:
        return []
    shorter = shorter_ring(prediction)
    waits = [median_of(prediction, "latency", ring, "stock") for ring in (prediction.ring, longest)]
    less = ""
    if shorter:
        setting = settings.ring(shorter, asked.device, asked.known)
        remedy = Remedy("txqueuelen", QUEUEING, DEVICE, side.ring, {"ring": shorter}, (setting,))
        asked.offer(remedy.carries(prediction, shorter, "stock"))
        rates = [
            show(median_of(prediction, "received_rate", n, "stock"), "bit/s", 3) for n in (shorter, prediction.ring)
        ]
        passes = f"{rates[0]} instead of {rates[1]}" if rates[0] != rates[1] else "as much"
        less = f" With {shorter} packets of ring {passes} pass, {_ping(prediction, shorter)}: {setting.now} "
        less += f"{side.ring} (to keep it: {setting.kept})."
    return [
        f"Today: send less, or make the reader faster. The ring is full: ping under load {show(waits[0], 's', 2)} with "
        f"{prediction.ring}, {show(waits[1], 's', 2)} with {longest}.{less}",
        "With the flag packets wait in the qdisc: a sender that blocks slows down, one that does not loses them there.",
        f"To see where they are lost: while it runs, {side.kernel}, {settings.watch(asked.device, asked.known.enter)}. "
        "If `dropped` below TX grows, in this ring; if not, behind it, where no ring helps.",
    ]


def _today(asked: Asked) -> list[str]:
    """What a longer ring brings without the flag, or a shorter one where no longer one does, and how it is set."""
    prediction, ring, side = asked.prediction, asked.ring, asked.side
    longer = ring != prediction.ring
    size = ring if longer else shorter_ring(prediction)
    if size is None:
        return []
    rates = [show(median_of(prediction, "received_rate", n, "stock"), "bit/s", 3) for n in (prediction.ring, size)]
    setting = settings.ring(size, asked.device, asked.known)
    remedy = Remedy("txqueuelen", RING if longer else QUEUEING, DEVICE, side.ring, {"ring": size}, (setting,))
    asked.offer(remedy.carries(prediction, size, "stock"))
    chance = chance_of(prediction, ring, prediction.ring)
    begin = "Today" if chance >= HALF or not longer else "Worth a try today"
    change = f"{rates[1]} instead of {rates[0]} in the median{_each(prediction, size, 'stock') if longer else ''}"
    why = why_enough(prediction, size) if longer else _ping(prediction, size).capitalize()
    return [f"{begin}: {setting.now} {side.ring}: {change}. {why}. To keep it: {setting.kept}."]


def _each(prediction: Prediction, ring: int, variant: str) -> str:
    """What single draws gain, where the medians beside each other do not tell how probable that is."""
    more = gains(prediction, prediction, ring, variant)
    if float((more > WORTH).mean()) >= HALF:
        return ""
    middle, most = (percent(max(float(np.quantile(more, level)), 0.0), 2) for level in (0.5, 0.95))
    return f"; draw by draw {middle}, one in twenty {most} or more"


def _without(prediction: Prediction) -> list[str]:
    """What a path that has the flag would be without it."""
    stock = interval_of(prediction, "received_rate", prediction.ring, "stock")
    ping = show(median_of(prediction, "latency", prediction.ring, "stock"), "s", 2)
    now = show(median_of(prediction, "latency", prediction.ring, "backpressure"), "s", 2)
    return [f"Without {FLAG} at txqueuelen {prediction.ring}: {stock}; ping under load {now} with it, {ping} without."]


def _ping(prediction: Prediction, ring: int) -> str:
    """What ping under load becomes in stock with another ring."""
    after, before = (show(median_of(prediction, "latency", size, "stock"), "s", 2) for size in (ring, prediction.ring))
    return f"ping under load {after} instead of {before}"


def _price(asked: Asked) -> list[str]:
    """What ping under load becomes with what is advised, at its worst too, where that grows."""
    prediction, ring = asked.prediction, asked.ring
    rows = {"now": prediction.quantiles("latency", prediction.ring, "stock")}
    if ring != prediction.ring:
        rows[f"with txqueuelen {ring}"] = prediction.quantiles("latency", ring, "stock")
    if any(remedy.name == "flag" and remedy.settings[0].commands for remedy in asked.offers):
        rows["with the flag"] = prediction.quantiles("latency", prediction.ring, "backpressure")
    if len(rows) == 1:
        return []
    middles = {name: show(q["median"], "s", 2) for name, q in rows.items()}
    worst = [q["high90"] for q in rows.values()]
    tail = max(worst) > LONGER_PING * worst[0]
    now, *then = rows
    stays = len(set(middles.values())) == 1
    said = f"stays {middles[now]}" if stays else " and ".join(f"{middles[name]} {name}" for name in then)
    said += " in the median" if stays else f" instead of {middles[now]}"
    over = [f"{show(value, 's', 2)}{f' {name}' if stays else ''}" for name, value in zip(rows, worst, strict=True)]
    rare = f"; in one case of twenty over {' and '.join(over[1:])} instead of {show(worst[0], 's', 2)}" if tail else ""
    return [f"Price: ping under load {said}{rare}."]


def _flag(asked: Asked) -> list[str]:
    prediction, side = asked.prediction, asked.side
    chance = prediction.gain()["probability_above_10_percent"]
    if prediction.used["qdisc"]["value"] == "noqueue":
        return [f"The flag needs a qdisc: attach one first (`tc qdisc add dev {asked.device} root fq_codel`)."]
    if chance < OPEN:
        return []
    said = interval_of(prediction, "received_rate", prediction.ring, "backpressure")
    remedy = Remedy("flag", RING, DEVICE, side.ring, {"driver": "backpressure"}, (settings.flag(asked.known),))
    asked.offer(replace(remedy, how=asked.known.flag).carries(prediction, prediction.ring, "backpressure"))
    takes = f"It takes Linux {COMPARED['backpressure']} {side.kernel}; {asked.known.flag}."
    each = "" if asked.ring != prediction.ring else _each(prediction, prediction.ring, "backpressure")
    return [f"With the flag at txqueuelen {prediction.ring}: {said}{each}. {takes}"]
