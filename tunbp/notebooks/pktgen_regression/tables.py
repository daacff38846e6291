"""The finding of notebook 02: what backpressure costs in pktgen."""

from __future__ import annotations

import pandas as pd

from tunbp.quantities import significant
from tunbp.results.output import Output
from tunbp.sources import link


def add_finding(out: Output, changes: pd.DataFrame) -> None:
    """Note the cost in pktgen: the range of the published changes with TAP, and that of vhost-net.

    Parameters
    ----------
    out
        Results of the notebook.
    changes
        `evidence.pktgen.changes`.
    """
    stopping = changes[changes["configuration"] != "patch 1 of 4"]
    tap, vhost = (stopping[stopping["device"] == device]["change"] for device in ("tap", "tap+vhost-net"))
    if not len(tap) or not len(vhost):
        return
    numbers = f"{significant(-100 * float(tap.max()), 2)} to {significant(-100 * float(tap.min()), 2)} %"
    half = 50 * float((stopping["high"] - stopping["low"]).mean())
    sentence = (
        "fewer packets per second when pktgen floods a TAP device, in return for losing none; behind vhost-net between "
        f"{signed(vhost.min())} and {signed(vhost.max())} %. Published means without a spread: two "
        f"sessions may differ by about {half:.0f} %."
    )
    out.finding(2, numbers, sentence, "pktgen_transmitted", "pktgen_errors", link("S07"))


def signed(change: float) -> str:
    """A relative change in per cent with its sign.

    Parameters
    ----------
    change
        Relative change.

    Returns
    -------
    str
        E.g. ``"-5 %"``.
    """
    return f"{100 * float(change):+.1f}".replace("-", "−")
