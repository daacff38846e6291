"""Commands of a card, and the files in which a distribution keeps them."""

from __future__ import annotations

import pytest

from tunbp.infer.priors import products
from tunbp.prediction import settings
from tunbp.prediction.products import product


@pytest.mark.parametrize("name", products())
def test_a_ring_is_set_by_ip_and_kept_in_one_place_the_program_s_own_where_it_has_one(name: str) -> None:
    known = product(name)
    setting = settings.ring(1500, known.device, known)
    kept = setting.kept
    assert setting.now == f"`{known.enter}ip link set dev {known.device} txqueuelen 1500`"
    file = f"/etc/systemd/network/10-{known.device}.link"
    assert (file in kept and "TransmitQueueLength=1500" in kept) is not bool(known.enter or known.queue)
    assert bool(known.queue) is (name in ("openvpn", "wireguard-go"))
    assert ("1500" in kept) is not bool(known.enter)


def test_cake_is_told_the_same_rate_now_and_in_its_file() -> None:
    said = str(settings.cake(9.5e6))
    assert "`tc qdisc replace dev UPLINK root cake bandwidth 9500kbit`" in said
    assert "`Bandwidth=9500K` below `[CAKE]`" in said


def test_values_with_spaces_are_quoted_for_the_shell_and_not_in_the_file() -> None:
    said = str(settings.buffers(2**20))
    commands = [
        f"`sysctl -w net.ipv4.tcp_{kind}='4096 {n} 1048576'`" for kind, n in (("rmem", 131072), ("wmem", 16384))
    ]
    # `sysctl -p` of a line with quotes ends with "Invalid argument"
    assert said == f"{' and '.join(commands)} (to keep it: without quotes in /etc/sysctl.d/90-tcp.conf)"


def test_lines_of_a_file_are_what_a_program_writes_and_words_name_their_section() -> None:
    setting = settings.ring(1500, "wg1", product("wireguard-go"))
    assert setting.lines == ("[Interface]", "PostUp = ip link set dev %i txqueuelen 1500")
    assert setting.kept == (
        "`PostUp = ip link set dev %i txqueuelen 1500` below `[Interface]` in wg-quick's /etc/wireguard/wg1.conf"
    )
    link = settings.ring(1500, "tap0", product("qemu-tap"))
    assert link.lines == ("[Match]", "OriginalName=tap0", "[Link]", "TransmitQueueLength=1500")
    assert link.kept.startswith(
        "`OriginalName=tap0` below `[Match]` and `TransmitQueueLength=1500` below `[Link]` in /etc"
    )


@pytest.mark.parametrize("name", products())
def test_the_flag_has_a_command_unless_nothing_sets_it_from_outside(name: str) -> None:
    commands = settings.flag(product(name)).commands
    assert bool(commands) is (name not in ("wireguard-go", "tun2socks"))
    assert all(command.startswith("tunbp backpressure -- ") for command in commands)
