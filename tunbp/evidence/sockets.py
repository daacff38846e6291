"""What the socket of a far reader loses while it pauses, from paced floods, and what TCP gets through it.

A program that does not read its UDP socket for longer than the socket lasts loses what comes then, and no ring shows
it. Packets that come evenly at rate r meet a pause with the share s of time that pauses take, and with exponential
pauses of mean m what is left of one is longer than the socket of B packets lasts in exp(-B / (r m)) of the cases: the
share s exp(-B / (r m)) is lost, r m packets at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr

from tunbp.model.scenario import Scenario
from tunbp.model.simulate import simulate

TRUESIZE = 2304
"""Bytes that a packet of about 1500 counts against a socket's buffer (a 2 KB buffer and its `sk_buff`)."""
DEFAULT_BUFFER = 212_992
"""Bytes of a UDP socket's buffer where nothing was set (`net.core.rmem_default`, `wmem_default`)."""
LEAST_LOST = 100
"""Packets that a rate must have lost in all to say anything of the pauses: some lose one that was a handshake."""
SEEDS, STEPS, SLOWEST = 8, 7, 0.01
"""Runs of a path, halvings of the range of rates, and that range's lower end as a part of the reader's speed."""


@dataclass(frozen=True)
class Pauses:
    """Pauses of a far reader: the share of time that they take, and their mean length [s]."""

    share: float
    mean: float

    def lost(self, rate: float, held: int) -> float:
        """Share of packets lost that come evenly at `rate` [packet/s] to a socket that holds `held` packets.

        Parameters
        ----------
        rate
            packets/s.
        held
            Packets that the socket holds.

        Returns
        -------
        float
            Share [1].
        """
        return self.share * float(np.exp(-held / (rate * self.mean)))


def held_packets(runs: xr.Dataset) -> int:
    """Packets that the UDP sockets of a measurement's tunnel hold: its own size, or the kernel's default.

    Parameters
    ----------
    runs
        Runs of one size.

    Returns
    -------
    int
        Packets. The kernel doubles what a program asks for, and not its default.
    """
    asked = int(runs["socket_buffer"].to_numpy()[0]) if "socket_buffer" in runs.coords else 0
    return (2 * asked or DEFAULT_BUFFER) // TRUESIZE


def paced(floods: xr.Dataset) -> pd.DataFrame:
    """What paced floods lost at the far end: `rate` [packet/s], `sent`, `lost` [packet] and `share`, by rate.

    Parameters
    ----------
    floods
        Runs of the experiment `speed`; floods without a pace are left out.

    Returns
    -------
    pandas.DataFrame
        One row per offered rate, runs summed.
    """
    names = {"rate": "offered_rate", "sent": "delivered", "lost": "dropped_far"}
    table = pd.DataFrame({name: floods[source].to_numpy() for name, source in names.items()})
    found = table[table["rate"] > 0].groupby("rate", as_index=False).sum()
    return found.assign(share=found["lost"] / found["sent"])


def pauses(floods: xr.Dataset) -> Pauses:
    """Pauses that explain what paced floods lost: ln(share) over B / r is a line of slope -1 / m.

    Parameters
    ----------
    floods
        Runs of the experiment `speed` through sockets of one size.

    Returns
    -------
    Pauses
        Of least squares over the rates that lost enough to say something.
    """
    table = paced(floods)
    known = table[table["lost"] >= LEAST_LOST]
    slope, ln_share = np.polyfit(held_packets(floods) / known["rate"], np.log(known["share"]), 1)
    return Pauses(float(np.exp(ln_share)), float(-1.0 / slope))


def settled(scenario: Scenario, found: Pauses, held: int) -> xr.Dataset:
    """TCP through a socket that pauses overflow, at the rate that it has with the losses of that rate.

    The losses are taken as of packets that come evenly. Where a pause is not short against a round trip the sender's
    window ends it first, so that paths without a delay are not asked for.

    Parameters
    ----------
    scenario
        TCP over a path with a delay, without these losses.
    found
        Pauses of the far reader.
    held
        Packets that its socket holds.

    Returns
    -------
    xarray.Dataset
        Results of the packets engine over `seed`; `received_rate` is the same of all, where both meet [bit/s].
    """
    seeds = xr.DataArray(np.arange(SEEDS), dims="seed")
    low, high = SLOWEST * float(scenario.drain_rate), float(scenario.drain_rate)
    for _ in range(STEPS):
        rate = float(np.sqrt(low * high))
        lost, run = found.lost(rate, held), max(1.0, rate * found.mean)
        result = simulate(replace(scenario, path_loss=lost, path_loss_burst=run, seed=seeds), engine="packets")
        carried = float((result["received_rate"] / 8.0 / scenario.mss).median())
        low, high = (rate, high) if carried > rate else (low, rate)
    # where both meet, which the runs of the last rate miss by their luck
    return result.assign(
        received_rate=xr.full_like(result["received_rate"], 8.0 * float(scenario.mss) * np.sqrt(low * high))
    )
