"""Each sanity gate finds what it is for, and stays silent otherwise."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from tunbp.traces import checks
from tunbp.traces.findings import findings


def run(seconds=60, **changes):
    """A sound iperf3 run of 100 Mbit/s over 100 ms, with some totals or attributes changed."""
    time = np.arange(1.0, seconds + 1)
    totals = {
        "received_rate": 100e6, "sent_rate": 100e6, "mean_rtt": 0.1005, "min_rtt": 0.1, "total_retransmits": 0.0,
        "sent_bytes": 100e6 / 8 * seconds, "received_bytes": 100e6 / 8 * seconds, "sent_duration": float(seconds),
        "received_duration": float(seconds), "cpu_host": 0.1, "cpu_remote": 0.2, "set_duration": float(seconds),
    }  # fmt: skip
    series = {
        "throughput": np.full(seconds, 100e6), "interval": np.ones(seconds), "cwnd": np.full(seconds, 1.3e6),
        "snd_wnd": np.full(seconds, 4e6),
    }  # fmt: skip
    attrs = {"tool": "iperf3", "protocol": "TCP", "direction": "forward", "congestion": "cubic", "file": "a_100ms.json"}
    for name, value in changes.items():
        (attrs if isinstance(value, str) else series if isinstance(value, np.ndarray) else totals)[name] = value
    columns = {name: ("time", values) for name, values in series.items()}
    return xr.Dataset({**columns, **totals}, coords={"time": time}, attrs=attrs)


def found(dataset):
    return {(finding.check, finding.severity) for finding in checks.judge(dataset)}


def test_a_sound_run_has_only_the_note_on_congestion_control():
    assert found(run()) == {("congestion", "info")}


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"min_rtt": 0.094}, ("label", "error")),
        ({"min_rtt": 0.114}, ("label", "error")),
        ({"min_rtt": 0.25}, ("label", "warning")),
        ({"snd_wnd": np.full(60, 1.4e6), "cwnd": np.full(60, 9e6)}, ("window", "warning")),
        ({"snd_wnd": np.full(60, 1.4e6), "cwnd": np.full(60, 9e6), "cpu_remote": 0.99}, ("window", "info")),
        ({"throughput": np.r_[np.full(20, 1e6), np.full(40, 100e6)]}, ("duration", "warning")),
        ({"dropped_ring": 1000.0, "total_retransmits": 10.0}, ("drops", "warning")),
        ({"dropped_ring": 10.0, "total_retransmits": 1000.0}, ("drops", "warning")),
        ({"dropped_ring": 10.0, "dropped_qdisc": 2.0, "total_retransmits": 12.0}, ("drops", "info")),
        ({"received_bytes": 700e6, "received_rate": 700e6 * 8 / 60}, ("totals", "warning")),
        ({"received_bytes": 0.0, "received_rate": 0.0}, ("totals", "warning")),
        ({"received_bytes": 900e6, "received_rate": 900e6 * 8 / 60}, ("totals", "error")),
        ({"set_duration": 300.0}, ("missing", "warning")),
        ({"cpu_host": 0.95}, ("cpu", "warning")),
        ({"received_rate": 12.5e6}, ("units", "error")),
        ({"received_rate": 100e6 / 1.048576}, ("units", "error")),
        ({"received_rate": 100e6 / 1.024}, ("units", "error")),
        ({"congestion": "bbr"}, ("congestion", "warning")),
        ({"congestion": ""}, ("congestion", "warning")),
        ({"set_rate": 100e6}, ("limit", "info")),
        ({"loss_fraction": 1.0}, ("probes", "error")),
        ({"warnings": "cut off"}, ("file", "warning")),
    ],
)
def test_each_fault_is_found(changes, finding):
    assert finding in found(run(**changes))


def test_missing_seconds_are_counted():
    whole = run()
    holed = whole.isel(time=np.r_[0:20, 25:60])
    messages = [finding.message for finding in checks.missing_seconds(holed)]
    assert messages == ["5 s are missing in 1 gaps, the first after 20 s"]
    assert checks.missing_seconds(whole) == []


def test_a_short_run_is_called_short():
    assert ("duration", "warning") in found(run(seconds=3))


def test_findings_stay_in_the_dataset_most_serious_first():
    told = findings(checks.judged(run(min_rtt=0.094, cpu_host=0.95)))
    assert [finding.severity for finding in told] == ["error", "warning", "info", "info"]


def test_every_check_says_what_its_findings_mean():
    import re
    from pathlib import Path

    named = set()
    for module in ("checks", "opening", "folder"):
        text = (Path(checks.__file__).parent / f"{module}.py").read_text()
        named |= set(re.findall(r'Finding\("(\w+)"', text))
    assert named <= set(checks.MEANINGS) <= named | {"duplicate"}
