"""Upload and download say the same of exchanged hosts."""

from __future__ import annotations

from tunbp.prediction.products import names, product
from tunbp.prediction.sides import EITHER, HERE, THERE, of_program


def test_sender_and_receiver_are_exchanged_between_upload_and_download():
    assert "this host" in HERE.ring
    assert "this host" not in THERE.ring
    assert "client" in HERE.sender
    assert "server" in HERE.receiver
    assert "server" in THERE.sender
    assert "client" in THERE.receiver


def test_where_nobody_said_both_are_told():
    for said in (EITHER.ring, EITHER.sender):
        assert "client for an upload" in said
        assert "server for a download" in said


def test_a_program_whose_device_takes_in_one_side_s_data_says_whose():
    fixed = {name for name in (entry.split(" ")[0] for entry in names()) if product(name).side}
    assert fixed == {"qemu-tap", "vhost-net", "passt", "upf"}
    side = of_program(product("upf").side)
    assert side.ring == product("upf").side
    assert side.receiver.endswith("if it is yours"), "a phone behind a UPF is not"
