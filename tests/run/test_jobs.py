"""What a batch runs: names of notebooks, parameter files, and the reason to run again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunbp.errors import ParamsError, ReproduceError
from tunbp.run.jobs import find_notebooks, read_params

ROOT = Path(__file__).parents[2]


def test_a_beginning_names_a_notebook_where_only_one_fits() -> None:
    assert [path.stem for path in find_notebooks(ROOT, ["06", "notebooks/01_openvpn_throughput.ipynb"])] == [
        "06_your_path",
        "01_openvpn_throughput",
    ]
    assert len(find_notebooks(ROOT)) >= 8
    with pytest.raises(ReproduceError, match="fits several notebooks: 01_openvpn_throughput, 02"):
        find_notebooks(ROOT, ["0"])
    with pytest.raises(ReproduceError, match="'99' is none of 01_openvpn"):
        find_notebooks(ROOT, ["99"])


def test_without_a_clone_it_says_where_notebooks_are(tmp_path: Path) -> None:
    with pytest.raises(ReproduceError, match="run this inside a clone"):
        find_notebooks(tmp_path)


def test_parameter_files_belong_to_the_notebook_they_name(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("# notebook: 06_your_path\nrtt: 0.05\n")
    assert read_params([file], []) == {"06_your_path": {"rtt": 0.05}}
    with pytest.raises(ParamsError, match="a second parameter file for notebook 06_your_path"):
        read_params([file, file], [])
    with pytest.raises(ParamsError, match="not among 01_openvpn_throughput, 09"):
        read_params([file], ["01_openvpn_throughput", "09_what_the_data_say"])


def test_a_folder_for_results_is_an_option_and_no_parameter(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("# notebook: 06_your_path\nout_dir: elsewhere\n")
    with pytest.raises(ParamsError, match="use --out instead"):
        read_params([file], [])
