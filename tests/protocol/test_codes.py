"""The hundreds digit of a code is what to do next, also for codes of later versions."""

import pytest

from improtocol import Code, NextAction, action_of


@pytest.mark.parametrize(
    ("code", "action"),
    [
        (Code.OK, NextAction.NONE),
        (Code.IDLE_TIMEOUT, NextAction.RETRY_NOW),
        (Code.DRAINING, NextAction.RETRY_AFTER),
        (Code.TOKEN_EXPIRED, NextAction.REAUTHENTICATE),
        (Code.REPLACED, NextAction.STOP),
        (Code.INVALID, NextAction.REFUSED),
        (199, NextAction.RETRY_NOW),
        (299, NextAction.RETRY_AFTER),
        (399, NextAction.REAUTHENTICATE),
        (499, NextAction.STOP),
        (599, NextAction.REFUSED),
        (600, NextAction.RETRY_AFTER),
        (999, NextAction.RETRY_AFTER),
    ],
)
def test_the_range_says_what_to_do(code: int, action: NextAction) -> None:
    assert action_of(code) is action


def test_every_code_knows_its_action() -> None:
    for code in Code:
        assert code.action is action_of(code) is NextAction(code // 100)
