"""Tells other programs that a server serves, and where: a small JSON file."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imserver.app.bound import Bound
from imserver.app.errors import CannotServe


@contextmanager
def no_ready_file_outside(path: Path | None) -> Iterator[None]:
    """Nothing is at `path` when the block begins, whatever a killed server left, nor when it has ended.

    Raises:
        CannotServe: what is there cannot be removed.
    """
    if path is None:
        yield
        return
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise CannotServe(f"cannot write the ready file {path}: {error.strerror}") from None
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def write_ready_file(path: Path, bound: Bound) -> None:
    """Write it at once and whole: who sees the file sees all of it.

    Raises:
        CannotServe: it cannot be written.
    """
    text = json.dumps(
        {
            "pid": os.getpid(),
            "listen": list(bound.listen),
            "http": bound.http,
            "operations": bound.operations,
            "data_dir": str(bound.data_dir),
        }
    )
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise CannotServe(f"cannot write the ready file {path}: {error.strerror}") from None
