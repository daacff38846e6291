"""Rules of the congestion controls as compiled functions, chosen by a control's code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numba

from tunbp.model import congestion as cc
from tunbp.model.congestion import ROWS

_inline: Any = numba.njit(inline="always", error_model="numpy")
_called: Any = numba.njit(forceinline=True, error_model="numpy", _nrt=False)

PACED = tuple(row.paced for row in ROWS)
"""Whether a control sets a rate once per round trip, by code."""

GROWTH = tuple(_inline(row.growth) for row in ROWS)
"""Growth of the window, by code: for kernels that are compiled for one control."""


def _by_code(rules: Sequence[Callable[..., Any]], code: int = 0) -> Any:
    """A compiled function that takes a code before the rule's arguments, and runs that control's rule."""
    rule = _called(rules[code])
    if code == len(rules) - 1:

        @_called
        def last(control, *arguments):  # type: ignore[no-untyped-def]
            return rule(*arguments)

        return last
    others = _by_code(rules, code + 1)

    @_called
    def choose(control, *arguments):  # type: ignore[no-untyped-def]
        if control == code:
            return rule(*arguments)
        return others(control, *arguments)

    return choose


growth = _by_code([row.growth for row in ROWS])
loss = _by_code([row.loss for row in ROWS])
start = _by_code([row.start for row in ROWS])
round_trip = _by_code([row.round_trip for row in ROWS])


@_inline
def hystart_delay(least: float) -> float:
    """Growth of the RTT from which HyStart ends slow start: an eighth, 4 to 16 ms (``HYSTART_DELAY_THRESH``)."""
    return min(max(least / 8.0, 0.004), 0.016)


@_inline
def hystart_ack_delay(pace: float, block: float) -> float:
    """What an ACK train may be longer for what holds ACKs up: the time of four blocks, at most a millisecond.

    (net/ipv4/tcp_cubic.c, ``hystart_ack_delay``; `pace` in segments per second, `block` the largest one in segments.)
    """
    return min(cc.HYSTART_MAX_ACK_DELAY, 4.0 * block / pace)
