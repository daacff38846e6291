"""A notebook that was run and saved by JupyterLab is what git has."""

from __future__ import annotations

import asyncio
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.filterwarnings("ignore:Overriding existing pre_save_hook")


def config() -> Config:
    """What Jupyter reads of the project's configuration."""
    return PyFileConfigLoader("jupyter_config.py", path=str(ROOT / "tools")).load_config()


def run_and_save(folder: Path, name: str) -> None:
    """Do what the browser does: open, run (outputs, counts, state of the interface), save."""
    manager = AsyncLargeFileManager(root_dir=str(folder), config=config())

    async def session() -> None:
        model = await manager.get(name)
        content = model["content"]
        content["metadata"]["language_info"] |= {"version": "3.13.1", "mimetype": "text/x-python"}
        content["metadata"]["widgets"] = {"state": {}}
        for count, cell in enumerate(content["cells"]):
            cell["metadata"]["trusted"] = True
            if cell["cell_type"] == "code":
                cell["execution_count"] = count
                cell["outputs"] = [nbformat.v4.new_output("stream", text="ran")]
        await manager.save(model, name)

    with ThreadPoolExecutor(1) as apart:  # a test in a browser may leave a running loop in this thread
        apart.submit(lambda: asyncio.run(session())).result()


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_saved_notebook_of_the_project_is_as_before(path: Path, tmp_path: Path) -> None:
    (tmp_path / "notebooks").mkdir()
    copy = shutil.copy(path, tmp_path / "notebooks")
    run_and_save(tmp_path, f"notebooks/{path.name}")
    assert Path(copy).read_bytes() == path.read_bytes()


def test_a_notebook_of_one_s_own_keeps_its_outputs(tmp_path: Path) -> None:
    shutil.copy(ROOT / "notebooks" / "06_your_path.ipynb", tmp_path / "mine.ipynb")
    run_and_save(tmp_path, "mine.ipynb")
    assert '"ran"' in (tmp_path / "mine.ipynb").read_text()
