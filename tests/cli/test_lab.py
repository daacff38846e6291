"""What `tunbp lab run` and `lab show` print of a measurement."""

import pytest

from tunbp.cli.lab import print_comparison
from tunbp.evidence import live


def heads(runs, capsys):
    """The words in the headings of the first table that is printed of these runs."""
    print_comparison(runs)
    lines = capsys.readouterr().out.splitlines()
    return next(line.split() for line in lines if line.split()[:1] == ["cell"])


@pytest.fixture
def both():
    return live.measurement("senders")


@pytest.mark.parametrize("variant", ["stock", "backpressure"])
def test_one_variant_alone_has_no_column_for_the_other(both, variant, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    alone = both.isel(run=(both["variant"] == variant).to_numpy())
    assert heads(alone, capsys) == ["cell", variant]


def test_both_variants_are_compared(both, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert heads(both, capsys) == ["cell", "stock", "backpressure", "difference", "verdict"]


def test_variants_of_different_repetitions_stand_side_by_side_without_a_verdict(both, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    stock = (both["variant"] == "stock").to_numpy()
    apart = both.isel(run=stock == (both["repetition"] == 1).to_numpy())
    assert heads(apart, capsys) == ["cell", "stock", "backpressure"]
