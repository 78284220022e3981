"""The line that is being typed: bytes of a terminal in, finished lines and one screen row out."""

import codecs
import re
from typing import Final

from rich.cells import cell_len

__all__ = ["Editor"]

_HISTORY_MAX: Final = 500
_LINE_CHARS_MAX: Final = 32_768
_ESCAPE: Final = re.compile(r"\x1b(\[[0-9;]*[A-Za-z~]|O[A-Za-z])")
_ESCAPE_BEGUN: Final = re.compile(r"\x1b(\[[0-9;]*|O)?$")
_PASTE_BEGINS: Final = "\x1b[200~"
_PASTE_ENDS: Final = "\x1b[201~"
_KEYS: Final = {
    "\x1b[D": "left",
    "\x1bOD": "left",
    "\x02": "left",
    "\x1b[C": "right",
    "\x1bOC": "right",
    "\x06": "right",
    "\x1b[H": "home",
    "\x1bOH": "home",
    "\x1b[1~": "home",
    "\x01": "home",
    "\x1b[F": "end",
    "\x1bOF": "end",
    "\x1b[4~": "end",
    "\x05": "end",
    "\x1b[A": "older",
    "\x1bOA": "older",
    "\x10": "older",
    "\x1b[B": "newer",
    "\x1bOB": "newer",
    "\x0e": "newer",
    "\x7f": "rub out",
    "\x08": "rub out",
    "\x1b[3~": "delete",
    "\x15": "clear",
    "\x0b": "cut",
    "\x17": "rub out word",
}


class Editor:
    """One line with a cursor and a history; the keys are readline's. Without I/O.

    Pasted line ends become part of the line (shown as ⏎), so that pasting never sends by itself.
    """

    def __init__(self) -> None:
        self.text = ""
        self.cursor = 0
        self.ended = False  #: Ctrl-D on an empty line
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._unread = ""
        self._pasting = False
        self._history: list[str] = []
        self._place = 0
        self._draft = ""

    def feed(self, data: bytes) -> list[str]:
        """Take what the terminal sent; returns the lines that were finished by it."""
        self._unread += self._decoder.decode(data)
        lines: list[str] = []
        while self._unread:
            key = self._next_key()
            if key is None:
                break
            line = self._press(key)
            if line is not None:
                lines.append(line)
        return lines

    def row(self, prompt: str, columns: int) -> tuple[str, int]:
        """What to show in a row of `columns`, and the column of the cursor in it."""
        # The last column stays free: many terminals wrap when it is filled.
        room = max(4, columns - cell_len(prompt) - 1)
        before = self.text[: self.cursor].replace("\n", "⏎")
        while cell_len(before) > room:
            before = before[1:]
        after = self.text[self.cursor :].replace("\n", "⏎")
        while cell_len(before) + cell_len(after) > room:
            after = after[:-1]
        return prompt + before + after, cell_len(prompt + before)

    def _next_key(self) -> str | None:
        """The next key, taken from what was read; None if the rest of it is still to come."""
        text = self._unread
        if text[0] != "\x1b":
            size = 1
        elif found := _ESCAPE.match(text):
            size = found.end()
        elif _ESCAPE_BEGUN.match(text):
            return None
        else:
            size = 2  # Alt and a key
        self._unread = text[size:]
        return text[:size]

    def _press(self, key: str) -> str | None:
        if key in {_PASTE_BEGINS, _PASTE_ENDS}:
            self._pasting = key == _PASTE_BEGINS
        elif key in "\r\n":
            if not self._pasting:
                return self._finish()
            self._insert("\n")
        elif key == "\x04":
            self.ended = self.ended or not self.text
            self._do("delete")
        elif key in _KEYS:
            self._do(_KEYS[key])
        elif len(key) == 1 and (key.isprintable() or key == "\u200d"):
            self._insert(key)
        return None

    def _finish(self) -> str:
        line = self.text
        if line.strip() and (not self._history or self._history[-1] != line):
            self._history = [*self._history[1 - _HISTORY_MAX :], line]
        self._place = len(self._history)
        self.text, self.cursor, self._draft = "", 0, ""
        return line

    def _insert(self, key: str) -> None:
        if len(self.text) < _LINE_CHARS_MAX:
            self.text = self.text[: self.cursor] + key + self.text[self.cursor :]
            self.cursor += len(key)

    def _do(self, what: str) -> None:
        text, cursor = self.text, self.cursor
        match what:
            case "left":
                self.cursor = self._start_of_character()
            case "right":
                self.cursor = self._end_of_character()
            case "home":
                self.cursor = 0
            case "end":
                self.cursor = len(text)
            case "older" | "newer":
                self._recall(-1 if what == "older" else 1)
            case "rub out":
                self.cursor = self._start_of_character()
                self.text = text[: self.cursor] + text[cursor:]
            case "delete":
                self.text = text[:cursor] + text[self._end_of_character() :]
            case "clear":
                self.text, self.cursor = text[cursor:], 0
            case "cut":
                self.text = text[:cursor]
            case "rub out word":
                kept = text[:cursor].rstrip()
                kept = kept[: kept.rfind(" ") + 1]
                self.text, self.cursor = kept + text[cursor:], len(kept)

    def _start_of_character(self) -> int:
        """Where the character before the cursor begins, its combining marks included."""
        place = max(0, self.cursor - 1)
        while place > 0 and cell_len(self.text[place]) == 0:
            place -= 1
        return place

    def _end_of_character(self) -> int:
        place = min(len(self.text), self.cursor + 1)
        while place < len(self.text) and cell_len(self.text[place]) == 0:
            place += 1
        return place

    def _recall(self, step: int) -> None:
        place = self._place + step
        if not 0 <= place <= len(self._history):
            return
        if self._place == len(self._history):
            self._draft = self.text
        self._place = place
        self.text = self._draft if place == len(self._history) else self._history[place]
        self.cursor = len(self.text)
