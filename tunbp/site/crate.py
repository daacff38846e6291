"""The run as an RO-Crate (Workflow Run Crate): workflow, notebooks, parameters, inputs, outputs and software."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rocrate.model.computerlanguage import ComputerLanguage
from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from tunbp.project import project_root
from tunbp.results import files
from tunbp.results.provenance import citation, commit_date
from tunbp.site import environment
from tunbp.site.collected import Collected

FILE = "ro-crate-metadata.json"
WORKFLOW = "workflow/Makefile"
"""The workflow in the crate: a copy of the project's Makefile, whose target `reproduce` runs the notebooks."""
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
"""Name and version of each profile (on RO-Crate 1.1): https://www.researchobject.org/workflow-run-crate/profiles/."""

# sha256 is missing in the context of RO-Crate 1.1; given inline, so that nothing has to be fetched
_CONTEXT = [
    "https://w3id.org/ro/crate/1.1/context",
    {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"},
]
_TYPES = {".ipynb": "application/x-ipynb+json", ".tex": "application/x-tex", ".bib": "application/x-bibtex"}
_LICENSE = "https://spdx.org/licenses/BSD-3-Clause"
_TYPE_NAMES = {bool: "Boolean", int: "Integer", float: "Float"}
"""Names of schema.org for the types of parameters; all others are text."""


def write(collected: Collected) -> Path:
    """Write `ro-crate-metadata.json` over everything in the results folder; it holds no time and no host.

    The times of the run are in `environment.json`, which the crate lists; the date of publication is the day
    of the commit. A project without a Makefile has no workflow: its crate is one of processes.

    Parameters
    ----------
    collected
        What is in the folder.

    Returns
    -------
    Path
        Path of the file.
    """
    crate = ROCrate(version="1.1")
    cite = citation(project_root())
    crate.name = f"Results of {cite.title}"
    crate.description = "Figures, tables and numbers that the notebooks of one run made, and from what."
    crate.datePublished = commit_date(project_root()) or "1980-01-01"
    license_ = _entity(crate, _LICENSE, "CreativeWork", name="BSD 3-Clause License")
    authors = [
        _entity(crate, f"#author-{i}", "Person" if name in cite.people else "Organization", name=name)
        for i, name in enumerate(cite.authors, 1)
    ]
    agent = authors[0] if len(authors) == 1 else authors
    makefile = project_root() / "Makefile"
    workflow = makefile.is_file()
    profiles = [
        _entity(crate, url, "CreativeWork", name=name, version=number)
        for url, (name, number) in PROFILES.items()
        if workflow or "/process/" in url
    ]
    root = crate.root_dataset
    root["license"], root["author"], root["conformsTo"] = license_, agent, profiles
    software = _software(crate, cite.version, cite.url, collected)
    if workflow:
        files.write(collected.folder / WORKFLOW, makefile.read_text(encoding="utf-8"))
    parts = {path: _file(crate, collected.folder, path) for path in _outputs(collected.folder)}
    actions = [_action(crate, collected, name, run, parts, software, agent) for name, run in collected.runs.items()]
    whole = [_workflow_run(crate, collected, actions, parts, software, agent)] if workflow else []
    root["mentions"] = [*whole, *actions]
    content = crate.metadata.generate()
    content["@context"] = _CONTEXT
    content["@graph"] = sorted(content["@graph"], key=lambda item: str(item["@id"]))
    return files.write_json(collected.folder / FILE, content)


def _entity(crate: ROCrate, id_: str, kind: str | list[str], **properties: Any) -> ContextEntity:
    found = crate.dereference(id_)
    if found is not None:
        return found
    return crate.add(ContextEntity(crate, id_, properties={"@type": kind, **properties}))


def _outputs(folder: Path) -> Iterator[str]:
    """Files of the run, relative to its folder: no hidden ones, not the crate itself."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not path.is_symlink() and not hidden and name != FILE:
            yield name


def _file(crate: ROCrate, folder: Path, name: str) -> Any:
    path = folder / name
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    properties: dict[str, Any] = {"name": path.name, "encodingFormat": kind}
    # times and host are in these, so their bytes differ between equal runs: no hash, or the crate would too
    if name not in (environment.FILE, "index.html") and not name.startswith("notebooks/"):
        properties |= {"sha256": files.sha256(path), "contentSize": str(path.stat().st_size)}
    if name == WORKFLOW:
        make = ComputerLanguage(
            crate, "https://www.gnu.org/software/make/",
            {"name": "GNU Make", "alternateName": "make", "url": "https://www.gnu.org/software/make/"},
        )  # fmt: skip
        crate.add(make)
        return crate.add_workflow(path, name, properties=properties, main=True, lang=make)
    return crate.add_file(source=path, dest_path=name, properties=properties)


def _software(crate: ROCrate, version: str, url: str, collected: Collected) -> ContextEntity:
    """Describe tunbp, the package that the notebooks call, and what it needs."""
    versions: Mapping[str, str] = next((run["versions"] for run in collected.runs.values()), {})
    needs = [
        _entity(crate, f"https://pypi.org/project/{name}/{number}/", "SoftwareApplication", name=name,
                softwareVersion=number, url=f"https://pypi.org/project/{name}/")
        for name, number in versions.items() if name not in ("tunbp", "python")
    ]  # fmt: skip
    python = str(versions.get("python", ""))
    needs.append(
        _entity(crate, "https://www.python.org/", "SoftwareApplication", name="Python",
                softwareVersion=python, url="https://www.python.org/")
    )  # fmt: skip
    return _entity(
        crate, "#tunbp", "SoftwareApplication", name="tunbp", softwareVersion=version,
        identifier=collected.commit, softwareRequirements=needs, **({"url": url} if url else {}),
    )  # fmt: skip


def _action(
    crate: ROCrate,
    collected: Collected,
    name: str,
    run: Mapping[str, Any],
    parts: Mapping[str, Any],
    software: ContextEntity,
    agent: ContextEntity | list[ContextEntity],
) -> ContextEntity:
    """Describe the execution of one notebook: the tool, its parameters and inputs, and what it made."""
    notebook = str(run["notebook"])
    executed = parts.get(f"notebooks/{notebook}.ipynb")
    source = _entity(
        crate, f"#notebook-{notebook}", "SoftwareSourceCode", name=f"{notebook}.ipynb", version=run["commit"],
        programmingLanguage="Python", softwareRequirements=software,
    )  # fmt: skip
    objects = [
        _entity(crate, f"#{name}-{key}", "PropertyValue", name=key, value=_text(value))
        for key, value in sorted(run["parameters"].items())
    ] + [
        _entity(crate, f"#input-{item['name']}", "CreativeWork", name=item["name"], sha256=item["sha256"])
        for item in run["inputs"]
    ]
    made = [f"numbers/{name}.json"]
    for folder, ids in (("figures", run["figures"]), ("tables", run["tables"])):
        made += [path for path in parts if path.split(".")[0] in {f"{folder}/{id}" for id in ids}]
    results = [parts[path] for path in made if path in parts] + ([executed] if executed else [])
    failed = collected.failures.get(notebook)
    return _entity(
        crate, f"#run-{name}", "CreateAction", name=f"Execution of {notebook}.ipynb",
        description=f"papermill ran the notebook with these parameters; times are in {environment.FILE}",
        instrument=source, agent=agent, object=objects, result=results,
        actionStatus=f"http://schema.org/{'Failed' if failed else 'Completed'}ActionStatus",
        **({"error": failed} if failed else {}),
    )  # fmt: skip


def _workflow_run(
    crate: ROCrate,
    collected: Collected,
    actions: list[ContextEntity],
    parts: Mapping[str, Any],
    software: ContextEntity,
    agent: ContextEntity | list[ContextEntity],
) -> ContextEntity:
    """Describe the Makefile as a workflow with a step for each notebook, and its run: all notebooks' runs together."""
    objects = _once(item for action in actions for item in _listed(action["object"]))
    values = [item for item in objects if item.type == "PropertyValue"]
    made = [parts[path] for path in parts if path != WORKFLOW]
    executed = [part for part in made if part.id.startswith("notebooks/") and part.id.endswith(".ipynb")]
    workflow = parts[WORKFLOW]
    workflow["name"] = "make reproduce: every notebook with its parameters"
    workflow["conformsTo"] = _entity(
        crate, "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE", "CreativeWork",
        name="Bioschemas ComputationalWorkflow", version="1.0-RELEASE",
    )  # fmt: skip
    workflow["version"] = collected.commit
    workflow["license"], workflow["softwareRequirements"] = crate.root_dataset["license"], software
    tools = [action["instrument"] for action in actions]
    workflow["hasPart"] = tools
    workflow["step"] = [
        _entity(crate, f"#step-{tool.id.removeprefix('#notebook-')}", "HowToStep", name=f"Execute {tool['name']}",
                position=str(place), workExample=tool)
        for place, tool in enumerate(tools, 1)
    ]  # fmt: skip
    workflow["input"] = [
        _slot(crate, f"#parameter-{item.id[1:]}", item, _TYPE_NAMES.get(type(item["value"]), "Text")) for item in values
    ]
    workflow["output"] = [_slot(crate, f"#output-{Path(item.id).name}", item, "File") for item in executed]
    failed = [action["error"] for action in actions if "error" in action]
    return _entity(
        crate, "#run", "CreateAction", name="make reproduce",
        description=f"ran the notebooks with these parameters, as many at once as there are cores; times are in "
        f"{environment.FILE}",
        instrument=workflow, agent=agent, object=objects, result=made,
        actionStatus=f"http://schema.org/{'Failed' if failed else 'Completed'}ActionStatus",
        **({"error": failed[0]} if failed else {}),
    )  # fmt: skip


def _slot(crate: ROCrate, id_: str, item: Any, kind: str) -> ContextEntity:
    """Describe what a workflow takes or makes (`FormalParameter`), of which `item` is this run's."""
    slot = _entity(
        crate, id_, "FormalParameter", name=item["name"], additionalType=kind, workExample=item,
        conformsTo=_entity(
            crate, "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE", "CreativeWork",
            name="Bioschemas FormalParameter", version="1.0-RELEASE",
        ),
    )  # fmt: skip
    item["exampleOfWork"] = slot
    return slot


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _once(items: Iterable[Any]) -> list[Any]:
    """Entities in their order, each once."""
    return list({item.id: item for item in items}.values())


def _text(value: Any) -> Any:
    """Value of a parameter as the crate's flat JSON-LD allows it."""
    import json

    return value if isinstance(value, (bool, int, float, str)) else json.dumps(value)
