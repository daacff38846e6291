"""The notebooks run from top to bottom with small parameters, and what their tables say."""

from __future__ import annotations

import ast
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from tunbp.run.params import NotebookParams, cell_values, model

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[!_.]*.ipynb"))
NAMES = [path.stem for path in NOTEBOOKS]

RECORDER = """
import atexit, json, os, sys
opened, wrote = set(), set()
def heard(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        reading = not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR)
        path = os.path.realpath(arguments[0])
        if reading and (path.startswith(DATA) or path.endswith(("hosts.yaml", "hosts.nc"))):
            opened.add(path)
        if "/numbers/" in path:
            wrote.add(path.split("/numbers/")[1].lstrip(".").split(".")[0])
            open(os.path.join(FOLDER, f"{os.getpid()}.txt"), "w").write("\\n".join([*wrote, *sorted(opened)]))
sys.addaudithook(heard)
import tunbp.results.output
tunbp.results.output.FORMATS = ("svg",)
"""
"""Runs in every kernel before the notebook: notes what Python itself opens, independent of the package.

Figures are written in one format: all three of all figures are looked at by `tests/test_printed_figures.py`."""

pytestmark = pytest.mark.timeout(900)  # the first test waits for nine notebooks, on a machine that others use too


def params(name: str) -> type[NotebookParams]:
    found = model(name)
    assert found is not None, f"{name} has no folder in tunbp/notebooks"
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the executed notebooks, `results` and `opened`; executed two at a time."""
    import papermill

    folder = tmp_path_factory.mktemp("notebooks")
    startup = folder / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (folder / "opened").mkdir()
    places = f"DATA, FOLDER = {str((ROOT / 'data').resolve())!r}, {str(folder / 'opened')!r}\n"
    (startup / "record.py").write_text(places + RECORDER)

    def execute(name: str) -> None:
        values = {"out_dir": str(folder / "results"), **params(name).small}
        notebook = ROOT / "notebooks" / f"{name}.ipynb"
        papermill.execute_notebook(notebook, folder / f"{name}.ipynb", values, progress_bar=False, start_timeout=120)

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setitem(os.environ, "IPYTHONDIR", str(folder / "ipython"))
        list(pool.map(execute, NAMES))
    return folder


@pytest.fixture
def results(run: Path) -> Path:
    """Results of all notebooks."""
    return run / "results"


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
    assert set(claims["kind"]) == {"quote", "paraphrase", "our_question"}
    assert claims.loc[claims["verdict"] == "contradicted", "link"].str.startswith("https:").all()
    assert claims["agrees"].all()
    assert read(results, "validation").groupby("table").size()["raw"] == 24
    bounds = read(results, "bounds")
    assert (bounds["met"] == (bounds["value"] <= bounds["limit"])).all()


def test_the_caption_of_the_papers_tables_counts_the_rows_inside_the_bands_that_are_drawn(results: Path) -> None:
    record = json.loads((results / "figures" / "openvpn_throughput.json").read_text())
    data = {name: pd.DataFrame(rows) for name, rows in record["data"].items()}
    drawn = pd.concat([data["lab_drawn"], data["real_drawn"]])
    keys = ["path", "tunnel", "variant", "rtt", "ring"]
    # of the 4 draws that this test simulates a band is the whole range
    ends = drawn.groupby(keys)["received_rate"].agg(["min", "max"])
    rows = data["published"].join(ends, on=keys)
    assert rows["min"].notna().all()
    inside = rows["published"].between(rows["min"], rows["max"]).groupby(rows["role"]).sum()
    size = rows.groupby("role").size()
    words = " and ".join(f"{inside[role]} of {size[role]} {role}" for role in ("held out", "fitted"))
    assert f"Inside the bands lie {words} rows." in record["caption"]


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
    assert pairs.loc[("tap", 100, 0.0), "verdict"].startswith("faster by 12 to 19 %")


# -- 09


def test_held_out_rows_and_calibration_rows_are_told_apart_and_promises_counted(results: Path) -> None:
    predicted = read(results, "predicted")
    assert set(predicted["use"]) == {"held out", "calibration"}
    assert (predicted["low90"] <= predicted["low50"]).all()
    covered = read(results, "prediction_coverage").set_index("source")
    judges = predicted[predicted["use"] == "held out"]
    assert covered.loc["all", "cells"] == len(judges)
    assert covered.loc["all", "inside 90 %"] == pytest.approx(judges["runs90"].mean())
    bounds = read(results, "prediction_bounds")
    assert (bounds["met"] == ((bounds["low"] <= bounds["value"]) & (bounds["value"] <= bounds["high"]))).all()


def test_stored_predictions_of_external_runs_are_those_compared(results: Path) -> None:
    stored = pd.read_csv(ROOT / "data" / "external" / "predictions.csv", index_col="run_id")
    checked = read(results, "external").set_index("run")
    assert checked["median"].to_numpy() == pytest.approx(stored["median"].reindex(checked.index).to_numpy())
    assert (
        checked["inside"] == ((checked["low90"] <= checked["measured"]) & (checked["measured"] <= checked["high90"]))
    ).all()


# -- all of them


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_leaves_figures_tables_and_numbers(results: Path, name: str) -> None:
    content = json.loads((results / "numbers" / f"{name}.json").read_text())
    assert content["figures"]
    assert content["tables"]
    assert content["numbers"]
    for figure in content["figures"]:
        for kind, least in (("svg", 1000), ("json", 1000), ("bib", 300)):
            assert (results / "figures" / f"{figure}.{kind}").stat().st_size > least


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_in_batch_leaves_no_widget(run: Path, name: str) -> None:
    assert "application/vnd.jupyter.widget-view+json" not in (run / f"{name}.ipynb").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_the_recorded_inputs_are_the_files_that_were_opened(run: Path, name: str) -> None:
    said = {item["name"] for item in json.loads((run / "results" / "numbers" / f"{name}.json").read_text())["inputs"]}
    heard = [set(path.read_text().split("\n")) for path in (run / "opened").glob("*.txt")]
    opened = {Path(path).relative_to(ROOT).as_posix() for lines in heard if name in lines for path in lines - {name}}
    # what the package hashes for its record is heard too: an input that it forgets is what this finds
    assert said == opened


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_a_notebook_is_stored_clean_with_the_parameters_of_its_class(path: Path) -> None:
    content = json.loads(path.read_text())
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    tagged = [i for i, cell in enumerate(code) if "parameters" in cell["metadata"].get("tags", ())]
    assert len(tagged) == 1
    fields = params(path.stem).model_fields
    defaults = {name: str(f.default) if isinstance(f.default, Path) else f.default for name, f in fields.items()}
    assert cell_values("".join(code[tagged[0]]["source"])) == defaults
    assert f'start("{path.stem}", globals())' in "".join(code[tagged[0] + 1]["source"])
    assert content["metadata"]["kernelspec"]["name"] == "python3"
    assert [cell for cell in code if cell["outputs"] or cell["execution_count"]] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
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
