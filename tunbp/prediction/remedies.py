"""What helps where neither a longer ring nor the flag does, or beside them, with what it may come to."""

from __future__ import annotations

import numpy as np

from tunbp.model.fields import PATH_BUFFER
from tunbp.prediction import settings
from tunbp.prediction.causes import GROWTH, LINK, LOSS, READER, RING, SHAPER, WINDOW
from tunbp.prediction.distribution import Prediction
from tunbp.prediction.path import HEADERS
from tunbp.prediction.phrases import median_of, with_interval
from tunbp.prediction.products import Product
from tunbp.prediction.rings import OPEN
from tunbp.quantities import show, show_range

SURE = 0.75
"""Share of the draws from which something is advised against what holds them."""

LONGER_PING = 1.2
"""Ping under load over that of an idle path from which it is worth a word."""

LARGE = 9000 - HEADERS
"""Segments [byte] from which no larger MTU is advised: it is one already."""


def remedies(prediction: Prediction, held: dict[str, float], known: Product) -> list[str]:
    """What helps against the main cause beside the ring and the flag.

    Parameters
    ----------
    prediction
        What `tunbp.prediction.predict` returned.
    held
        What `tunbp.prediction.causes.causes` returned.
    known
        The program that reads the device.

    Returns
    -------
    list[str]
        Sentences; empty where nothing is known.
    """
    main, share = next(iter(held.items()))
    used = prediction.used
    if main == RING:
        return [f"What may help as well: {known.faster}."]
    if share < SURE and main not in (READER, WINDOW):
        return []
    if main == LINK:
        return [*_waiting(prediction, known), *_payload(prediction, known)]
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


def pacing(prediction: Prediction, device: str) -> list[str]:
    """What spares a ring that the flag would spare: senders that do not send in blocks.

    Parameters
    ----------
    prediction
        What `tunbp.prediction.predict` returned.
    device
        Name of the device.

    Returns
    -------
    list[str]
        A sentence, or none.
    """
    used = {name: row["value"] for name, row in prediction.used.items()}
    if used["origin"] != "local" or used["qdisc"] == "fq" or used["congestion"] == "bbr":
        return []
    if prediction.gain()["probability_above_10_percent"] < OPEN or (
        "pacing" not in prediction.unknown and used["pacing"]
    ):
        return []
    ask = "" if prediction.fit else " (--qdisc fq and --congestion bbr predict them)"
    return [
        f"Pacing may do so, too, where TCP begins on the same host: `tc qdisc replace dev {device} root fq` (to keep "
        f"it: `net.core.default_qdisc=fq` in /etc/sysctl.d/90-fq.conf) or BBR{ask}."
    ]


def _waiting(prediction: Prediction, known: Product) -> list[str]:
    """What shortens the ping of a path that its link holds."""
    ping, rtt = median_of(prediction, "latency", prediction.ring, prediction.variant), prediction.used["rtt"]["value"]
    if ping < LONGER_PING * rtt:
        return []
    line = _link(prediction) * _with_headers(prediction, known)
    where = "For an upload that is the host or the router; for a download the far side, or here what comes in (ifb)."
    return [
        f"Packets wait before the link: ping under load {show(ping, 's', 2)}, {show(rtt, 's', 2)} idle"
        f"{_buffered(prediction)}.",
        f"CAKE at 95 % of the line's rate, headers included (the lowest that you see, where it varies: radio, phone) "
        f"shortens that, on the machine that sends into it: {settings.cake(0.95 * line)}. "
        + ("That is this host, or what stands between it and the link." if known.forwards else where),
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
        f". The link's own buffer is assumed: {assumed} (`--path-buffer`, in packets); that of a radio or a phone may "
        "hold seconds: ping it beside a transfer"
    )


def _payload(prediction: Prediction, known: Product) -> list[str]:
    """What a stated rate of a link was taken as, and how to state the other."""
    rate, whole = _link(prediction), _with_headers(prediction, known)
    return [
        f"Rates are payload, the link's {show(rate, 'bit/s', 3)} too: with headers (some {HEADERS + known.outer} byte "
        f"a packet) that is {show(rate * whole, 'bit/s', 3)} on the line. If {show(rate, 'bit/s', 3)} is the line's "
        f"own rate: `--bandwidth {show(rate / whole, 'bit/s', 3).replace(' ', '')}`."
    ]


def _with_headers(prediction: Prediction, known: Product) -> float:
    """Bytes of a packet on the line over those of its payload."""
    mss = float(prediction.used["mss"]["value"])
    return (mss + HEADERS + known.outer) / mss


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
        f"window and programs then allow up to {with_interval(middle, low, high, 'bit/s')} (`--congestion bbr` "
        "predicts it). If congestion loses the packets, BBR only loses more."
    )


def _window(prediction: Prediction) -> str:
    """The smaller of window and send buffer over the RTT, and what raises it."""
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
            f"{many}{show_range(low, high, 'byte')} / {show(rtt, 's', 3)} = {rates} (guessed: what Linux' defaults of "
            "tcp_rmem and tcp_wmem give; `rwnd_limited` of `ss -tim` at the sender tells): "
        )
    others = prediction.draws["ceiling"].drop_sel(stage=["window", "offered"]).min("stage").to_numpy()
    could = float(np.median(others))
    if could <= rate:
        return f"{line}raise the socket buffers first, at both ends."
    most = int(2 ** np.ceil(np.log2(2.0 * could * rtt / 8.0 / streams)))
    beyond = "The programs" if "path_rate" in prediction.unknown or "path_rate" not in used else "Programs and link"
    line += f"raise the socket buffers first. {beyond} allow {show(could, 'bit/s', 2)}. "
    send = settings.sysctl({"net.ipv4.tcp_wmem": f"4096 16384 {most}"}, "tcp")
    if name == "send_buffer":
        return (
            f"{line}Where is it set? In the application (SO_SNDBUF): take that out, so that Linux sizes it itself, or "
            "raise it, which net.core.wmem_max limits. Nowhere: on the "
            f"machine whose TCP sends, {send}. As OpenVPN's `sndbuf` (its config below /etc/openvpn): with `proto tcp` "
            "raise it at both ends; with `proto udp` it does not limit TCP, so run this again without --send-buffer."
        )
    return (
        f"{line}The window is half of tcp_rmem: `sysctl -w net.ipv4.tcp_rmem='4096 131072 {most}'` at the receiver, at "
        f"the sender {send}. If the tunnel itself runs over TCP (OpenVPN: `proto tcp`), its `sndbuf` and `rcvbuf` too."
    )
