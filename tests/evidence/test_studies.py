"""Studies: rows that were published or measured beside the batch that models them."""

from __future__ import annotations

import pytest

from tunbp.evidence.studies import LIBRECAST_DRIVERS, STUDIES, WAKE_DRIVERS
from tunbp.model.drivers import DRIVERS, Wake
from tunbp.model.scenario import sizes_of


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_has_a_scenario_for_every_row_and_says_which_rows_were_fitted(name: str) -> None:
    study = STUDIES[name]()
    assert len(study.rows) == len(set(study.rows.index)) > 0
    assert set(sizes_of(study.scenario).values()) == {len(study.rows)}
    assert set(study.rows["role"]) <= {"fitted", "held out"}
    assert set(study.rows["group"]) <= {"stock", "patched"}


@pytest.mark.parametrize("name", STUDIES)
def test_stock_rows_and_no_others_are_modelled_without_a_stop(name: str) -> None:
    study = STUDIES[name]()
    drivers = study.scenario.broadcast()["driver"].values.ravel()
    for row, group, driver in zip(study.rows.index, study.rows["group"], drivers, strict=True):
        first_patch_alone = str(row).startswith("patch1-")  # of a series whose later patches stop the queue
        assert (str(driver) == "stock") == (group == "stock" or first_patch_alone), row


def test_a_published_wake_rule_is_modelled_by_a_driver_that_has_it() -> None:
    for rule, name in WAKE_DRIVERS.items():
        assert DRIVERS[name].wake is (Wake.NEVER if rule == "none" else Wake[rule.upper()])
    assert set(LIBRECAST_DRIVERS.values()) <= set(DRIVERS)
