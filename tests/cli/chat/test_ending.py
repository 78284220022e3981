"""What a chat says when it ends by something that failed, or does not begin."""

from pathlib import Path

import pytest

from imserver.cli.chat.command import _sentence, main


def test_ctrl_c_is_no_failure_whatever_else_fails_at_that_moment() -> None:
    failed = BaseExceptionGroup("", [OSError("broken pipe"), BaseExceptionGroup("", [KeyboardInterrupt()])])
    with pytest.raises(KeyboardInterrupt):
        _sentence(failed, "alice", Path("here"))


def test_what_failed_is_a_sentence_however_deep_it_is() -> None:
    failed = BaseExceptionGroup("", [BaseExceptionGroup("", [OSError("no route to host")])])
    assert _sentence(failed, "alice", Path("here")) == "no route to host"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--wait", "-1"), "-1 is no time to wait"),
        (("--wait", "nan"), "nan is no time to wait"),
        (("--url", "tcp://127.0.0.1:99999"), "tcp://127.0.0.1:99999: Port out of range"),
    ],
)
def test_flags_that_cannot_be_are_named_before_anything_is_sent(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["bob", "--with", "alice", *words])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
