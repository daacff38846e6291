"""What is known of somebody's path and where from, gathered for the command and for the notebook alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tunbp.model import hosts
from tunbp.model.fields import FIELDS
from tunbp.prediction.conditioning import Observation
from tunbp.prediction.distribution import Prediction, predict
from tunbp.prediction.products import key, product

if TYPE_CHECKING:
    from tunbp.prediction.measured import Told

Array = npt.NDArray[np.float64]

HEADERS = 52
"""Bytes of IPv4, TCP and its timestamps, which Linux sends, between MTU and MSS."""

LEAST_RTT = 1e-4
"""RTT that is simulated where no delay is added, s."""

START = {name: FIELDS[name].default for name in ("rtt", "mss", "ring")} | {"duration": 30.0}
"""What is taken where nothing says otherwise and no prior speaks of it."""

ACK_SHARE = 0.75
"""Part of a packet's time that an ACK costs a reader, the middle of the prior of `ack_cost`."""


@dataclass
class Path:
    """What is known of a path.

    Attributes
    ----------
    program
        Product that reads the device.
    known, sources
        Fields of `tunbp.Scenario`, and where each comes from.
    runs
        Measured runs of it.
    variant
        How it is now, and was in these runs where they do not say: stock or backpressure.
    posterior
        Draws of the constants of a known host, by field; empty without one.
    told
        What a trace said; None without one.
    at_most
        Rate that its TCP cannot pass, bit/s.
    """

    program: str = "openvpn"
    known: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    runs: tuple[Observation, ...] = ()
    variant: str = "stock"
    posterior: dict[str, Array] = field(default_factory=dict)
    told: Told | None = None
    at_most: float = np.inf

    def __post_init__(self) -> None:
        """Begin with what nobody has to say."""
        self.program = key(self.program)
        self.take({**START, **product(self.program).fields}, "default")

    def take(self, values: Mapping[str, Any], source: str) -> None:
        """Take fields from a source, over what was known before.

        Parameters
        ----------
        values
            Field names and values, SI units.
        source
            Where they are from, in words: ``"given"``, ``"measured"``.
        """
        self.known.update(values)
        self.sources.update(dict.fromkeys(values, source))

    def on(self, name: str) -> None:
        """Take the constants of a known host: what is given of it, and draws of what was inferred.

        Parameters
        ----------
        name
            A host of ``hosts.yaml``.

        Raises
        ------
        ScenarioError
            If there is no such host.
        """
        constants, self.posterior = hosts.host(name), hosts.draws(name)
        self.take({field: value for field, value in constants.items() if field not in self.posterior}, "host")

    def hear(self, told: Told) -> None:
        """Take what a measured run says.

        Parameters
        ----------
        told
            What `tunbp.prediction.measured.read_run` found.
        """
        self.told = told
        self.take(told.fields, "trace")
        self.runs, self.variant = told.runs, told.variant or self.variant

    def busy_at(self, packets: float) -> None:
        """Take the reader's speed from a TCP rate [packet/s] at which it uses a whole processor.

        Parameters
        ----------
        packets
            Packets per second of a TCP flow that keeps the reader busy.
        """
        service = 1.0 / packets / (1.0 + ACK_SHARE / 2.0)
        self.take({"drain_rate": 1.0 / service, "ack_cost": ACK_SHARE * service}, "given")
        self.at_most = packets * 8.0 * float(self.known["mss"])

    def carried(self, rate: float) -> None:
        """Take a measured rate of the path as it is, beside what one run of a trace says.

        Parameters
        ----------
        rate
            bit/s.
        """
        seen = self.runs[0] if len(self.runs) == 1 else Observation({}, self.variant)
        ring = None if self.sources.get("ring") == "given" else seen.ring  # it is the present ring that carries it
        self.runs = (replace(seen, values={**seen.values, "received_rate": rate}, ring=ring),)

    def predict(self, rings: Sequence[int], count: int = 128, seed: int = 0, steps: float | None = None) -> Prediction:
        """Predict it over txqueuelen, see `tunbp.prediction.predict`.

        Parameters
        ----------
        rings
            txqueuelen values in packets; the present one is added.
        count
            Draws of what is not known.
        seed
            Seed of the draws.
        steps
            Simulated time steps that it may take in all; None: as many as it needs.

        Returns
        -------
        Prediction
            Distributions over the draws.

        Raises
        ------
        ScenarioError
            If a field has a value that is not allowed.
        """
        known = dict(self.known)
        if float(known["rtt"]) == 0.0:
            known["rtt"] = LEAST_RTT
        known.setdefault("warmup", float(known["duration"]) / 6.0)
        at_most = self.at_most if known.get("source", "tcp") == "tcp" else np.inf  # a flood has no ACKs to pay for
        return predict(
            known, rings, product=self.program, sources={"warmup": "default", **self.sources}, observed=self.runs,
            variant=self.variant, posterior=self.posterior, count=count, seed=seed, steps=steps, at_most=at_most,
        )  # fmt: skip
