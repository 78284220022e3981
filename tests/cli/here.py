"""Runs commands within the test's process, once real processes were seen to print and exit."""

from collections.abc import Callable

import pytest

from imserver.cli.entry import run
from tests.cli.house import Result


class Here:
    """Like `Cli`, ten times as fast."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Result:
        self._capsys.readouterr()
        code = run(arguments)
        out, err = self._capsys.readouterr()
        return Result(code, out, err)

    def says(self, *arguments: str) -> str:
        """The output of a command that must succeed without a word on stderr."""
        result = self(*arguments)
        assert (result.code, result.err) == (0, ""), result
        return result.out

    def refused(self, *arguments: str, code: int = 1) -> str:
        """The one line on stderr of a command that must fail with `code`, without its prefix."""
        result = self(*arguments)
        assert result.code == code, result
        assert result.out == ""
        assert result.err.startswith("imserver: ")
        assert result.err.count("\n") == 1
        return result.err.removeprefix("imserver: ").rstrip("\n")


Refused = Callable[..., str]
