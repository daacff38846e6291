"""Programs that predictions know."""

from __future__ import annotations

import pytest

from tunbp.errors import ParamsError
from tunbp.infer import priors
from tunbp.model.fields import FIELDS
from tunbp.prediction.products import product


@pytest.mark.parametrize("name", priors.products())
def test_every_program_says_how_it_gets_the_flag_and_what_is_faster(name: str) -> None:
    found = product(name)
    assert found.title
    assert found.flag
    assert found.faster
    assert set(found.fields) <= FIELDS.keys()


def test_an_unknown_program_is_refused_with_those_there_are() -> None:
    with pytest.raises(ParamsError, match=r"'openvpm' is not known; allowed: .*openvpn"):
        product("openvpm")
