"""What a remedy brings is said with its interval, and not said to be more where it is not."""

from __future__ import annotations

import numpy as np
import pytest

from tunbp.prediction import predict
from tunbp.prediction.brings import brought, gains, then
from tunbp.prediction.changed import changed
from tunbp.prediction.distribution import VARIANTS
from tunbp.prediction.phrases import interval_of
from tunbp.prediction.products import product


@pytest.fixture(scope="module")
def found():
    path = {"rtt": 0.1, "ring": 5000, "duration": 4.0, "warmup": 1.0, "send_buffer": 64e3}
    return predict(path, [], count=32)


def test_what_a_remedy_carries_stands_beside_what_the_path_carries_now(found):
    after = changed(found, {"send_buffer": 1e6})
    said = brought("With 1 MB", found, after)
    assert said.startswith(f"With 1 MB: {interval_of(after, 'received_rate', 5000, 'stock')} instead of ")
    assert np.median(gains(found, after)) > 5.0


def test_a_remedy_that_brings_nothing_is_said_to(found):
    after = changed(found, {"ring": 5000})
    assert not gains(found, after).any()
    assert brought("As it is", found, after) == "As it is: hardly more (over 10 % more: 0 %)"


def test_what_limits_then_is_named_with_its_probability(found):
    after = changed(found, {"send_buffer": 1e6}, variants=VARIANTS)
    said = then(after, product("openvpn"), "--send-buffer 1MB")
    assert said == "then the window of TCP (100 %) limits (what to do next: ask again with `--send-buffer 1MB`)"
