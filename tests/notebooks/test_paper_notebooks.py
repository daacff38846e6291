"""The notebooks run from top to bottom on the bundled data, and what their tables say."""

from __future__ import annotations

import ast
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
RUNS: dict[str, dict[str, Any]] = {
    "01_openvpn_throughput": {"rtts": [0.01, 0.02, 0.04, 0.08, 0.12], "rings": [5000, 1000, 500, 100, 50, 10]},
    "02_pktgen_regression": {},
    "03_tap_vhost_iperf3": {"duration": 60.0, "resamples": 500},
}
"""Notebooks and what differs from their defaults, to be shorter."""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of all notebooks, executed two at a time."""
    import papermill

    folder = tmp_path_factory.mktemp("notebooks")

    def execute(name: str) -> None:
        values = {"out_dir": str(folder / "results"), **RUNS[name]}
        notebook = ROOT / "notebooks" / f"{name}.ipynb"
        papermill.execute_notebook(notebook, folder / f"{name}.ipynb", values, progress_bar=False, start_timeout=120)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(execute, RUNS))
    return folder / "results"


def read(results: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(results / "tables" / f"{name}.csv")


def numbers(results: Path, run: str) -> dict[str, float]:
    content = json.loads((results / "numbers" / f"{run}.json").read_text())
    return {name: number["value"] for name, number in content["numbers"].items()}


# -- 01


def test_the_36_per_cent_are_a_deficit_and_the_gain_is_57_per_cent(results: Path) -> None:
    found = numbers(results, "01_openvpn_throughput")
    assert found["openvpn_gain"] == pytest.approx(57.24, abs=0.01)
    assert found["openvpn_deficit"] == pytest.approx(36.40, abs=0.01)
    pairs = read(results, "openvpn_gains").set_index("pair")
    assert len(pairs) == 22
    assert pairs.loc["path-wireguard-500", "gain"] == pytest.approx(0.345, abs=5e-4)


def test_every_row_of_the_paper_is_compared_as_in_the_validation_table(results: Path) -> None:
    errors = read(results, "openvpn_errors").set_index("row")
    assert len(errors) == 44
    validated = read(results, "validation")
    validated = validated[validated["table"].str.startswith("paper")].set_index("row").reindex(errors.index)
    assert errors["model"].to_numpy() == pytest.approx(validated["model"].to_numpy(), rel=1e-9)
    assert errors["role"].to_list() == validated["role"].to_list()


def test_stock_openvpn_rows_are_within_20_per_cent_in_the_median(results: Path) -> None:
    medians = read(results, "openvpn_medians").set_index(["path", "tunnel", "variant", "role"])
    assert medians.loc[("real", "OpenVPN", "stock", "all"), "rows"] == 6
    assert medians.loc[("real", "OpenVPN", "stock", "all"), "median"] <= 0.20
    assert medians.loc[("real", "OpenVPN", "patched", "all"), "median"] <= 0.05


def test_claims_validation_and_bounds_are_written_whole(results: Path) -> None:
    claims = read(results, "claims")
    assert set(claims["verdict"]) == {"holds", "contradicted", "not checkable"}
    assert claims["agrees"].all()
    assert read(results, "validation").groupby("table").size()["raw"] == 24
    bounds = read(results, "bounds")
    assert (bounds["met"] == (bounds["value"] <= bounds["limit"])).all()


# -- 02


def test_v7_tap_is_predicted_within_3_per_cent_from_other_rows(results: Path) -> None:
    rows = read(results, "pktgen_errors").set_index(["row", "quantity"])
    row = rows.loc[("v7-tap-1t-patched", "transmitted_rate")]
    assert row["role"] == "held out"
    assert row["published"] == 185e3
    assert abs(row["error"]) <= 0.03
    constants = read(results, "pktgen_constants").set_index(["host", "constant"])
    assert "v7-tap-1t-patched" not in constants.loc[("i5-pktgen-tap", "wake_cost"), "fitted_to"]


def test_backpressure_loses_nothing_published_or_simulated(results: Path) -> None:
    rows = read(results, "pktgen_errors")
    lost = rows[(rows["quantity"] == "lost_rate") & (rows["kind"] == "patched")]
    assert len(lost) >= 14
    assert lost[["published", "model"]].to_numpy().max() == 0


def test_unread_tables_stay_gaps_in_the_figure(results: Path) -> None:
    data = json.loads((results / "figures" / "pktgen_transmitted.json").read_text())["data"]
    text = json.dumps(data)
    for name in ("v8", "v9", "v12", "v12, 2 threads"):
        assert f'"{name}"' in text


def test_lone_means_of_1132_and_1134_kpps_show_nothing(results: Path) -> None:
    found = numbers(results, "02_pktgen_regression")
    assert found["pktgen_smallest_effect"] == pytest.approx(9.74, abs=0.05)
    assert found["pktgen_needed_spread"] == pytest.approx(0.312, abs=0.005)


# -- 03


def test_all_24_runs_are_in_the_error_table_with_a_median_of_10_per_cent(results: Path) -> None:
    runs = read(results, "raw_errors")
    assert len(runs) == 24
    assert runs["error"].abs().median() <= 0.10
    assert (runs["low"] <= runs["measured"]).all()
    assert (runs["measured"] <= runs["high"]).all()


def test_mislabelled_and_window_limited_runs_are_named(results: Path) -> None:
    runs = read(results, "raw_errors").set_index("run")
    wrong = runs.index[runs["limit"].str.contains("mislabelled")]
    assert set(wrong) == {"tap-1000-120ms-patched", "tap-1000-60ms-patched"}
    limited = runs.index[runs["limit"].str.startswith("receive window")]
    assert set(limited) == set(wrong) | {
        f"vhost-1000-{rtt}ms-{variant}" for rtt in (60, 120) for variant in ("stock", "patched")
    }
    pairs = read(results, "raw_pairs").set_index(["device", "ring", "label"])
    assert pairs.loc[("tap", 1000, 0.12), "verdict"] == "not comparable: round trips of 121 and 94 ms"
    assert pairs.loc[("tap", 100, 0.0), "verdict"].startswith("faster by 14")


# -- all of them


@pytest.mark.parametrize("name", RUNS)
def test_figures_and_numbers_of_a_notebook_are_there(results: Path, name: str) -> None:
    content = json.loads((results / "numbers" / f"{name}.json").read_text())
    assert len(content["figures"]) >= 2
    for figure in content["figures"]:
        for kind in ("pdf", "svg", "png", "json"):
            assert (results / "figures" / f"{figure}.{kind}").stat().st_size > 1000


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_notebook_holds_few_short_cells_and_no_logic(path: Path) -> None:
    cells = json.loads(path.read_text())["cells"]
    assert cells[0]["cell_type"] == "markdown"
    assert "".join(cells[0]["source"]).startswith("# ")
    for cell in cells:
        if cell["cell_type"] == "code" and "parameters" not in cell["metadata"].get("tags", []):
            source = "".join(cell["source"])
            assert len(source.splitlines()) <= 15
            kinds = (ast.FunctionDef, ast.ClassDef, ast.While)
            tree = ast.parse(source)
            assert not [node for node in ast.walk(tree) if isinstance(node, kinds)]
            # the path of a file just written is no result
            shown = "" if source.endswith(";") else ast.unparse(tree.body[-1])
            assert not shown.startswith(("out.figure(", "out.table(", "out.number(", "out.close("))
