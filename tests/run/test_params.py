"""Parameters of the notebooks: what is refused, and how the message helps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.params import written
from tunbp.errors import ParamsError
from tunbp.project import project_root
from tunbp.run.params import NotebookParams, cell_values, check, load, model, named_notebook, validate

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NAMES = [path.stem for path in NOTEBOOKS]
FILES = [path for path in sorted((ROOT / "params").glob("*.yaml")) if named_notebook(path.read_text())]


def params(notebook: str) -> type[NotebookParams]:
    found = model(notebook)
    assert found is not None
    return found


def defaults(notebook: str) -> dict[str, Any]:
    """Defaults of a model as a parameters cell writes them."""
    fields = params(notebook).model_fields
    plain = {name: field.default for name, field in fields.items()}
    return {name: str(value) if isinstance(value, Path) else value for name, value in plain.items()}


@pytest.mark.parametrize(
    ("notebook", "name", "value", "words"),
    [
        ("06_your_path", "rtt", "60e-3", ["YAML reads 60e-3 as text", "60.0e-3"]),
        ("06_your_path", "burst_rate", "1e9", ["YAML reads 1e9 as text", "1.0e+9"]),
        ("06_your_path", "drain_rate", "1.5E5", ["as text", "1.5e+5"]),
        ("06_your_path", "rtt", "-2e-3", ["as text", "-2.0e-3"]),
        ("06_your_path", "ring", "1e3", ["YAML reads 1e3 as text", "write 1000"]),
        ("06_your_path", "rtt", "0.12", ["text, not a number", "0.12 without quotes"]),
        ("06_your_path", "rtt", "120 ms", ["text, not a number", "SI units", "round-trip time [s]"]),
        ("06_your_path", "ring", 0, ["ring = 0", "greater than or equal to 1"]),
        ("06_your_path", "ring", 500.5, ["ring = 500.5", "integer"]),
        ("06_your_path", "ring", True, ["ring = True", "integer"]),
        ("06_your_path", "rtt", -0.1, ["rtt = -0.1", "greater than or equal to 0"]),
        ("06_your_path", "rtt", 1e-9, ["rtt = 1e-09", "must be 0 or >= 1e-06 and <= 60 [s]"]),
        ("06_your_path", "rtt", float("nan"), ["rtt = nan", "finite"]),
        ("06_your_path", "ring", 10**12, ["ring = 1000000000000", "less than or equal to 4294967295"]),
        ("06_your_path", "receive_window", 1e30, ["receive_window = 1e+30", "less than or equal to 1073725440"]),
        ("06_your_path", "burst_rate", 0, ["burst_rate = 0", "greater than 0"]),
        ("06_your_path", "burst_rate", -1.0, ["burst_rate = -1.0", "greater than 0"]),
        ("06_your_path", "qdisc", "red", ["qdisc = 'red'", "fq_codel"]),
        ("06_your_path", "trace", "no/such/file.json", ["trace[0] = 'no/such/file.json'", "no such file"]),
        ("06_your_path", "receive_windw", 1.0, ["unknown parameter 'receive_windw'", "'receive_window'"]),
        ("01_openvpn_throughput", "rings", [100, 0], ["rings[1] = 0", "greater than or equal to 1"]),
        ("01_openvpn_throughput", "rtts", [0.01, "60e-3"], ["rtts[1] = '60e-3'", "60.0e-3"]),
        ("01_openvpn_throughput", "rings", 100, ["rings = 100", "list"]),
        ("01_openvpn_throughput", "rings", [], ["rings = []", "at least 1 item"]),
        ("01_openvpn_throughput", "out_dir", " ", ["out_dir = ' '", "name of a folder"]),
        ("01_openvpn_throughput", "out_dir", 7, ["out_dir = 7", "text"]),
        ("01_openvpn_throughput", "save_figures", "yes", ["save_figures = 'yes'", "boolean"]),
        ("01_openvpn_throughput", "seeds", None, ["seeds = None", "integer"]),
    ],
)
def test_wrong_value_is_named_with_what_is_allowed(notebook: str, name: str, value: Any, words: list[str]) -> None:
    with pytest.raises(ParamsError) as caught:
        validate(notebook, {name: value}, "my.yaml")
    message = str(caught.value)
    assert message.startswith("my.yaml: ")
    assert "\n" not in message
    assert [word for word in words if word not in message] == []


def test_every_mistake_of_a_file_is_named() -> None:
    with pytest.raises(ParamsError) as caught:
        validate("06_your_path", {"ring": 0, "rtt": -1, "bogus": 2}, "my.yaml")
    lines = str(caught.value).splitlines()
    assert [line.split(": ")[1].split(" = ")[0] for line in lines] == [
        "rtt",
        "ring",
        "unknown parameter 'bogus'; known",
    ]


def test_a_burst_rate_below_the_drain_rate_is_legal() -> None:
    p = validate("06_your_path", {"burst_rate": 1.0, "drain_rate": 60e3}, "my.yaml")
    assert p.model_dump()["burst_rate"] == 1.0


def test_whole_numbers_serve_as_quantities_and_values_are_frozen() -> None:
    p = validate("06_your_path", {"rtt": 0, "duration": 5}, "my.yaml")
    assert (p.model_dump()["rtt"], p.model_dump()["duration"]) == (0.0, 5.0)
    with pytest.raises(ValueError, match="frozen"):
        p.rtt = 1.0  # type: ignore[attr-defined]


def test_output_folder_is_relative_to_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "tunbp"\n')
    monkeypatch.chdir(tmp_path / "notebooks")
    assert validate("07_live_lab", {}, "x").out_dir == tmp_path / "results"
    assert validate("07_live_lab", {"out_dir": "mine/here"}, "x").out_dir == tmp_path / "mine" / "here"
    assert validate("07_live_lab", {"out_dir": str(tmp_path / "abs")}, "x").out_dir == tmp_path / "abs"


def test_outside_a_project_the_package_s_own_project_is_found(tmp_path: Path) -> None:
    assert project_root(tmp_path) == ROOT


# -- the validation cell of a notebook


def shell(notebook: str, cells: list[str], **values: Any) -> dict[str, Any]:
    """`globals()` of a notebook whose cells ran in order; the last one is running."""
    return {"__name__": "__main__", "In": ["", *cells], **defaults(notebook), **values}


PARAMETERS = "ring = 500\nrtt = 0.12\n"
CHECK = 'from tunbp.run.params import check\np = check("06_your_path", globals())'


def test_check_reads_the_values_that_papermill_injected() -> None:
    injected = "# Parameters\nring = 25\nrtt = 0.06\n"
    p = check("06_your_path", shell("06_your_path", ["import os", PARAMETERS, injected, CHECK], ring=25, rtt=0.06))
    assert (p.model_dump()["ring"], p.model_dump()["rtt"]) == (25, 0.06)


def test_check_names_an_unknown_parameter_that_papermill_injected() -> None:
    values = shell("06_your_path", [PARAMETERS, "# Parameters\nrign = 25\n", CHECK], rign=25)
    with pytest.raises(ParamsError, match=r"notebook 06_your_path: unknown parameter 'rign'; did you mean 'ring'\?"):
        check("06_your_path", values)


def test_check_names_an_unknown_parameter_typed_into_the_cell() -> None:
    values = shell("06_your_path", [PARAMETERS + "rign = 25\n", CHECK], rign=25)
    with pytest.raises(ParamsError, match="unknown parameter 'rign'"):
        check("06_your_path", values)


def test_check_run_again_ignores_what_later_cells_made() -> None:
    cells = [PARAMETERS, CHECK, "table = simulate(p)", "count = 3", CHECK]
    assert check("06_your_path", shell("06_your_path", cells, count=3, table=[1])).model_dump()["ring"] == 500


def test_check_names_a_parameter_that_the_cell_does_not_set() -> None:
    values = shell("06_your_path", [PARAMETERS, CHECK])
    del values["ring"]
    with pytest.raises(ParamsError, match="parameter 'ring' is not set"):
        check("06_your_path", values)


def test_check_of_a_plain_mapping_takes_every_key_as_a_parameter() -> None:
    assert check("07_live_lab", defaults("07_live_lab")).model_dump()["seeds"] == 5
    with pytest.raises(ParamsError, match="unknown parameter 'bogus'"):
        check("07_live_lab", {**defaults("07_live_lab"), "bogus": 1})


def test_check_of_an_unknown_notebook_names_the_known_ones() -> None:
    with pytest.raises(ParamsError, match=r"'09_nothing' .* known: live_lab"):
        check("09_nothing", {})


def test_cell_values_of_cells() -> None:
    assert cell_values("# c\na = 1\nb: float = -2.5\n'text'\nc = [1, None]") == {
        "a": 1,
        "b": -2.5,
        "c": [1, None],
    }
    assert cell_values("a = f(1)") == {"a": ...}
    assert cell_values("import os\na = 1") is None
    assert cell_values("a =") is None


# -- parameter files


def test_load_says_the_notebook_and_the_values_as_written(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("# a comment\n# notebook: 06_your_path.ipynb\nring: 25\nrtt: 60.0e-3\n")
    assert load(file) == ("06_your_path", {"ring": 25, "rtt": 0.06})
    assert load(file, "06_your_path")[0] == "06_your_path"


@pytest.mark.parametrize(
    ("text", "notebook", "words"),
    [
        ("ring: 25\n", None, "which notebook is it for"),
        (
            "# notebook: 07_live_lab\nseeds: 2\n",
            "06_your_path",
            "is for notebook 07_live_lab, not for 06_your_path",
        ),
        ("- 1\n- 2\n", "06_your_path", "is a list"),
        ("ring: [1\n", "06_your_path", "not valid YAML"),
        ("ring: 1\nring: 2\n", "06_your_path", "duplicate key 'ring'"),
        ("ring: !!python/object/apply:os.getcwd []\n", "06_your_path", "not valid YAML"),
        ("rtt: 60e-3\n", "06_your_path", "write 60.0e-3"),
        ("rtt: 2026-13-45\n", "06_your_path", "rtt = '2026-13-45'"),
        ("[" * 1500, "06_your_path", "not valid YAML"),
        ("1: 2\n", "06_your_path", "parameter names are text, but 1 is not"),
    ],
)
def test_wrong_parameter_file_is_named(tmp_path: Path, text: str, notebook: str | None, words: str) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(text)
    with pytest.raises(ParamsError) as caught:
        load(file, notebook)
    assert str(file) in str(caught.value)
    assert words in str(caught.value)


def test_missing_and_binary_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"none\.yaml: cannot be read"):
        load(tmp_path / "none.yaml", "06_your_path")
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(ParamsError, match=r"b\.yaml: "):
        load(tmp_path / "b.yaml", "06_your_path")


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)
@given(st.sampled_from(NAMES), st.data())
def test_any_value_is_taken_or_refused_with_its_name(notebook: str, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(params(notebook).model_fields)))
    message = ""
    try:
        validate(notebook, {name: data.draw(PLAIN)}, "x")
    except ParamsError as error:
        message = str(error)
    assert message == "" or message.startswith(f"x: {name}")


# -- the project's own files


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_bundled_parameter_file_is_valid_and_papermill_reads_the_same(file: Path) -> None:
    from papermill.iorw import read_yaml_file

    notebook, values = load(file)
    assert notebook in NAMES
    assert values
    assert read_yaml_file(str(file)) == values


def test_files_and_parameters_cells_are_those_that_make_params_writes() -> None:
    differing = [path.name for path, text in written().items() if path.read_text() != text]
    assert differing == []


@pytest.mark.parametrize("notebook", NAMES)
def test_small_parameters_are_valid(notebook: str) -> None:
    assert validate(notebook, params(notebook).small, "small")


def test_papermill_names_the_types_of_all_parameters() -> None:
    from click.testing import CliRunner
    from papermill.cli import papermill

    shown = CliRunner().invoke(papermill, ["--help-notebook", str(ROOT / "notebooks" / "06_your_path.ipynb")]).output
    for line in ("rtt: float (default 0.12)", "ring: int (default 500)", "rings: list[int]", "trace: list[str]|None"):
        assert line in shown
    assert "round-trip time [s]" in shown
    assert "Unknown" not in shown


def test_numbers_are_written_as_yaml_and_python_read_them() -> None:
    import yaml

    from tools.params import _float

    for value in (0.12, 5e-6, 1.81e6, 3e6, 1e-9, 1234567.0, 0.1 + 0.2):
        assert yaml.safe_load(_float(value, "+")) == value
        assert float(_float(value, "")) == value
