"""Numbers of a prediction as people read them: with their interval, their probability, their name."""

from __future__ import annotations

from tunbp.model.fields import FIELDS
from tunbp.prediction.causes import GROWTH, LINK, LOSS, READER, RING, SENDER, SHAPER, WINDOW
from tunbp.prediction.distribution import Prediction
from tunbp.prediction.products import Product
from tunbp.quantities import show, show_range

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

LIKELY = (
    (0.95, "almost certainly"),
    (0.9, "very likely"),
    (0.66, "likely"),
    (0.55, "more likely than not"),
    (0.45, "as likely as not"),
    (0.1, "possibly"),
    (0.0, "hardly"),
)
"""Words by the least probability that they are for; from `likely` on the IPCC's."""

LINK_OR_TUNNEL = (
    "`iperf3 -c OUTSIDE` past the tunnel (its other end's outside address; -R for a download) tells: the same rate is "
    "the link's, clearly more means that the tunnel limits"
)
"""What tells a slow link from a slow tunnel."""


def subject(cause: str, known: Product) -> str:
    """A cause as the subject of a sentence.

    Parameters
    ----------
    cause
        One of `tunbp.prediction.causes`.
    known
        The program that reads the device.

    Returns
    -------
    str
        E.g. ``OpenVPN itself``.
    """
    name = "the program" if known.title.startswith(("a ", "another ")) else known.title
    return SUBJECTS[cause][0].format(name)


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
        E.g. ``"likely (72 %)"``.
    """
    return f"{next(word for least, word in LIKELY if round(probability, 2) >= least)} ({100 * probability:.0f} %)"


def interval_of(prediction: Prediction, name: str, ring: int, variant: str) -> str:
    """The median of a variable, with its 90 % interval.

    Parameters
    ----------
    prediction
        What `tunbp.prediction.predict` returned.
    name
        A variable of the prediction, a rate or a time.
    ring, variant
        Where.

    Returns
    -------
    str
        E.g. ``47 Mbit/s (90 %: 40 to 56 Mbit/s)``.
    """
    q = prediction.quantiles(name, ring, variant)
    unit = "bit/s" if name.endswith("rate") else "s"
    return with_interval(q["median"], q["low90"], q["high90"], unit)


def with_interval(middle: float, low: float, high: float, unit: str) -> str:
    """A value with its 90 % interval, in one unit; alone where it is known as well as it is shown.

    Parameters
    ----------
    middle, low, high
        SI units.
    unit
        A unit of `tunbp.quantities.show`.

    Returns
    -------
    str
        E.g. ``47 Mbit/s (90 %: 40 to 56 Mbit/s)``.

    Examples
    --------
    >>> with_interval(47e6, 40e6, 56e6, "bit/s"), with_interval(0.1, 0.1, 0.1, "s")
    ('47 Mbit/s (90 %: 40 to 56 Mbit/s)', '100 ms')
    """
    known = show(low, unit, 2) == show(high, unit, 2)
    return show(middle, unit, 3) + ("" if known else f" (90 %: {show_range(low, high, unit, like=middle)})")


def median_of(prediction: Prediction, name: str, ring: int, variant: str) -> float:
    """The median of a variable.

    Parameters
    ----------
    prediction
        What `tunbp.prediction.predict` returned.
    name
        A variable of the prediction.
    ring, variant
        Where.

    Returns
    -------
    float
        SI unit.
    """
    return prediction.quantiles(name, ring, variant)["median"]
