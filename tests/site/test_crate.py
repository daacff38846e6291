from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tunbp.results import files
from tunbp.site import crate
from tunbp.site.collected import collect
from tunbp.site.crate import PROFILES, WORKFLOW

VALIDATOR = os.environ.get("TUNBP_ROCRATE_VALIDATOR", "")


@pytest.fixture
def graph(finished):
    content = json.loads((finished / "ro-crate-metadata.json").read_text())
    return {item["@id"]: item for item in content["@graph"]}


def ids(value):
    return [item["@id"] for item in (value if isinstance(value, list) else [value])]


def test_the_crate_says_which_profiles_it_follows(graph):
    root = graph["./"]
    assert graph["ro-crate-metadata.json"]["about"] == {"@id": "./"}
    assert ids(graph["ro-crate-metadata.json"]["conformsTo"]) == [
        "https://w3id.org/ro/crate/1.1",
        "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
    ]
    assert ids(root["conformsTo"]) == list(PROFILES)
    assert {graph[profile]["@type"] for profile in PROFILES} == {"CreativeWork"}
    for required in ("name", "description", "datePublished", "license"):
        assert root[required], required


def test_every_reference_of_the_crate_is_described_in_it(graph):
    def references(value):
        if isinstance(value, dict):
            yield from [value["@id"]] if set(value) == {"@id"} else []
        elif isinstance(value, list):
            for item in value:
                yield from references(item)

    outside = {"https://w3id.org/ro/crate/1.1"}
    for item in graph.values():
        for name, value in item.items():
            if name != "@id":
                assert set(references(value)) <= graph.keys() | outside, item["@id"]


def test_every_notebook_run_is_an_action_with_tool_parameters_inputs_and_results(graph):
    root = graph["./"]
    assert ids(root["mentions"]) == ["#run", "#run-01_demo", "#run-02_claims"]
    action = graph["#run-01_demo"]
    assert action["@type"] == "CreateAction"
    assert graph[action["instrument"]["@id"]]["@type"] == "SoftwareSourceCode"
    assert graph[ids(action["agent"])[0]]["@type"] in ("Person", "Organization")
    objects = {graph[name]["name"]: graph[name] for name in ids(action["object"])}
    assert objects["rtt"]["value"] == 0.12
    assert len(objects["pyproject.toml"]["sha256"]) == 64
    made = ids(action["result"])
    assert {
        "figures/demo_ring.pdf",
        "figures/demo_ring.json",
        "tables/demo_rates.csv",
        "numbers/01_demo.json",
    } <= set(made)
    assert "tables/claims.csv" not in made


def test_the_makefile_is_the_workflow_with_a_step_for_each_notebook(finished, graph):
    workflow = graph[graph["./"]["mainEntity"]["@id"]]
    assert workflow["@id"] == WORKFLOW
    assert "reproduce:" in (finished / WORKFLOW).read_text()
    steps = [graph[name] for name in ids(workflow["step"])]
    assert [graph[step["workExample"]["@id"]]["name"] for step in steps] == ["01_demo.ipynb", "02_claims.ipynb"]
    inputs = {(graph[name]["name"], graph[name]["additionalType"]) for name in ids(workflow["input"])}
    assert ("rtt", "Float") in inputs
    run = graph["#run"]
    assert run["instrument"]["@id"] == WORKFLOW
    parts = [set(ids(graph[name]["result"])) for name in ("#run-01_demo", "#run-02_claims")]
    assert set.union(*parts) <= set(ids(run["result"]))


def test_every_output_is_listed_with_its_hash_but_for_those_that_hold_times(finished, graph):
    listed = set(ids(graph["./"]["hasPart"]))
    there = {p.relative_to(finished).as_posix() for p in finished.rglob("*") if p.is_file()}
    assert listed == there - {"ro-crate-metadata.json"}
    unhashed = set()
    for name in listed:
        if "sha256" in graph[name]:
            assert graph[name]["sha256"] == files.sha256(finished / name)
        else:
            unhashed.add(name)
    assert unhashed == {"environment.json", "index.html"}


def with_context_inside(crate: Path) -> Path:
    """The crate with the context of RO-Crate 1.1 in it (CC0, kept beside this test): nothing is fetched."""
    bundled = json.loads(Path(__file__).with_name("ro-crate-1.1-context.json").read_text(encoding="utf-8"))
    metadata = crate / "ro-crate-metadata.json"
    content = json.loads(metadata.read_text(encoding="utf-8"))
    own = [part for part in content["@context"] if not isinstance(part, str)]
    assert len(own) < len(content["@context"])
    metadata.write_text(json.dumps({**content, "@context": [bundled["@context"], *own]}))
    return crate


@pytest.mark.skipif(not VALIDATOR, reason="TUNBP_ROCRATE_VALIDATOR does not name a rocrate-validator program")
def test_the_checker_of_the_profiles_finds_the_crate_valid_without_a_network(finished):
    crate = with_context_inside(finished)
    command = [VALIDATOR, "-y", "validate", "--no-paging", "-p", "workflow-run-crate", "--metadata-only", str(crate)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    # it does find what is wrong
    metadata = crate / "ro-crate-metadata.json"
    metadata.write_text(metadata.read_text().replace('"instrument"', '"tool"'))
    assert subprocess.run(command, capture_output=True, text=True).returncode == 1


def test_a_project_without_a_makefile_has_a_crate_of_processes(finished, tmp_path, monkeypatch):
    there = tmp_path / "project"
    there.mkdir()
    shutil.copy(crate.project_root() / "CITATION.cff", there)
    monkeypatch.setattr(crate, "project_root", lambda: there)
    (finished / WORKFLOW).unlink()
    content = json.loads(crate.write(collect(finished)).read_text())
    graph = {item["@id"]: item for item in content["@graph"]}
    assert ids(graph["./"]["conformsTo"]) == list(PROFILES)[:1]
    assert WORKFLOW not in graph
    assert "#run" not in graph
    assert len(ids(graph["./"]["mentions"])) == 2
