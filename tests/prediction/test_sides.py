"""Upload and download say the same of exchanged hosts."""

from __future__ import annotations

from tunbp.prediction.products import names, product
from tunbp.prediction.sides import EITHER, HERE, THERE, of_program


def test_device_and_sender_are_exchanged_between_upload_and_download():
    assert "this host" in HERE.ring
    assert "this host" not in THERE.ring
    assert "client" in HERE.sender
    assert "server" in THERE.sender


def test_where_nobody_said_both_are_told():
    for said in (EITHER.ring, EITHER.sender):
        assert "upload: the client" in said
        assert "download: the server" in said


def test_a_program_whose_device_takes_in_one_side_s_data_says_whose():
    fixed = {name for name in (entry.split(" ")[0] for entry in names()) if product(name).side}
    assert fixed == {"qemu-tap", "vhost-net", "passt", "upf"}
    assert of_program(product("upf").side).ring == product("upf").side
