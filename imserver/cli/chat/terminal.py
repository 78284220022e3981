"""Where the chat is typed and shown: a terminal, or pipes."""

import os
import stat
import sys
import termios
import tty
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Final

import trio
from rich.console import Console
from rich.text import Text

from imserver.cli.chat.editor import Editor

__all__ = ["Terminal"]

_READ_BYTES: Final = 4096
_CLEAR_ROW: Final = "\r\x1b[K"
_PASTE_MARKS_ON: Final = "\x1b[?2004h"
_PASTE_MARKS_OFF: Final = "\x1b[?2004l"


class Terminal:
    """Shows lines above the one that is being typed, which never is garbled by them.

    On a terminal the typed line takes exactly one row, the last; with pipes lines come from stdin and go to
    stdout, and nothing else does.

    Args:
        on_key: called when somebody types.
    """

    def __init__(self, on_key: Callable[[], None]) -> None:
        self.interactive = sys.stdin.isatty() and sys.stdout.isatty()
        self._console = Console(highlight=False, soft_wrap=True)
        self._on_key = on_key
        self._editor = Editor()
        self._prompt = ""
        self._shown = False

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Take the terminal over; it gets back as it was."""
        if not self.interactive:
            yield
            return
        fd = sys.stdin.fileno()
        before = termios.tcgetattr(fd)
        try:
            # Keys one by one and without echo; Ctrl-C still is a signal. What was typed early is kept.
            tty.setcbreak(fd, termios.TCSADRAIN)
            self._write(_PASTE_MARKS_ON)
            self._shown = True
            self._draw()
            yield
        finally:
            self._shown = False
            self._write(_CLEAR_ROW + _PASTE_MARKS_OFF)
            termios.tcsetattr(fd, termios.TCSADRAIN, before)

    def show(self, line: Text) -> None:
        """Print a line above the one being typed."""
        if self._shown:
            self._write(_CLEAR_ROW)
        self._console.print(line)
        self._draw()

    def ask(self, prompt: str) -> None:
        """Show `prompt` before the typed line."""
        if prompt != self._prompt:
            self._prompt = prompt
            self._draw()

    async def lines(self) -> AsyncIterator[str]:
        """What is typed, line by line, until the end of the input."""
        fd = sys.stdin.fileno()
        rest = b""
        # Files and /dev/null are always readable, and the system refuses to wait for that.
        mode = os.fstat(fd).st_mode
        may_wait = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(fd)
        while not self._editor.ended:
            if may_wait:
                await trio.lowlevel.wait_readable(fd)
            else:
                await trio.lowlevel.checkpoint()
            data = os.read(fd, _READ_BYTES)
            if not data:
                break
            if self.interactive:
                self._on_key()
                for line in self._editor.feed(data):
                    self._draw()
                    yield line
                self._draw()
            else:
                *whole, rest = (rest + data).split(b"\n")
                for raw in whole:
                    yield raw.decode("utf-8", "replace")
        if rest:
            yield rest.decode("utf-8", "replace")

    def _draw(self) -> None:
        if self._shown:
            row, column = self._editor.row(self._prompt, self._console.width)
            self._write(f"{_CLEAR_ROW}{row}\r" + (f"\x1b[{column}C" if column else ""))

    @staticmethod
    def _write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
