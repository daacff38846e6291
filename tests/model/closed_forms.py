"""The engines against textbook formulas: receive window, standing queue, loss, burst and wake-cycle laws."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from tunbp.model import laws
from tunbp.model.congestion import CONTROLS
from tunbp.model.scenario import Scenario
from tunbp.model.simulate import simulate

COLUMNS = ("law", "case", "unit", "formula", "engine", "error", "digits")


def closed_forms(engine: str = "fluid") -> pd.DataFrame:
    """Every closed form beside what the engine gives in a scenario where the form is exact.

    Parameters
    ----------
    engine
        "fluid" or "packets".

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`: `error` is engine / formula - 1, `digits` its -log10: how many digits agree.
    """
    lines = [*_window(engine), *_loss(engine), *_burst(engine), *_wake(engine)]
    table = pd.DataFrame(lines, columns=["law", "case", "unit", "formula", "engine"])
    table["error"] = table["engine"] / table["formula"] - 1.0
    table["digits"] = -np.log10(np.maximum(table["error"].abs(), 1e-6))
    return table


def _window(engine: str) -> list[tuple[str, str, str, float, float]]:
    """A window below and above the bandwidth-delay product (50,000 packets/s, 20 ms: 1,000 packets).

    Without HyStart, which ends slow start as the queue begins to stand, and forwarded, as a local sender waits for
    blocks: the window is to be the receiver's.
    """
    base = Scenario(driver="7.3", qdisc="pfifo", ring=5000, drain_rate=50e3, rtt=0.02, duration=6.0, warmup=2.0,
                    origin="forwarded", hystart=False)  # fmt: skip
    segments = xr.DataArray([250, 500, 2000, 3000], dims="window")
    result = simulate(base.replace(receive_window=segments * 1448.0), engine)
    product = laws.bandwidth_delay_product(50e3 * 1448 * 8, 0.02)
    lines = []
    for i, window in enumerate(segments.to_numpy()):
        rate, rtt = float(result["received_rate"][i]), float(result["mean_rtt"][i])
        fits = window * 1448.0 <= product
        formula = float(laws.window_rate(window * 1448.0, rtt if fits else 0.02 * window * 1448.0 / product))
        law = "receive window / RTT" if fits else "bandwidth-delay product"
        lines.append((law, f"window of {window} segments", "bit/s", formula, rate))
        if not fits:
            queue = float(window / 50e3 - 0.02)
            lines.append(("standing queue", f"window of {window} segments", "s", queue, rtt - 0.02))
    return lines


def _loss(engine: str) -> list[tuple[str, str, str, float, float]]:
    """Saws of CUBIC and Reno between losses of their own making, at the loss that the engine counted."""
    control = xr.DataArray(["cubic", "cubic", "reno", "reno"], dims="case")
    ring, rtt = (
        xr.DataArray([250, 500, 50, 100], dims="case"),
        xr.DataArray([0.12, 0.08, 0.04, 0.04], dims="case"),
    )
    scenario = Scenario(driver="stock", ring=ring, drain_rate=180e3, burst_rate=1.8e6, ack_interval=0.01,
                        rtt=rtt, congestion=control, receive_window=3e7, duration=160.0,
                        warmup=40.0)  # fmt: skip
    result = simulate(scenario, engine)
    loss = (result["loss_events"] / result["sent"]).to_numpy()
    window = laws.loss_window(loss, result["mean_rtt"].to_numpy(), control.to_numpy())
    formula = laws.window_rate(window * 1448.0, result["mean_rtt"].to_numpy())
    names = {"cubic": "CUBIC loss law", "reno": "Mathis loss law"}
    return [
        (names[str(c)], f"loss every {1 / p:,.0f} packets", "bit/s", float(f), float(r))
        for c, p, f, r in zip(control.to_numpy(), loss, formula, result["received_rate"].to_numpy(), strict=True)
    ]


def _burst(engine: str) -> list[tuple[str, str, str, float, float]]:
    """The i5 host's ring of stock TAP at long RTTs: nothing fitted."""
    rtt = xr.DataArray([0.06, 0.12, 0.24], dims="rtt")
    scenario = Scenario(driver="stock", ring=1000, drain_rate=189.4e3, burst_rate=1.814e6, ack_interval=0.01,
                        rtt=rtt, receive_window=6e6, duration=160.0, warmup=40.0)  # fmt: skip
    result = simulate(scenario, engine)
    window = CONTROLS["cubic"].mean * laws.burst_window(1000.0, 189.4e3, 1.814e6)
    return [
        (
            "burst law",
            f"RTT {r * 1e3:.0f} ms",
            "bit/s",
            float(laws.window_rate(window * 1448.0, m)),
            float(v),
        )
        for r, m, v in zip(
            rtt.to_numpy(), result["mean_rtt"].to_numpy(), result["received_rate"].to_numpy(), strict=True
        )
    ]


def _wake(engine: str) -> list[tuple[str, str, str, float, float]]:
    """A flooded reader of 196,000 packets/s, wake cost 5 us: woken by a freed batch, at half, empty."""
    driver = xr.DataArray(["v7", "v12", "v7-empty"], dims="driver")
    ring = xr.DataArray([10, 100, 1000], dims="ring")
    scenario = Scenario(driver=driver, ring=ring, source="open", offered_rate=1.8e6, burst_rate=3.6e6,
                        wake_cost=5e-6, drain_rate=196e3, rtt=0.001, duration=2.0, warmup=0.5)  # fmt: skip
    result = simulate(scenario, engine)["transmitted_rate"]
    lines = []
    for name, words in zip(driver.to_numpy(), ("freed batch", "half", "empty"), strict=True):
        for n in ring.to_numpy():
            k = {"v7": 16 if n >= 32 else 1, "v12": n / 2, "v7-empty": n}[str(name)]
            # the qdisc refills the ring at the burst rate; batches do not count from the stop
            cycle = k if name == "v7" else laws.wake_cycle(k, 196e3, 3.6e6)
            formula = 1.0 / laws.saturated_service_time(1 / 196e3, 0.0, 5e-6, cycle, n, 0.0, 0.0, k)
            rate = float(
                result[{"driver": list(driver.to_numpy()).index(name), "ring": list(ring.to_numpy()).index(n)}]
            )
            lines.append(("wake-cycle law", f"ring {n}, woken: {words}", "packet/s", float(formula), rate))
    return lines
