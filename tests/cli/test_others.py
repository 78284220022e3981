import sqlite3
import sys

import pytest

from imserver.cli.root import root
from tests.cli.here import Here
from tests.cli.house import Cli


def test_version_names_imserver_python_and_sqlite(cli: Cli) -> None:
    lines = cli.says("version").splitlines()
    assert lines[0].startswith("imserver ")
    assert lines[1:] == [f"Python {sys.version.split()[0]}", f"SQLite {sqlite3.sqlite_version}"]


def test_without_a_command_the_help_is_printed(call: Here) -> None:
    result = call()
    assert result.code == 2
    assert result.err == ""
    for name in ("serve", "app", "token", "chat", "demo", "backup", "restore", "verify", "version"):
        assert f"\n  {name} " in result.out


@pytest.mark.parametrize("command", [command.callback for command in root.registered_commands])
def test_every_command_explains_itself(command: object) -> None:
    assert command is not None
    text = command.__doc__ or ""
    assert len(text) > 40


@pytest.mark.parametrize("words", [["serve"], ["token"], ["app", "key"], ["backup"], ["restore"], ["verify"]])
def test_help_shows_examples_as_they_are_typed(call: Here, words: list[str]) -> None:
    text = call.says(*words, "--help")
    assert "Example" in text
    assert f"\n    imserver {' '.join(words)}" in text


def test_importing_the_commands_is_cheap() -> None:
    """The heavy rooms are imported by the commands that need them, so that help and version are quick."""
    import subprocess

    code = (
        "import sys, imserver.cli.root; print([m for m in sys.modules if m in {'trio', 'pydantic', 'PIL'}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout in {"[]\n", "['pydantic']\n"}  # typer may use pydantic
