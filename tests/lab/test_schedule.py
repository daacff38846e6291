"""The order of runs."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tunbp.lab.schedule import VARIANTS, Run, abba


def test_variants_alternate_as_abba():
    order = [run.variant[0] for run in abba(["one"], VARIANTS, 4)]
    assert "".join(order) == "sbbssbbs"


def test_all_cells_are_measured_before_a_cell_is_repeated_in_another_order_each_time():
    cells = [f"cell{number}" for number in range(8)]
    runs = abba(cells, VARIANTS, 3)
    passes = [[run.cell for run in runs[first : first + 16 : 2]] for first in (0, 16, 32)]
    assert passes[0] == cells
    assert [sorted(cells) for cells in passes[1:]] == [cells] * 2
    assert passes[0] != passes[1] != passes[2]
    assert all(run.cell == next_run.cell for run, next_run in zip(runs[::2], runs[1::2], strict=True))
    assert [run.repetition for run in runs] == [1] * 16 + [2] * 16 + [3] * 16
    assert abba(cells, VARIANTS, 3) == runs


def test_folder_names_say_what_was_run():
    assert Run("120ms-ring25", "stock", 3).name == "120ms-ring25.stock.3"


@settings(deadline=None)
@given(st.integers(1, 5), st.integers(1, 6))
def test_every_run_appears_once_and_neither_variant_goes_first_more_often(cells, repeat):
    runs = abba([f"cell{n}" for n in range(cells)], VARIANTS, repeat)
    assert len({run.name for run in runs}) == len(runs) == cells * repeat * 2
    firsts = [run.variant for run in runs[::2]]
    assert abs(firsts.count("stock") - firsts.count("backpressure")) in (0, cells)
