"""The worker's modules in one file, imported by a Python that finds none of them anywhere else."""

import marshal
import subprocess
import sys

import pytest

from tunbp.lab import vm
from tunbp.lab.folder import IMAGE, read_json, remove_parts
from tunbp.lab.image import START


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """A measurement's folder with an image."""
    out = tmp_path_factory.mktemp("measurement")
    vm.write_image(out)
    return out


def start(out, program=START):
    """Run a program as a guest does."""
    return subprocess.run([sys.executable, "-S", "-c", program, out / IMAGE, out], capture_output=True, text=True)


def test_the_worker_runs_from_its_image_alone(image, tmp_path):
    content = marshal.loads((image / IMAGE).read_bytes())
    content["path"] = []
    (tmp_path / IMAGE).write_bytes(marshal.dumps(content))
    ended = start(tmp_path)
    assert ended.returncode == 1, ended.stderr
    assert "plan.json" in read_json(tmp_path / "error.json")["message"]


def test_other_modules_are_found_where_they_are(image):
    program = START.replace("runner.main()", "import wave, tunbp.lab.review as r; print(wave.__file__, r.__file__)")
    ended = start(image, program)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split()[0].endswith("wave.py")
    assert ended.stdout.split()[1].endswith("review.py")


def test_an_error_in_a_module_names_its_file(image):
    ended = start(image, START.replace("runner.main()", "runner.choose_variants('both', 0)"))
    assert "tunbp/lab/runner.py" in ended.stderr
    assert "has no IFF_BACKPRESSURE" in ended.stderr


def test_an_image_goes_with_what_else_an_interrupted_measurement_left(tmp_path):
    (tmp_path / IMAGE).write_bytes(b"")
    (tmp_path / "plan.json").write_text("{}")
    assert [path.name for path in remove_parts(tmp_path)] == [IMAGE]
    assert (tmp_path / "plan.json").exists()
