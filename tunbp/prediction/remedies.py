"""What helps where neither a longer ring nor the flag does, or beside them, with what it may come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tunbp.infer.priors import priors
from tunbp.model.fields import FIELDS, PATH_BUFFER
from tunbp.prediction import settings
from tunbp.prediction.brings import brought, gains, then
from tunbp.prediction.causes import ALSO, GROWTH, LINK, LOSS, READER, RING, SHAPER, WINDOW
from tunbp.prediction.changed import changed
from tunbp.prediction.distribution import VARIANTS, Prediction
from tunbp.prediction.offered import DEVICE, ENDS, QUEUEING, SENDER, UPLINK, Remedy
from tunbp.prediction.path import HEADERS
from tunbp.prediction.phrases import interval_of, median_of, with_interval
from tunbp.prediction.products import Product, product
from tunbp.prediction.rings import OPEN, SHOWN
from tunbp.prediction.sides import BOTH, Side
from tunbp.quantities import show, show_range

SURE = 0.75
"""Share of the draws from which something is advised against what holds them."""

LONGER_PING = 1.2
"""Ping under load over that of an idle path from which it is worth a word."""

LARGE = 9000 - HEADERS
"""Segments [byte] from which no larger MTU is advised: it is one already."""

JUMBO = 65520 - HEADERS
"""Segments [byte] of the largest MTU that a program takes."""

BELOW = 0.95
"""Part of a link's rate to which CAKE shapes."""


@dataclass(frozen=True)
class Asked:
    """What remedies depend on.

    Attributes
    ----------
    prediction
        What `tunbp.prediction.predict` returned.
    held
        What `tunbp.prediction.causes.causes` returned.
    known
        The program that reads the device.
    side
        Which host does what.
    device
        Name of the device.
    ring
        txqueuelen that is advised, packets.
    more
        Whether to predict what a remedy brings, too.
    offers
        What has been offered so far.
    """

    prediction: Prediction
    held: Mapping[str, float]
    known: Product
    side: Side
    device: str
    ring: int
    more: bool = True
    offers: list[Remedy] = field(default_factory=list)

    def offer(self, *remedies: Remedy) -> None:
        """Note what a sentence offers, so that it is told in numbers, too.

        Parameters
        ----------
        *remedies
            What it says, and no more.
        """
        self.offers.extend(remedies)

    def tried(self, changes: Mapping[str, Any], **options: Any) -> Prediction | None:
        """The path with some fields changed, see `tunbp.prediction.changed.changed`.

        Parameters
        ----------
        changes
            Fields of `Scenario` and their new values.
        **options
            Passed on. Both variants are predicted: the flag tells what limits.

        Returns
        -------
        Prediction or None
            None where nobody asked what a remedy brings.
        """
        return changed(self.prediction, changes, variants=VARIANTS, **options) if self.more else None


def remedies(asked: Asked, cause: str) -> list[str]:
    """What helps against a cause beside the ring and the flag.

    Parameters
    ----------
    asked
        The path and what holds it.
    cause
        One of `tunbp.prediction.causes`.

    Returns
    -------
    list[str]
        Sentences; empty where nothing is known.
    """
    prediction, known, share = asked.prediction, asked.known, asked.held[cause]
    if cause == RING:
        asked.offer(_program(asked, cause))
        return [f"May help as well (not predicted here): {known.faster}."]
    if share < SURE and cause not in (READER, WINDOW):
        return []
    if cause == LINK:
        return _waiting(asked) or [_payload(prediction, known)]
    if cause == SHAPER:
        return ["What helps more: a higher rate of the qdisc. Packets wait there and not in the ring."]
    if cause == LOSS:
        return [] if prediction.used["congestion"]["value"] == "bbr" else [_bbr(asked)]
    if cause == WINDOW:
        return _window(asked)
    if cause == READER:
        return _faster(asked)
    if cause == GROWTH:
        return ["What helps more: a longer run, or BBR: this one is too short for its window to grow."]
    return []


def pacing(asked: Asked) -> list[str]:
    """What spares a ring that the flag would spare: senders that do not send in blocks.

    Parameters
    ----------
    asked
        The path and what holds it.

    Returns
    -------
    list[str]
        A sentence, or none.
    """
    prediction = asked.prediction
    used = {name: row["value"] for name, row in prediction.used.items()}
    if used["origin"] != "local" or used["qdisc"] == "fq" or used["congestion"] == "bbr":
        return []
    if prediction.gain()["probability_above_10_percent"] < OPEN or (
        "pacing" not in prediction.unknown and used["pacing"]
    ):
        return []
    changes, setting = {"qdisc": "fq"}, settings.fq(asked.device)
    with_fq = asked.tried(changes)
    if with_fq is not None and float(np.median(gains(prediction, with_fq))) < SHOWN:
        return []
    asked.offer(Remedy("fq", RING, DEVICE, asked.side.ring, changes, (setting,)).carries(with_fq))
    more = f" {brought(f'With fq at txqueuelen {prediction.ring}', prediction, with_fq)}." if with_fq else ""
    return [
        f"Pacing spares the ring, too, where TCP begins on its host: {setting} or BBR (`--congestion bbr` predicts "
        f"it).{more}"
    ]


def _faster(asked: Asked) -> list[str]:
    """What makes a program faster, and how much where that can be said."""
    prediction, known = asked.prediction, asked.known
    if not known.packets:
        asked.offer(_program(asked, READER))
        return [f"What helps more: {known.faster}. {_instead(asked)}"]
    if float(prediction.used["mss"]["value"]) >= LARGE:
        return []
    large = asked.tried({"mss": JUMBO})
    asked.offer(Remedy("mtu", READER, DEVICE, asked.side.ring, {"mss": JUMBO}, how=known.faster).carries(large))
    more = ""
    if large is not None:
        said = brought(f"By the model, with an MTU of {JUMBO + HEADERS}", prediction, large)
        more = f" {said} (what a byte costs is our judgement: trust a measured value more)."
    return [f"What helps more: {known.faster}.{more}"]


def _program(asked: Asked, cause: str) -> Remedy:
    """A faster program, of which nothing is predicted."""
    return Remedy("program", cause, DEVICE, asked.side.ring, {}, how=asked.known.faster)


def _instead(asked: Asked) -> str:
    """How fast a faster program is by its prior, or why that cannot be said."""
    prediction, name = asked.prediction, asked.known.instead
    if not name:
        return "Gain: not known."
    prior, other = priors(name)["drain_rate"], product(name)
    low, high = prior.quantile(np.array([0.05, 0.95]))
    speed = f"{other.title} is assumed to take {show_range(float(low), float(high), 'packet/s')}"
    offered = prediction.used.get("offered_rate", {}).get("value")
    if prediction.used["source"]["value"] == "tcp" or not offered:
        return f"{speed} (`--product {name}` predicts it)."
    fits = "all of it would pass" if float(offered) < float(low) else "part of it would pass"
    return (
        f"{speed}, and this flood is {show(float(offered), 'packet/s', 3)}: {fits}, unless the receiver itself is what "
        f"is slow: look with `top` there (`--product {name}` predicts it)."
    )


def _waiting(asked: Asked) -> list[str]:
    """What shortens the ping of a path that its link holds."""
    prediction = asked.prediction
    ping, rtt = median_of(prediction, "latency", prediction.ring, prediction.variant), prediction.used["rtt"]["value"]
    if ping < LONGER_PING * rtt:
        return []
    payload, headers = _link(prediction), _with_headers(prediction, asked.known)
    rate = BELOW * payload  # with headers: below the line's rate, whichever of both was stated
    shaped = {"qdisc": "cake", "qdisc_rate": rate / headers / 8.0 / float(prediction.used["mss"]["value"])}
    after, setting = asked.tried(shaped), settings.cake(rate)
    asked.offer(Remedy("cake", QUEUEING, UPLINK, asked.side.link, shaped, (setting,)).carries(after))
    so = "Simulated on the device of the tunnel"
    flow = "On UPLINK the tunnel is one flow: CAKE cannot part ping from transfer there, only its AQM shortens the wait"
    more = "" if after is None else f" {brought(so, prediction, after, ping=True)}. {flow}."
    return [
        f"Packets wait before the link: ping under load {show(ping, 's', 2)}, {show(rtt, 's', 2)} idle"
        f"{_buffered(prediction)}.",
        f"CAKE at {100 * BELOW:.0f} % of the line's rate (the lowest that you see, where it varies: radio, phone) "
        f"shortens that, on what sends into the link by its interface UPLINK: {setting}. That is "
        f"{asked.side.link}.{more}",
        f"{_payload(prediction, asked.known)} If not, CAKE may take {rate * headers / 1e3:.0f}kbit.",
    ]


def _buffered(prediction: Prediction) -> str:
    """What was taken for the link's buffer, where nobody said."""
    rate, drawn = float(prediction.used["path_rate"]["value"]), "path_buffer" in prediction.unknown
    if not drawn and "path_buffer" in prediction.used:
        return ""
    packets = prediction.draws["path_buffer"].to_numpy() if drawn else np.array([PATH_BUFFER])
    low, high = np.quantile(packets / rate, (0.05, 0.95))
    assumed = show_range(low, high, "s") if drawn else f"{PATH_BUFFER} packets ({show(low, 's', 2)})"
    return (
        f". The link's own buffer is assumed: {assumed} (`--path-buffer 300ms` says it); that of a radio or a phone "
        "may hold seconds: ping beside a transfer, less the idle ping, is what it holds"
    )


def _stated(value: float, unit: str = "bit/s") -> str:
    """A value as an option takes it."""
    return show(value, unit, 3).replace(" ", "")


def _payload(prediction: Prediction, known: Product) -> str:
    """What a stated rate of a link was taken as, and how to state the other."""
    rate, whole = _link(prediction), _with_headers(prediction, known)
    return (
        f"{show(rate, 'bit/s', 3)} was taken as payload, as iperf3 prints it: some {show(rate * whole, 'bit/s', 3)} on "
        f"the line with headers ({HEADERS + known.outer} byte a packet). If it is the line's own rate: `--bandwidth "
        f"{_stated(rate / whole)}`."
    )


def _with_headers(prediction: Prediction, known: Product) -> float:
    """Bytes of a packet on the line over those of its payload."""
    mss = float(prediction.used["mss"]["value"])
    return (mss + HEADERS + known.outer) / mss


def _link(prediction: Prediction) -> float:
    """Rate of the slowest stage behind the reader, bit/s: the median of the draws."""
    return float(np.median(prediction.draws["ceiling"].sel(stage="link").to_numpy()))


def _bbr(asked: Asked) -> str:
    """What BBR, which does not answer random loss, comes to; without a prediction of it the lowest of the stages."""
    changes, setting = {"congestion": "bbr"}, settings.sysctl({"net.ipv4.tcp_congestion_control": "bbr"}, "bbr")
    after = asked.tried(changes)
    asked.offer(Remedy("bbr", LOSS, SENDER, asked.side.sender, changes, (setting,)).carries(after))
    if after is not None:
        more = f" {brought('With it', asked.prediction, after)}; {then(after, asked.known, '--congestion bbr')}."
    else:
        lowest = asked.prediction.draws["ceiling"].min("stage").to_numpy()
        low, middle, high = np.quantile(lowest, (0.05, 0.5, 0.95))
        more = f" Window and programs then allow up to {with_interval(middle, low, high, 'bit/s')}."
    return (
        f"What helps more: try BBR {asked.side.sender}: {setting}; new connections only. It does not slow at random "
        f"loss.{more} If congestion loses the packets, BBR only loses more."
    )


def _window(asked: Asked) -> list[str]:
    """The smaller of window and send buffer over the RTT, what raises it, and what that brings."""
    prediction = asked.prediction
    used = prediction.used
    rtt, streams = float(used["rtt"]["value"]), int(used["streams"]["value"])
    sizes = {name: float(used[name]["value"]) for name in ("send_buffer", "receive_window") if name in used}
    name = min(sizes, key=lambda key: sizes[key])
    rate = streams * 8.0 * sizes[name] / rtt
    many = f"{streams} x " if streams > 1 else ""
    line = f"{many}{show(sizes[name], 'byte', 3)} / {show(rtt, 's', 3)} = {show(rate, 'bit/s', 3)}: "
    if used[name]["source"] == "prior":  # the same words whatever the draws' median
        low, high = prediction.unknown[name].first, prediction.unknown[name].second
        rates = show_range(streams * 8.0 * low / rtt, streams * 8.0 * high / rtt, "bit/s")
        line = (
            f"{many}{show_range(low, high, 'byte')} / {show(rtt, 's', 3)} = {rates} (guessed: "
            "`rwnd_limited` or `sndbuf_limited` of `ss -tim` at the sender tells): "
        )
    others = prediction.draws["ceiling"].drop_sel(stage=["window", "offered"]).min("stage").to_numpy()
    could, at_best = (float(value) for value in np.quantile(others, (0.5, 0.95)))
    if could <= rate:
        return [f"The window: {line}raise the socket buffers first, at both ends."]
    most = int(2 ** np.ceil(np.log2(2.0 * at_best * rtt / 8.0 / streams)))
    setting, changes = settings.buffers(most), _buffers(sizes, most)
    first = " first" if asked.held.get(RING, 0.0) < ALSO else ""
    helps = (
        f"The window: {line}raise the socket buffers{first}. {_beyond(prediction, could)}"
        f"{_raised(asked, changes, setting)}"
    )
    if used[name]["source"] != "prior":
        return [
            helps,
            "Where is it set? In the application (SO_SNDBUF, SO_RCVBUF): take that out, Linux then sizes it. "
            f"{asked.known.buffers}{' ' if asked.known.buffers else ''}By Linux: {_by_linux(most, setting)}",
        ]
    if used["origin"]["value"] != "local":
        return [f"{helps} At both ends of TCP, not here: {_by_linux(most, setting)}"]
    return [f"{helps} For that, {BOTH}: {_by_linux(most, setting)}"]


def _buffers(sizes: Mapping[Any, float], most: int) -> dict[str, float]:
    """Larger socket buffers in the model: of the receiver half is window; the sender's where it was said."""
    wanted = {"receive_window": most / 2.0, "send_buffer": float(most)}
    return {
        name: min(size, FIELDS[name].high) for name, size in wanted.items() if name in sizes or name != "send_buffer"
    }


def _beyond(prediction: Prediction, could: float) -> str:
    """What the path allows beside the window, and what of that is a guess."""
    who = (
        "programs and link" if "path_rate" in prediction.used and "path_rate" not in prediction.unknown else "programs"
    )
    allowed = show(could, "bit/s", 2)
    if np.isfinite(prediction.at_most):
        return f"The other end, which is guessed, makes {allowed} of your {show(prediction.at_most, 'bit/s', 3)}."
    guessed = "By what is guessed of them the" if "drain_rate" in prediction.unknown else "The"
    return f"{guessed} {who} allow {allowed}."


def _by_linux(most: int, setting: settings.Setting) -> str:
    """What raises Linux' own buffers of TCP, and never lowers them."""
    return (
        "where `sysctl net.ipv4.tcp_rmem net.ipv4.tcp_wmem` prints a third number below this, and only there, "
        f"{setting}. {_memory(most)}"
    )


def _memory(most: int) -> str:
    """The price of large socket buffers."""
    return f"Price: up to {show(most, 'byte', 2)} of memory a connection and end."


def _raised(asked: Asked, changes: Mapping[str, float], setting: settings.Setting) -> str:
    """What larger socket buffers bring alone, and with the ring that is advised."""
    prediction, raised = asked.prediction, next(iter(changes.values()))
    now, ring = prediction.ring, asked.ring
    alone = Remedy("socket buffers", WINDOW, ENDS, BOTH, changes, (setting,))
    what = f"With {show(raised, 'byte', 3)} {f'at txqueuelen {now}' if ring == now else 'alone'}"
    if ring != now:
        after = asked.tried(changes, rings=[now, ring])
        longer = (setting, settings.ring(ring, asked.device, asked.known))
        where, joined = f"{BOTH}; txqueuelen {asked.side.ring}", {**changes, "ring": ring}
        both = Remedy("socket buffers and txqueuelen", WINDOW, ENDS, where, joined, longer)
        asked.offer(alone.carries(after, now), both.carries(after, ring))
        if after is None:
            return ""
        rate = interval_of(after, "received_rate", ring, prediction.variant)
        return f" {brought(what, prediction, after)}; with txqueuelen {ring} as well: {rate}."
    after = asked.tried(changes)
    asked.offer(alone.carries(after, now))
    if after is None:
        return ""
    options = {"receive_window": "--window", "send_buffer": "--send-buffer"}
    again = " ".join(f"{options[name]} {_stated(size, 'byte')}" for name, size in changes.items())
    return f" {brought(what, prediction, after)}; {then(after, asked.known, again)}."
