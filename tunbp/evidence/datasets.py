"""The bundled data: published tables as data frames, the raw nodrop runs and the runs of others as Datasets."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr
import yaml

from tunbp import opened
from tunbp.errors import DataError
from tunbp.project import data_folder
from tunbp.schema import describe

TABLES = ("pktgen", "tcp", "perf")
"""Names of the published tables, see `published`."""

NOT_READ = "table known to exist, could not be read"
"""What the column `missing` says of a row whose table nobody could read."""

_MEASURED = ("received_rate", "total_retransmits", "tx_packets", "tx_dropped", "cwnd", "cpu_host", "duration")
"""Columns of the external runs that are results; the others are conditions."""


def data_path(*parts: str) -> Path:
    """Path of a bundled file or folder.

    The data folder lies inside an installed package, beside the package in a clone; the environment variable
    ``TUNBP_DATA`` names another one.

    Parameters
    ----------
    *parts
        Path below the data folder, e.g. ``data_path("published", "tcp.csv")``; nothing for the folder itself.

    Returns
    -------
    Path
        It need not exist.

    Raises
    ------
    DataError
        If the folder or the file is not there; the message names the path looked for.
    """
    root = data_folder()
    if not root.is_dir():
        raise DataError(f"data folder {root} does not exist: install tunbp anew, or set TUNBP_DATA to a data folder")
    path = root.joinpath(*parts)
    if not path.exists():
        raise DataError(f"bundled file {path} is missing: restore it with git, or run 'tunbp data verify'")
    return path


@cache
def _all_columns(path: Path) -> dict[str, dict[str, dict[str, Any]]]:
    loaded: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


def columns(name: str) -> dict[str, dict[str, Any]]:
    """Meaning, unit and codes of the columns of one published table, from ``data/published/columns.yaml``.

    Parameters
    ----------
    name
        One of `TABLES`.

    Returns
    -------
    dict
        column -> ``{"meaning": str, "units": str (numeric columns only), "values": {code: meaning}}``.

    Raises
    ------
    DataError
        If there is no such table.
    """
    if name not in TABLES:
        raise DataError(f"published table {name!r} does not exist: choose one of {', '.join(TABLES)}")
    described = _all_columns(opened.note(data_path("published", "columns.yaml")))
    return {**described["shared"], **described[name]}


def published(name: str) -> pd.DataFrame:
    """One table of published values, in SI units, every row with its source id.

    Values nobody could read stay missing (NaN), and the ``missing`` column says why.

    Parameters
    ----------
    name
        ``"pktgen"`` (66 rows, packet/s), ``"tcp"`` (179 rows, bit/s) or ``"perf"`` (10 rows, counters).

    Returns
    -------
    pandas.DataFrame
        Indexed by ``row_id``; numeric columns are float64 and text columns hold ``""`` where empty.
        ``.attrs["units"]`` maps every numeric column to its unit.

    Raises
    ------
    DataError
        If there is no such table, its file is missing, or a cell is not what ``columns.yaml`` says.

    Notes
    -----
    Sources: ``data/published/sources.md``.

    Examples
    --------
    >>> rates = published("tcp")["throughput"]
    >>> round(float(rates["path-openvpn-500-patched"] / rates["path-openvpn-500-stock"]), 3)
    1.572
    """
    described = columns(name)
    table = _read(data_path("published", f"{name}.csv"), described, "row_id")
    table.attrs["name"] = name
    return table


def _read(path: Path, described: dict[str, dict[str, Any]], index: str) -> pd.DataFrame:
    """Read a CSV whose columns are described: numbers where there is a unit, text elsewhere."""
    table = pd.read_csv(opened.note(path), dtype=str, keep_default_na=False, encoding="utf-8")
    unknown = [column for column in table.columns if column not in described]
    if unknown:
        raise DataError(f"{path}: columns {unknown} are not described in columns.yaml")
    units = {column: described[column]["units"] for column in table.columns if "units" in described[column]}
    for column in units:
        try:
            table[column] = table[column].where(table[column] != "").astype("float64")
        except ValueError as error:
            raise DataError(f"{path}, column {column}: {error}; a numeric cell is a number or empty") from error
    for column in table.columns:
        values: list[str] = [str(code) for code in described[column].get("values", ())]
        strange = sorted(set(table[column]) - set(values)) if values else []
        if strange:
            raise DataError(f"{path}, column {column}: {strange} is none of {', '.join(values)}")
    repeated = sorted(table[index][table[index].duplicated()])
    if repeated:
        raise DataError(f"{path}: {index} {repeated} stands more than once")
    table = table.set_index(index)
    table.attrs = {"units": units}
    return table


def external() -> xr.Dataset:
    """Runs that others published and that no constant of the model was fitted to: predict first, compare after.

    Returns
    -------
    xarray.Dataset
        Dim ``run`` (55). Variables in the names of the schema: ``received_rate`` [bit/s], ``total_retransmits`` [1],
        ``tx_packets``, ``tx_dropped`` [packet], ``cwnd`` [byte], ``cpu_host`` [1], ``duration`` [s]. Everything else
        is a coordinate of ``run``: the conditions (``ring`` [packet], ``rtt`` [s], ``mtu`` [byte], ``path_rate``
        [bit/s], ``path_loss`` [1], ``streams``, ``offload``, ``application``, ...), the source (``source_id``,
        ``commit``, ``where``) and what the run can test (``use``: ``"rate"``, ``"reader_speed"``, ``"sign"``). NaN and
        ``""`` mean not stated.

    Raises
    ------
    DataError
        If a file is missing or a cell is not what ``data/external/columns.yaml`` says.

    Notes
    -----
    Sources X01 to X28 of ``data/published/sources.md``.

    Examples
    --------
    >>> runs = external()
    >>> float(runs["received_rate"].sel(run="firezone-10ms")) / 1e6
    111.0
    """
    path = data_path("external", "columns.yaml")
    described: dict[str, dict[str, Any]] = yaml.safe_load(opened.note(path).read_text(encoding="utf-8"))
    table = _read(data_path("external", "runs.csv"), described, "run_id").rename_axis(index="run")
    dataset = xr.Dataset.from_dataframe(table)
    for name, units in table.attrs["units"].items():
        dataset[name].attrs = {"units": units, "long_name": described[name]["meaning"]}
    dataset = dataset.set_coords([name for name in table.columns if name not in _MEASURED])
    return describe(dataset).assign_attrs(title="measurements of others, for comparison only")


def nodrop() -> xr.Dataset:
    """Load the 24 iperf3 runs of the nodrop repository: per-second series and totals.

    Returns
    -------
    xarray.Dataset
        Dims ``run`` (24) and ``time`` (300 s, the end of each one-second interval). Series over
        ``(run, time)``: ``throughput`` [bit/s], ``retransmits`` [1], ``rtt`` and ``rttvar`` [s], ``cwnd`` and
        ``snd_wnd`` [byte]. Totals over ``run``: ``received_rate``, ``sent_rate`` [bit/s],
        ``total_retransmits`` [1], ``min_rtt``, ``mean_rtt``, ``max_rtt``, ``duration`` [s], ``cpu_host``,
        ``cpu_remote`` [1]. Coordinates of ``run``: ``device``, ``variant``, ``wake_policy``,
        ``ring`` [packet], ``rtt_label`` [s] (from the file name: two are wrong), ``kernel``,
        ``tool_version``, ``congestion``, ``mss`` [byte], ``start`` (UTC), ``file`` and ``sha256`` of the
        original.

    Raises
    ------
    DataError
        If the bundled file is missing.

    Notes
    -----
    Source S25 of ``data/published/sources.md``; built by ``tunbp data build-nodrop``.
    """
    return xr.load_dataset(opened.note(data_path("measured", "nodrop_iperf3.nc")), engine="h5netcdf")
