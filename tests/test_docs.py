"""The documentation says what is there: links, commands, options, code; what it quotes from the library runs."""

from __future__ import annotations

import ast
import doctest
import importlib
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import click
import pytest
import yaml

from tunbp.cli import COMMANDS, tunbp

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/*/*.md")])
PAGES = [page for page in PAGES if page.parent.name not in {"generated", "api", "notebooks"}]
MODULES = [path for path in sorted((ROOT / "tunbp").rglob("*.py")) if ">>> " in path.read_text(encoding="utf-8")]


def name_of(path: Path) -> str:
    """Path of a page or module below the project, for the names of tests."""
    return path.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    """Code blocks of one language."""
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            parts = urlsplit(target)
            assert parts.scheme == "https", target
            assert re.fullmatch(r"[a-z0-9.-]+\.[a-z]{2,}", parts.netloc), target
        elif not target.startswith(("#", "generated/", "../generated/")):
            assert (page.parent / target.partition("#")[0]).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_and_their_options_exist(page: Path) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for line in "\n".join(blocks(page, "sh")).replace("\\\n", "").splitlines():
        words = shlex.split(line.split(" | ")[0], comments=True)
        if words[:1] == ["make"]:
            assert words[1] in targets, line
        elif words and Path(words[0]).name == "tunbp":
            command: click.Command = tunbp
            rest = words[1 : words.index("--")] if "--" in words else words[1:]
            while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
                found = command.get_command(click.Context(command), rest.pop(0))
                assert found is not None, line
                command = found
            known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)}
            assert {word for word in rest if word.startswith("--")} <= known | {"--help", "--version"}, line


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_code_is_python(page: Path) -> None:
    for block in blocks(page, "python"):
        code = f"{{{block}}}" if re.match(r'\s*"[^"]+": ', block) else block  # a row of a table
        ast.parse(code.strip())


def test_every_command_is_named_in_the_readme_or_the_pages() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [name for name in COMMANDS if f"tunbp {name}" not in text] == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_examples_in_docstrings_run(path: Path) -> None:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    tested = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert tested.attempted > 0
    assert tested.failed == 0


def test_ci_builds_the_documentation_and_the_workflow_calls_ci() -> None:
    assert "make docs" in (ROOT / ".ci" / "run").read_text()
    workflows = {path.name: yaml.safe_load(path.read_text()) for path in (ROOT / ".github" / "workflows").glob("*.yml")}
    runs = [step.get("run") for job in workflows["ci.yml"]["jobs"].values() for step in job["steps"]]
    assert ".ci/run" in runs


def test_workflows_are_valid_by_the_published_schema() -> None:
    pytest.importorskip("check_jsonschema", reason="make docs checks it: a package of the extra docs")
    paths = map(str, (ROOT / ".github" / "workflows").glob("*.yml"))
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.github-workflows",
        *map(str, paths),
    ]
    done = subprocess.run([*command, *paths], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_hooks_before_a_commit_run_the_tools_of_the_lock() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert {hook["id"] for hook in hooks} >= {"ruff", "mypy", "notebooks"}
    assert all(hook["entry"].startswith(".venv/bin/") for hook in hooks)


def test_container_and_clean_room_have_the_same_lines() -> None:
    container = (ROOT / "Containerfile").read_text()
    script = (ROOT / "tools" / "clean_room.sh").read_text()
    packages = re.search(r'^packages="(.*)"$', script, re.MULTILINE)
    assert packages is not None
    assert f"--no-install-recommends {packages[1]}\n" in container
    assert "trixie" in container
    assert "trixie" in script
    assert "RUN make install" in container
    assert '"make install"' in script
    assert json.loads(re.search(r"^CMD (.*)$", container, re.MULTILINE)[1]) == ["make", "reproduce"]  # type: ignore[index]
    assert subprocess.run(["bash", "-n", str(ROOT / "tools" / "clean_room.sh")]).returncode == 0
    assert subprocess.run(["bash", "-n", str(ROOT / "binder" / "postBuild")]).returncode == 0


def test_the_heap_of_events_drops_what_the_overload_demands() -> None:
    from benchmarks.peers.heap import run

    sent, dropped = run(offered=1200.0, drain=1000.0, ring=10, seconds=10.0)
    assert sent == pytest.approx(12_000, abs=1)
    assert sent - dropped == pytest.approx(10_000 + 10, abs=2)


def test_every_test_that_a_promise_names_is_there() -> None:
    path, named = "", re.findall(r"`(tests/[\w/]+\.py)?::(test_\w+)`", (ROOT / "docs/promises.md").read_text())
    assert len(named) >= 15
    for file, test in named:
        path = file or path
        assert f"def {test}(" in (ROOT / path).read_text(), f"{path}::{test}"
