"""An app's record of what it was promised and what it was given, kept through a SIGKILL at any byte."""

import json
import os
import time
from pathlib import Path
from typing import Any, TypeAlias

__all__ = ["Entry", "Journal", "read_journal"]

#: One line: what happened ("what"), when by the machine's monotonic clock ("at"), in which life of the app
#: ("life"), and the facts.
Entry: TypeAlias = dict[str, Any]


class Journal:
    """Appends lines. A line is on the disk when `write` returns, so what it says is known after any kill."""

    def __init__(self, path: Path) -> None:
        lives = [entry["life"] for entry in read_journal(path)] if path.exists() else []
        self.life = max(lives, default=0) + 1
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        if path.stat().st_size:
            os.write(self._fd, b"\n")  # ends a line that a kill has torn

    def write(self, what: str, **facts: object) -> None:
        """Append one line and make it durable."""
        entry = {"what": what, "at": time.monotonic(), "life": self.life, **facts}
        os.write(self._fd, json.dumps(entry, ensure_ascii=False).encode() + b"\n")
        os.fsync(self._fd)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)


def read_journal(path: Path) -> list[Entry]:
    """Every whole line, in order; a line that a kill has torn says nothing."""
    entries = []
    for line in path.read_bytes().split(b"\n"):
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and "what" in entry:
            entries.append(entry)
    return entries
