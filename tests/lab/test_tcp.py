"""What iperf3 said, and what a connection begins under."""

import json

import pytest

from tunbp.errors import LabError
from tunbp.lab.tcp import begin_connections, check_iperf3


def write(tmp_path, content):
    path = tmp_path / "iperf3.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_complete_result_passes(tmp_path):
    check_iperf3(write(tmp_path, {"start": {}, "intervals": [], "end": {"sum_sent": {}}}))


def test_an_error_of_iperf3_is_told_in_its_words(tmp_path):
    path = write(tmp_path, {"start": {}, "error": "unable to connect to server: Connection refused"})
    with pytest.raises(LabError, match=r"Connection refused[^$]*run the same command again"):
        check_iperf3(path, 1)


@pytest.mark.parametrize("content", [{"start": {}, "intervals": [], "end": {}}, {"start": {}}])
def test_a_result_without_totals_is_an_error(tmp_path, content):
    with pytest.raises(LabError, match="no totals"):
        check_iperf3(write(tmp_path, content))


def test_a_truncated_file_shows_its_last_lines(tmp_path):
    with pytest.raises(LabError, match=r'wrote no JSON[^$]*"intervals"'):
        check_iperf3(write(tmp_path, '{"start": {},\n"intervals": ['))


class Space:
    """A namespace of a host that allows all but BBR."""

    def __init__(self):
        self.values = {}

    def run(self, *_):
        return "reno cubic bbr\n"

    def set_sysctls(self, values):
        if "bbr" in values.values():
            raise LabError("/proc/sys/net/ipv4/tcp_congestion_control does not take 'bbr': Operation not permitted")
        self.values |= values


def test_connections_begin_under_a_control_that_leaves_no_pacing():
    space = Space()
    begin_connections(space, {"congestion": "cubic", "pacing": False})
    assert space.values == {"net.ipv4.tcp_congestion_control": "reno"}


def test_a_host_that_lets_no_namespace_pace_is_told_how_to():
    with pytest.raises(LabError, match=r"not permitted; .*tcp_allowed_congestion_control='reno cubic bbr'"):
        begin_connections(Space(), {"congestion": "cubic", "pacing": True})


def test_a_control_that_the_kernel_lacks_is_named_before_anything_is_set():
    space = Space()
    with pytest.raises(LabError, match="'vegas' is not loaded; this kernel has reno, cubic, bbr"):
        begin_connections(space, {"congestion": "vegas", "pacing": False})
    assert not space.values
