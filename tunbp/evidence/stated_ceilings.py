"""How often intervals hold where somebody states a ceiling: ``python -m tunbp.evidence.stated_ceilings``.

Truths are drawn from the priors, each with the rate at which its program fills a processor and with that of what stands
behind it. A prediction is told one of the two as its user would tell it, and nothing else but the RTT and the ring.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tunbp.infer.sobol import sobol
from tunbp.prediction import Prediction
from tunbp.prediction.path import Path

STAGES = {"--cpu-bound": "reader", "--bandwidth": "link"}
"""Option that states a ceiling, and the stage of `tunbp.infer.ceilings` that it is of."""

RTTS, RINGS = (0.01, 0.15), (100, 500, 1000)
"""Paths that are tried: RTT [s] loguniform between these, each ring in turn."""

DURATION = 10.0
"""Simulated time of each, s."""


@dataclass(frozen=True)
class Truth:
    """A path of known constants.

    Attributes
    ----------
    rtt, ring
        What is known of it: s, packets.
    ceilings
        Rate by option that states it, bit/s.
    rates
        What one run carries by variant, bit/s; none passes the rate at which its program fills a processor.
    """

    rtt: float
    ring: int
    ceilings: dict[str, float]
    rates: dict[str, float]


def _path(product: str, rtt: float, ring: int) -> Path:
    path = Path(product)
    path.take({"rtt": rtt, "ring": ring, "duration": DURATION}, "given")
    return path


def truths(product: str, paths: int, each: int, seed: int = 0) -> Iterator[Truth]:
    """Paths of known constants, drawn from the priors.

    Parameters
    ----------
    product
        Program that reads the device.
    paths
        Pairs of RTT and ring, a power of two.
    each
        Truths of each, a power of two from 8 on.
    seed
        The same seed, the same truths.

    Yields
    ------
    Truth
        One after another.
    """
    places = sobol(1, paths, seed)[:, 0]
    for number, place in enumerate(places):
        rtt, ring = float(RTTS[0] * (RTTS[1] / RTTS[0]) ** place), RINGS[number % len(RINGS)]
        found = _path(product, rtt, ring).predict([ring], each, seed + 1000 + number)
        stages = {option: found.draws["ceiling"].sel(stage=stage).to_numpy() for option, stage in STAGES.items()}
        rates = found.draws["received_rate"].sel(ring=ring)
        for k in range(each):
            most = float(stages["--cpu-bound"][k])
            yield Truth(
                rtt,
                ring,
                {option: float(values[k]) for option, values in stages.items()},
                {str(v): min(float(rates.sel(variant=v)[k]), most) for v in rates["variant"].to_numpy()},
            )


def told(product: str, truth: Truth, option: str, draws: int, seed: int = 0) -> Prediction:
    """The prediction of somebody who states one ceiling.

    Parameters
    ----------
    product
        Program that reads the device.
    truth
        The path.
    option
        Which ceiling is stated, a key of `STAGES`.
    draws
        Draws of what is not known.
    seed
        Seed of these.

    Returns
    -------
    Prediction
        Of its ring alone.
    """
    path = _path(product, truth.rtt, truth.ring)
    packets = truth.ceilings[option] / (8.0 * float(path.known["mss"]))
    if option == "--cpu-bound":
        path.busy_at(packets)
    else:
        path.take({"path_rate": packets}, "given")
    return path.predict([truth.ring], draws, seed)


def study(products: tuple[str, ...], paths: int, each: int, draws: int, seed: int = 0) -> pd.DataFrame:
    """Every truth with each of its ceilings stated.

    Parameters
    ----------
    products
        Programs.
    paths, each, seed
        As of `truths`.
    draws
        Draws of each prediction.

    Returns
    -------
    pandas.DataFrame
        One row per truth, ceiling and variant: `truth` and the ends of the intervals, bit/s, and whether 50 and 90 %
        of them hold it.
    """
    lines = []
    for product in products:
        for number, truth in enumerate(truths(product, paths, each, seed)):
            for option in STAGES:
                found = told(product, truth, option, draws, seed + 100_000 + number)
                for variant, rate in truth.rates.items():
                    q = found.quantiles("received_rate", truth.ring, variant)
                    lines.append(
                        {"product": product, "stated": option, "rtt": truth.rtt, "ring": truth.ring, "variant": variant,
                         "truth": rate, **q, "inside50": q["low50"] <= rate <= q["high50"],
                         # a truth at its ceiling may be the end of the interval to the last bit
                         "inside90": q["low90"] * (1 - 1e-9) <= rate <= q["high90"] * (1 + 1e-9)}
                    )  # fmt: skip
    return pd.DataFrame(lines)


def main() -> None:
    """Print how often intervals hold, by what is stated and variant."""
    found = study(("openvpn",), paths=16, each=8, draws=64)
    found["width"] = np.log(found["high90"] / found["low90"])
    shares = found.groupby(["product", "stated", "variant"]).agg(
        cells=("truth", "size"), inside50=("inside50", "mean"), inside90=("inside90", "mean"), width=("width", "median")
    )
    print(shares.assign(width=np.exp(shares["width"])).round(3).to_string())


if __name__ == "__main__":
    main()
