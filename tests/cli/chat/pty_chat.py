"""`imserver chat` in a pseudo-terminal, and a small terminal that shows what a person would see."""

import os
import pty
import re
import select
import signal
import subprocess
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.cells import cell_len

from tests.cli.house import command, environment

PATIENCE_S = 30
_CODE = re.compile(r"\x1b\[(\??[0-9;]*)([A-Za-z])")


class Sheet:
    """Rows of a terminal that knows \\r, \\n, erase to the end of the row, and cursor right."""

    def __init__(self) -> None:
        self.rows: list[dict[int, str]] = [{}]
        self._column = 0
        self._rest = ""

    def write(self, text: str) -> None:
        text = self._rest + text
        self._rest = ""
        while text:
            if text[0] == "\x1b":
                found = _CODE.match(text)
                if found is None:
                    self._rest = text
                    return
                self._obey(found[1], found[2])
                text = text[found.end() :]
                continue
            self._put(text[0])
            text = text[1:]

    def _obey(self, number: str, code: str) -> None:
        if code == "K":
            self.rows[-1] = {at: c for at, c in self.rows[-1].items() if at < self._column}
        elif code == "C":
            self._column += int(number or 1)

    def _put(self, character: str) -> None:
        if character == "\r":
            self._column = 0
        elif character == "\n":
            self.rows.append({})
        else:
            self.rows[-1][self._column] = character
            self._column += cell_len(character)

    @property
    def lines(self) -> list[str]:
        return ["".join(c for _, c in sorted(row.items())).rstrip() for row in self.rows]


class PtyChat:
    """A chat that is typed into; the block ends with its process."""

    def __init__(self, folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        self._primary, replica = pty.openpty()
        termios.tcsetwinsize(self._primary, (30, 100))
        self._replica = replica
        self.modes = termios.tcgetattr(replica)
        self.sheet = Sheet()
        self.process = subprocess.Popen(
            command(["chat", *arguments]),
            cwd=folder,
            stdin=replica,
            stdout=replica,
            stderr=replica,
            env=environment({"TERM": "xterm", "NO_COLOR": "1", **(env or {})}),
            start_new_session=True,
        )

    def press(self, text: str) -> None:
        os.write(self._primary, text.encode())

    def enter(self, text: str) -> None:
        self.press(text + "\r")

    def see(self, piece: str, *, times: int = 1) -> str:
        """The last line with `piece`, once it is to be seen in that many lines."""
        until = time.monotonic() + PATIENCE_S
        while True:
            found = [line for line in self.sheet.lines if piece in line]
            if len(found) >= times:
                return found[-1]
            left_s = until - time.monotonic()
            ready, _, _ = select.select([self._primary], [], [], max(0.0, left_s))
            if not ready:
                raise AssertionError(f"{piece!r} does not come; there is: " + "\n".join(self.sheet.lines))
            self._read()

    def _read(self) -> None:
        self.sheet.write(os.read(self._primary, 65536).decode("utf-8", "replace"))

    def modes_now(self) -> list[object]:
        return termios.tcgetattr(self._replica)

    def wait(self) -> int:
        code = self.process.wait(PATIENCE_S)
        while select.select([self._primary], [], [], 0.0)[0]:
            self._read()
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(PATIENCE_S)
        os.close(self._primary)
        os.close(self._replica)
