"""Result files: JSON, a line each."""

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from imload.results import Line


class ResultFile:
    """Writes lines as they come; a run that is cut off leaves those it had."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")

    def line(self, line: Line) -> None:
        """Write one."""
        self._file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def read_results(path: Path) -> list[Line]:
    """All lines of a result file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is none, or its run did not come to an end.
    """
    lines: list[Any] = []
    with path.open(encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            try:
                line = json.loads(text)
            except ValueError:
                raise ValueError(f"{path}, line {number} is not JSON") from None
            if not isinstance(line, dict) or "type" not in line:
                raise ValueError(f"{path}, line {number} is not a line of results")
            lines.append(line)
    if not any(line["type"] == "result" for line in lines):
        raise ValueError(f"{path} has no result: it is not a file of results, or its run was cut off")
    return lines


def one(lines: list[Line], kind: str) -> Line:
    """The line of type `kind`, which a file of results has once."""
    return next(line for line in lines if line["type"] == kind)
