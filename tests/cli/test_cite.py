from __future__ import annotations

import matplotlib as mpl
import pytest
from click.testing import CliRunner

from tunbp.cli import tunbp
from tunbp.errors import OutputError
from tunbp.plots import style
from tunbp.results.output import Output
from tunbp.site.finish import finish

mpl.use("Agg")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    fig, ax = style.figure()
    ax.plot([1, 2], [1, 2])
    with Output(folder, "01_demo") as out:
        out.figure(fig, "demo_ring", "Throughput over ring size", "OpenVPN over 120 ms.")
    finish(folder)
    return folder


@pytest.mark.parametrize("name", ["demo_ring", "demo_ring.pdf", "results/figures/demo_ring.svg"])
def test_cite_prints_entry_and_caption_of_a_figure(results, name):
    done = CliRunner().invoke(tunbp, ["cite", name, "--results", str(results)])
    assert done.exit_code == 0
    assert done.output.startswith("@misc{tunbp:demo_ring,\n  title = {{Throughput over ring size}},")
    assert done.output.endswith("}\n\nThroughput over ring size. OpenVPN over 120 ms.\n")


def test_cite_of_an_unknown_figure_names_the_known_ones(results):
    with pytest.raises(OutputError, match=r"'nothing'.*demo_ring"):
        CliRunner().invoke(tunbp, ["cite", "nothing", "--results", str(results)], catch_exceptions=False)


def test_archive_prints_size_and_hash_of_what_it_wrote(results, tmp_path):
    target = tmp_path / "out.zip"
    done = CliRunner().invoke(tunbp, ["archive", "--results", str(results), "--output", str(target)])
    assert done.exit_code == 0
    assert target.is_file()
    assert "sha256 " in done.output
