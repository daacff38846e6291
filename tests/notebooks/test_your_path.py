"""Notebook 06: the numbers of the command, and sliders that redraw while they move."""

from __future__ import annotations

import json
import threading

import pytest
from click.testing import CliRunner

from tests.prediction.test_ten_questions import SNAPSHOT
from tunbp.cli import tunbp
from tunbp.notebooks.your_path import figures, tables
from tunbp.notebooks.your_path.figures import Explorer
from tunbp.notebooks.your_path.params import Params
from tunbp.notebooks.your_path.tables import answer, path_of, table, told_of
from tunbp.prediction.record import record

VALUES = {**Params().model_dump(), "draws": 16, "duration": 6.0, "rings": [25, 500], "rtt": 0.06}


def test_the_notebook_and_the_command_say_the_same_numbers():
    found = path_of(VALUES).predict(VALUES["rings"], VALUES["draws"])
    typed = ["--rtt", "60ms", "--ring", "500", "--drain", "60k/s", "--rings", "25", "--draws", "16", "--duration", "6s"]
    said = json.loads(CliRunner().invoke(tunbp, ["predict", *typed, "--json"], catch_exceptions=False).stdout)
    assert said["rows"] == json.loads(json.dumps(record(found)["rows"]))
    rows = table(found).set_index("txqueuelen")
    stock = next(r for r in said["rows"] if (r["ring"], r["variant"]) == (25, "stock"))
    assert rows.loc[25, "stock high (Mbit/s)"] == pytest.approx(stock["received_rate"]["high90"] / 1e6)


def test_a_trace_gives_what_nobody_changed_and_the_reader_s_speed_is_then_not_known():
    values = Params(trace=["tests/traces/fixtures/iperf3_tcp.json"], ring=700).model_dump()
    path = path_of(values, told_of(values))
    assert (path.sources["rtt"], path.sources["ring"]) == ("trace", "given")
    assert "drain_rate" not in path.known
    assert path.runs[0].values["received_rate"] > 0


def test_two_snapshots_and_a_rate_are_read_as_the_command_reads_them(tmp_path):
    files = []
    for name, sent, dropped in (("one.txt", 6084526, 2642), ("two.txt", 6094526, 2742)):
        (tmp_path / name).write_text(SNAPSHOT.replace("6084526", str(sent)).replace("2642", str(dropped)))
        files.append(str(tmp_path / name))
    small = {"draws": 16, "duration": 6.0, "rings": [25, 500], "rtt": 0.04}
    values = Params(trace=files, measured_rate=60e6, **small).model_dump()
    typed = ["--rtt", "40ms", "--rings", "25", "--draws", "16", "--duration", "6s", "--measured", "60Mbit/s"]
    typed += [word for file in files for word in ("--trace", file)]
    said = json.loads(CliRunner().invoke(tunbp, ["predict", *typed, "--json"], catch_exceptions=False).stdout)
    told = answer(values)
    mine = json.loads(json.dumps(record(told.found, [25])["rows"]))
    assert [row for row in said["rows"] if row["ring"] == 25] == mine
    assert answer(Params(trace=files, **small).model_dump()).sentences[0].startswith("Yes, the ring overflows")


def test_where_no_likely_constants_give_the_run_there_is_text_and_no_figure_or_table():
    values = {**VALUES, "measured_rate": 20e9}
    told = answer(values)
    assert told.sentences[0].startswith("No answer: likely constants do not give this run")
    assert not told.shown
    assert figures.write(None, told) is None
    assert tables.write(None, told) is None
    own = Explorer(values)
    assert own.image.layout.display == "none"
    own.known["measured_rate"].value = False
    own.timer.cancel()
    assert own.image.layout.display is None


def test_sliders_begin_where_the_trace_is_and_its_run_goes_on_to_choose():
    values = Params(trace=["tests/traces/fixtures/iperf3_tcp.json"], draws=16, rings=[25, 500]).model_dump()
    told = told_of(values)
    own = Explorer(values, told)
    assert own.given()["rtt"] == pytest.approx(told.fields["rtt"])
    assert own.given()["drain_rate"] is None
    path = own.path(own.given())
    assert path.runs == told.runs
    assert path.known["mss"] == told.fields["mss"]


@pytest.fixture(scope="module")
def explorer():
    return Explorer({**VALUES, "rings": Params().rings})


def test_a_moved_slider_redraws_and_the_card_follows(explorer):
    before, said = explorer.image.value, explorer.card.value
    explorer.controls["rtt"].value = 20.0
    explorer.timer.cancel()
    assert explorer.image.value != before
    assert explorer.card.value != said
    assert "rough, refining" in explorer.card.value


def test_what_a_control_was_moved_to_is_said_with_its_unit_to_those_who_hear_the_page(explorer):
    def after(control, value):
        control.value = value
        explorer.timer.cancel()
        return explorer.heard.value

    assert after(explorer.controls["rtt"], 30.0) == '<p role="status">round-trip time: 30 ms</p>'
    assert "reader speed: not known" in after(explorer.known["drain_rate"], False)
    assert "reader speed: 60 Kpps" in after(explorer.known["drain_rate"], True)
    explorer.known["measured_rate"].value = True
    assert "measured rate: 150 Mbit/s" in after(explorer.controls["measured_rate"], 150.0)
    assert explorer.draft().fit.runs[0].rates == (150e6,)
    assert "measured rate: not known" in after(explorer.known["measured_rate"], False)
    assert "streams: 4" in after(explorer.controls["streams"], 4)
    assert "qdisc: pfifo" in after(explorer.controls["qdisc"], "pfifo")


def test_a_field_that_is_not_known_gets_its_prior(explorer):
    explorer.known["drain_rate"].value = False
    explorer.timer.cancel()
    assert "drain_rate" in explorer.draft().unknown


def test_a_resting_slider_shows_the_whole_prediction(explorer):
    explorer.timer.cancel()
    explorer.refine()
    assert "16 draws" in explorer.card.value


def test_a_redraw_simulates_a_small_part_of_the_whole_prediction():
    many = {**VALUES, "draws": 128, "duration": 60.0, "rings": [10, 25, 50, 100, 200, 500, 1000, 2000]}
    slider = Explorer(many)
    rough, whole = slider.draft(), path_of(many).predict(many["rings"], 8)
    assert rough.draws.sizes["draw"] == figures.DRAFT_DRAWS
    assert rough.draws.sizes["ring"] <= figures.DRAFT_RINGS
    assert rough.duration <= whole.duration / 20  # `make bench` measures its time: 300 ms on an idle machine


def test_threads_that_draw_at_the_same_moment_leave_a_whole_picture(explorer):
    found = explorer.draft()
    whole = explorer.redraw.show(found)
    threads = [threading.Thread(target=explorer.show, args=(found, True)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert explorer.image.value == whole


def test_a_slider_that_the_screen_moves_to_its_nearest_step_keeps_the_notebooks_value():
    own = Explorer({**VALUES, "ring": 500})
    own.controls["ring"].value = 10**2.7  # what 500 becomes in steps of 0.02 decades
    own.timer.cancel()
    assert own.given()["ring"] == 500
    own.controls["ring"].value = 10**2.8
    own.timer.cancel()
    assert own.given()["ring"] == 631


def test_commands_of_the_card_are_code():
    short = Explorer({**VALUES, "ring": 25, "rtt": 0.12, "rings": Params().rings})  # a longer ring is advised
    assert "`" not in short.card.value
    assert "<code>ip link set" in short.card.value
