"""Whether the decisions behind a status were signed."""

from __future__ import annotations

import pytest
from register_rows import DAY, a_signal

from surveillance.domain.signal import Step
from surveillance.views.signed import is_signed, plain_signal

DETECT = Step(on=DAY, status="detected", action="detect")


def a_step(status: str, *, signed: bool) -> Step:
    return Step(on=DAY, status=status, action="act", decided_by="a.person", is_signed=signed)


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        ([DETECT], None),
        ([DETECT, a_step("confirmed", signed=True)], True),
        ([DETECT, a_step("confirmed", signed=False)], False),
        # An earlier status is not what is shown; a later step in the same status covers nothing up.
        ([DETECT, a_step("validated", signed=False), a_step("confirmed", signed=True)], True),
        ([DETECT, a_step("confirmed", signed=False), a_step("confirmed", signed=True)], False),
        ([DETECT, a_step("detected", signed=False)], False),
    ],
)
def test_a_status_is_signed_if_everybody_signed_who_brought_it_about(
    steps: list[Step],
    found: bool | None,  # noqa: FBT001 - of a table
) -> None:
    signal = a_signal(history=tuple(steps), status=steps[-1].status)

    assert is_signed(signal) is found
    assert plain_signal(signal)["is_signed"] is found
