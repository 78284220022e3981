"""Counting instead of timing: which calls our own code makes, by the room that makes them."""

import gc
import sys
from collections import Counter
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Final, Self

import improtocol
import imserver

_SERVER: Final = str(Path(imserver.__file__).parent)
_PROTOCOL: Final = str(Path(improtocol.__file__).parent)
#: Python 3.12 builds these in place; 3.11 calls them.
_IN_PLACE: Final = frozenset({"<listcomp>", "<dictcomp>", "<setcomp>"})


def room_of(filename: str) -> str:
    """The room a source file belongs to: "improtocol", "gateway", "core", "storage"; "" for others' code."""
    if filename.startswith(_PROTOCOL):
        return "improtocol"
    if filename.startswith(_SERVER):
        return filename[len(_SERVER) + 1 :].partition("/")[0]
    return ""


class Calls:
    """Calls between entering and leaving the block, on this thread; may be entered again and again.

    Counted is each call of a function of ours, by its room, and each call that a function of ours makes of
    others' code, Python's or C's, by the room of the caller. What others' code calls in turn is not: so
    neither a new release of trio nor one of Python's own library changes a figure.
    """

    def __init__(self) -> None:
        self.by_room: Counter[str] = Counter()
        #: Who calls how often, for whoever looks for what to save: (file, function).
        self.by_function: Counter[tuple[str, str]] = Counter()
        self._rooms: dict[str, str] = {}

    def _note(self, frame: FrameType, event: str, _: Any) -> None:
        if event not in {"call", "c_call"} or (event == "call" and frame.f_code.co_name in _IN_PLACE):
            return
        code = frame.f_code
        room = self._room(code.co_filename)
        if not room and event == "call" and frame.f_back is not None:
            code = frame.f_back.f_code
            room = self._room(code.co_filename)
        if room:
            self.by_room[room] += 1
            self.by_function[code.co_filename, code.co_name] += 1

    def _room(self, filename: str) -> str:
        room = self._rooms.get(filename)
        if room is None:
            room = self._rooms[filename] = room_of(filename)
        return room

    @property
    def main(self) -> int:
        """Calls on what is the main thread in a server."""
        return self.by_room.total() - self.writer

    @property
    def writer(self) -> int:
        """Calls of the storage room: the writer's thread in a server, but for the store's own front."""
        return self.by_room["storage"]

    def __enter__(self) -> Self:
        gc.disable()  # a collection calls whatever it finds
        sys.setprofile(self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.setprofile(None)
        gc.enable()
