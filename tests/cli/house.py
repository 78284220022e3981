"""Runs the command line as people do: real processes, a clean environment, a directory of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ANYWHERE = ("--listen", "tcp://127.0.0.1:0", "--http", "http://127.0.0.1:0")
LAST_LINE = "Stop with Ctrl-C."
PATIENCE_S = 30


def command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "imserver", *arguments]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("IMSERVER_")}
    return kept | dict(extra or {})


@dataclass(frozen=True, slots=True)
class Result:
    code: int
    out: str
    err: str


class Cli:
    """Commands in one working directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str, env: Mapping[str, str] | None = None) -> Result:
        done = subprocess.run(
            command(arguments),
            cwd=self.folder,
            env=environment(env),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def refused(self, *arguments: str, code: int = 1, env: Mapping[str, str] | None = None) -> str:
        """The one line on stderr of a command that must fail with `code`, without its prefix."""
        result = self(*arguments, env=env)
        assert result.code == code, result
        assert result.out == ""
        assert result.err.startswith("imserver: "), result.err
        assert result.err.count("\n") == 1, result.err
        return result.err.removeprefix("imserver: ").rstrip("\n")

    def says(self, *arguments: str) -> str:
        """The output of a command that must succeed without a word on stderr."""
        result = self(*arguments)
        assert (result.code, result.err) == (0, ""), result
        return result.out


class Server:
    """A serving process. The block ends when it is over; what is left is killed.

    Its log goes to `log`, or to the descriptor `stderr`.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        stderr: int | None = None,
    ) -> None:
        self.folder = folder
        self._ready_file = folder / "ready.json"
        self.log = folder / "server.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command(["serve", *(arguments or ANYWHERE), "--ready-file", str(self._ready_file)]),
                cwd=folder,
                env=environment(env),
                stdout=subprocess.PIPE,
                stderr=log if stderr is None else stderr,
                text=True,
            )
        self.banner: list[str] = []
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.banner.append(line.rstrip("\n"))
            if self.banner[-1] == LAST_LINE:
                break
        else:
            raise AssertionError(f"it did not start: {self.log.read_text()}")
        self.ready: dict[str, Any] = json.loads(self._ready_file.read_text())

    @property
    def has_ready_file(self) -> bool:
        return self._ready_file.exists()

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
