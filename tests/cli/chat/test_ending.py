"""What a chat says when it ends by something that failed."""

from pathlib import Path

import pytest

from imserver.cli.chat.command import _sentence


def test_ctrl_c_is_no_failure_whatever_else_fails_at_that_moment() -> None:
    failed = BaseExceptionGroup("", [OSError("broken pipe"), BaseExceptionGroup("", [KeyboardInterrupt()])])
    with pytest.raises(KeyboardInterrupt):
        _sentence(failed, "alice", Path("here"))


def test_what_failed_is_a_sentence_however_deep_it_is() -> None:
    failed = BaseExceptionGroup("", [BaseExceptionGroup("", [OSError("no route to host")])])
    assert _sentence(failed, "alice", Path("here")) == "no route to host"
