from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from tunbp.notebooks.what_the_data_say import figures
from tunbp.notebooks.what_the_data_say.tables import in_words, missed

mpl.use("Agg")


@pytest.fixture
def judges():
    """Two configurations that are held, one predicted too high and one too low."""
    low, high = np.array([0.5, 0.8, 2.0, 0.1]), np.array([2.0, 1.5, 4.0, 0.4])
    return pd.DataFrame(
        {
            "source": "paper",
            "name": ["lab-openvpn-10ms-stock", "b", "120ms-ring100-bbr-pfifo_fast", "firezone-10ms"],
            "measured": 1e8, "median": 1e8 * np.sqrt(low * high), "low50": 1.1e8 * low, "high50": 0.9e8 * high,
            "low90": 1e8 * low, "high90": 1e8 * high, "inside90": [True, True, False, False],
        }
    )  # fmt: skip


@pytest.fixture
def said():
    row = {"host": "path-openvpn", "median": 6e4, "low90": 2e4, "high90": 9e4, "says": "much", "contraction": 0.8}
    place = {"place": 0.6, "place_low90": 0.4, "place_high90": 0.7, "draws": 32}
    prior = {"prior_low90": 2e4, "prior_high90": 2e5}
    other = {"constant": "path_rate", "relative": True, "contraction": -0.2, "says": "nothing", "place_low90": 0.01}
    return pd.DataFrame(
        [
            {**row, **place, **prior, "constant": "drain_rate", "relative": False},
            {**row, **place, "prior_low90": 0.5, "prior_high90": 2.0, **other},
        ]
    )


def test_every_configuration_is_named_beside_its_interval_and_the_missed_ones_are_bold(judges):
    fig = figures.intervals(judges)
    names = {label.get_text(): label.get_fontweight() for label in fig.axes[0].get_yticklabels()}
    assert names == {
        "lab, OpenVPN, 10 ms, stock": "normal", "b": "normal", "120 ms, txqueuelen 100, BBR": "bold",
        "firezone, 10 ms": "bold",
    }  # fmt: skip


def test_sources_of_intervals_share_an_axis_and_the_longest_has_one_side_of_the_figure(judges):
    others = pd.concat([judges.assign(source="external")] * 3)
    fig = figures.intervals(pd.concat([judges, others, judges.assign(source="openvpn_native")]))
    fig.draw_without_rendering()
    titles = {ax.get_title(loc="right").partition(" (")[0]: ax for ax in fig.axes}
    whole, *halves = (titles[name] for name in ("runs of others", "the paper's other rows", "our OpenVPN runs"))
    assert all(ax.get_position().x0 > whole.get_position().x1 for ax in halves)
    assert all(ax.get_position().height < 0.6 * whole.get_position().height for ax in halves)
    assert {ax.get_xlim() for ax in fig.axes} == {whole.get_xlim()}


def test_each_source_has_a_panel_with_the_band_of_its_own_number_of_rows(judges):
    table = judges.assign(places=["0.5", "0.5", "0.0", "0.0"])
    both = pd.concat([table, pd.concat([table] * 10).assign(source="external")])
    fig = figures.coverage(both)
    assert [ax.get_title() for ax in fig.axes] == [
        "the paper's other rows (4 configurations)",
        "runs of others (40 configurations)",
    ]
    middle = [sorted({round(y, 3) for x, y in ax.collections[0].get_paths()[0].vertices if round(x, 3) == 0.5})
              for ax in fig.axes]  # fmt: skip
    assert middle == [[0.0, 1.0], [0.35, 0.65]], "of 4 rows 0 to 4 are inside by chance, of 40 rows 14 to 26"
    assert "95 % by chance, were all independent" in [t.get_text() for t in fig.legends[0].get_texts()]


def test_what_intervals_hold_is_counted_in_configurations_and_single_runs_are_said_apart(judges):
    table = judges.assign(places=["0.5 0.99", "0.5", "0.0", "0.0"])
    assert figures.held(table) == "The 90 % intervals hold: the paper's other rows 2 of 4 (38 % of single runs)."


def test_it_is_said_what_the_blind_predictions_held():
    assert "held 1 of 2, and" in figures.seen(pd.DataFrame({"inside": [True, False]}))


def test_the_printed_table_has_the_missed_configurations_alone(judges):
    table = missed(judges)
    assert list(table["configuration"]) == ["120 ms, ring 100, BBR", "firezone, 10 ms"]
    assert list(table["predicted, 90 % (Mbit/s)"]) == ["200 to 400", "10 to 40"]


def test_a_posterior_is_drawn_within_its_prior(said):
    ax = figures.contraction(said).axes[0]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == [
        "reader speed: 20 to 200 Kpps",
        "link rate: 0.5 to 2 ×",
    ]
    ends = [segment[:, 0].tolist() for part in ax.collections for segment in getattr(part, "get_segments", list)()]
    assert ends == [[0.4, 0.7], [0.01, 0.7]]


def test_constants_are_said_in_the_unit_people_use_with_their_place_in_the_prior(said):
    table = in_words(said)
    assert table["host"].iloc[0] == "OpenVPN, Germany–USA"
    assert table["median (90 %)"].iloc[0] == "60 Kpps (20 to 90 Kpps)"
    assert table["as quantiles of the prior"].iloc[1] == "1 to 70 %"


def test_how_much_the_rows_narrow_is_said_from_the_lines_that_are_drawn(said):
    words = figures.narrowed(said)
    assert words == (
        "Here 1 of 2 constants is narrowed to half of the prior or less; "
        "the shortest line is that of the reader speed (33 %)."
    )
    assert "none of 2 constants are narrowed" in figures.narrowed(said.assign(place_low90=0.1))


def test_how_far_a_line_is_from_the_diagonal_is_said_where_it_is_furthest(judges):
    # one run in the very middle of its interval and one at its end: half are inside from the first level on
    table = judges.assign(places=["0.5", "0.5", "0.0", "0.0"])
    assert list(figures.observed(table)) == [0.5] * 19
    assert figures.furthest(table) == "Furthest from the diagonal: the paper's other rows 45 points above it at 5 %."
