"""Programs that predictions know."""

from __future__ import annotations

import pytest

from tunbp.errors import ParamsError
from tunbp.infer import priors
from tunbp.model.fields import FIELDS
from tunbp.prediction.path import Path
from tunbp.prediction.products import key, product


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


def test_a_program_is_known_by_its_other_names_and_what_has_no_such_device_says_so() -> None:
    assert (key("pasta"), key("libvirt"), key("open5gs"), key("sing-box")) == ("passt", "qemu-tap", "upf", "tun2socks")
    assert Path("pasta").program == "passt"
    with pytest.raises(ParamsError, match=r"'wireguard' of the kernel hands no packets to a program"):
        product("wireguard")


def test_programs_of_one_host_have_no_delay_unless_it_is_given() -> None:
    assert {name for name in priors.products() if product(name).fields.get("rtt")} == {"qemu-tap", "vhost-net", "passt"}
