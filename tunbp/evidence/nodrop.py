"""The raw iperf3 files of the nodrop repository: fetched by pinned hash, condensed into one netCDF."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from tunbp.atomic import replacing
from tunbp.errors import DataError
from tunbp.evidence.registry import Remote, remote, sha256
from tunbp.schema import describe

SERIES = ("throughput", "retransmits", "rtt", "rttvar", "cwnd", "snd_wnd")
TOTALS = (
    "received_rate", "sent_rate", "total_retransmits", "min_rtt", "mean_rtt", "max_rtt", "duration",
    "cpu_host", "cpu_remote",
)  # fmt: skip
_NAME = re.compile(r"(?P<device>tap(?:\+vhost_net)?)/(?P<kernel>default|patched)_(?P<ring>\d+)packets_(?P<rtt>\d+)ms")


# -- fetch


def _copy(url: str, target: str, _pooch: object) -> None:
    source = Path(url)
    if not source.is_file():
        raise DataError(f"mirror has no file {source}: TUNBP_MIRROR must name the folder that holds 'tap/'")
    shutil.copyfile(source, target)


def _download(url: str, target: str, pooch_object: object) -> None:
    import pooch
    import requests

    try:
        pooch.HTTPDownloader(timeout=30)(url, target, pooch_object)
    except requests.RequestException as error:
        raise DataError(
            f"cannot download {url}: {error}; set TUNBP_MIRROR to a folder or URL that has the files"
        ) from error


def _refusing(
    fetch: Callable[[str, str, object], None], wanted: str, aside: Path
) -> Callable[[str, str, object], None]:
    """Wrap a downloader so that a file with another hash is kept as `aside` instead of being thrown away."""

    def downloader(url: str, target: str, pooch_object: object) -> None:
        fetch(url, target, pooch_object)
        found = sha256(Path(target))
        if found != wanted:
            shutil.copyfile(target, aside)
            raise DataError(f"{url}: sha256 is {found}, expected {wanted}; refused, the file is kept as {aside}")

    return downloader


def fetch(target: Path | None = None, progress: Callable[[str], None] = lambda _: None) -> Path:
    """Get the raw nodrop files, each checked against its recorded SHA-256.

    Parameters
    ----------
    target
        Folder to put them in; by default the user's cache folder (``TUNBP_CACHE`` names another).
    progress
        Called with the path of each file that is there and right.

    Returns
    -------
    pathlib.Path
        The folder; it holds ``tap/*.json``, ``tap/*.txt`` and ``tap+vhost_net/*.json``.

    Raises
    ------
    DataError
        If a file cannot be had, or has another hash: then it is kept aside as ``NAME.rejected`` and what was
        there before stays.

    Notes
    -----
    From GitHub at the pinned commit, or from the folder or URL in ``TUNBP_MIRROR``. Files that are there and
    right are not taken again.
    """
    import pooch

    source = remote("nodrop")
    mirror = os.environ.get("TUNBP_MIRROR") or source.base_url
    is_url = mirror.startswith(("http://", "https://"))
    if not is_url and not Path(mirror).is_dir():
        raise DataError(f"TUNBP_MIRROR={mirror} is neither a folder nor an http(s) URL")
    if target is None:
        cache = Path(os.environ.get("TUNBP_CACHE") or pooch.os_cache("tunbp"))
        target = cache / "nodrop" / source.commit[:12]
    pooch.get_logger().setLevel("WARNING")
    store = pooch.create(path=target, base_url=mirror.rstrip("/") + "/", registry=source.files)
    for name, wanted in source.files.items():
        aside = target / f"{name}.rejected"
        try:
            store.fetch(name, downloader=_refusing(_download if is_url else _copy, wanted, aside))
            aside.unlink(missing_ok=True)
        except OSError as error:
            raise DataError(f"cannot write {target / name}: {error}") from error
        progress(name)
    return target


# -- build


def _checked(folder: Path, source: Remote) -> list[str]:
    names = [name for name in source.files if name.endswith(".json")]
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise DataError(
            f"{folder} lacks {len(missing)} of {len(names)} files, first {missing[0]}: run 'tunbp data fetch nodrop'"
        )
    for name in names:
        found = sha256(folder / name)
        if found != source.files[name]:
            raise DataError(f"{folder / name}: sha256 is {found}, expected {source.files[name]}")
    return names


def _facts(name: str, trace: xr.Dataset) -> dict[str, Any]:
    """Coordinates of one run, from its file name and from what iperf3 noted."""
    match = _NAME.match(name)
    if match is None:
        raise DataError(f"{name}: a nodrop file is named DEVICE/default|patched_Npackets_Nms.json")
    variant = "stock" if match["kernel"] == "default" else "patched"
    device, short = ("tap+vhost-net", "vhost") if "vhost" in match["device"] else ("tap", "tap")
    return {
        "run": f"{short}-{match['ring']}-{match['rtt']}ms-{variant}",
        "device": device,
        "variant": variant,
        # v3 of the series was the one at hand on the days of the runs; it wakes on an empty ring
        "wake_policy": "none" if variant == "stock" else "empty",
        "ring": int(match["ring"]),
        "rtt_label": int(match["rtt"]) / 1000,
        "kernel": trace.attrs["kernel"],
        "tool_version": trace.attrs["version"],
        "congestion": trace.attrs["congestion"],
        "mss": trace["mss"].item(),
        "start": trace.attrs["start"],
        "file": name,
        "sha256": trace.attrs["sha256"],
    }


def _one_run(path: Path, name: str) -> xr.Dataset:
    from tunbp.traces import open_trace

    trace = open_trace(path)
    # intervals end within 3 ms of the full second; one common axis keeps all runs in one array
    seconds = np.arange(1.0, trace.sizes["time"] + 1)
    if np.abs(trace["time"].values - seconds).max() > 0.01:
        raise DataError(f"{path}: intervals are not one second long")
    chosen = trace[[*SERIES, *TOTALS]].drop_vars("time")
    return chosen.assign_coords(time=seconds, **_facts(name, trace))


def condense(folder: Path) -> xr.Dataset:
    """Load the 24 raw runs as one Dataset, see `tunbp.evidence.datasets.nodrop` for its contents.

    Parameters
    ----------
    folder
        What `fetch` returned.

    Returns
    -------
    xarray.Dataset
        Over run and time.

    Raises
    ------
    DataError
        If a file is missing or has another hash than recorded.
    """
    source = remote("nodrop")
    runs = [_one_run(folder / name, name) for name in _checked(folder, source)]
    facts = [str(name) for name in runs[0].coords if name not in ("run", "time")]
    dataset = xr.concat(runs, dim="run", join="exact", coords=facts, compat="equals", combine_attrs="drop")
    dataset = describe(dataset.sortby("run"))
    dataset["time"].attrs = {"units": "s", "long_name": "end of the one-second interval"}
    dataset["ring"].attrs = {"units": "packet", "long_name": "ring size (txqueuelen)"}
    dataset["rtt_label"].attrs = {"units": "s", "long_name": "emulated round-trip time in the file name"}
    dataset["mss"].attrs = {"units": "byte", "long_name": "maximum segment size"}
    dataset.attrs = {
        "title": "iperf3 runs of the nodrop repository, host to guest through TAP and TAP+vhost-net",
        "source": f"{source.repository} at {source.commit}, {source.folder}",
        "source_id": "S25",
        "tool": "iperf3",
    }
    return dataset


def build(folder: Path, target: Path) -> Path:
    """Write `condense(folder)` as netCDF to `target`, byte for byte the same each time.

    Parameters
    ----------
    folder
        The repository's folder of results.
    target
        File to write.

    Returns
    -------
    pathlib.Path
        `target`.
    """
    dataset = condense(folder)
    whole = (dataset.sizes["run"], dataset.sizes["time"])
    packed = {"zlib": True, "complevel": 9, "shuffle": True, "chunksizes": whole}
    encoding = {name: dict(packed) for name in SERIES}
    with replacing(target) as temporary:
        dataset.to_netcdf(temporary, engine="h5netcdf", encoding=encoding)
    return target
