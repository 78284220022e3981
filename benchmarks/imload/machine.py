"""What is measured on. Shared machines' clocks have levels: a fixed loop beside each figure shows them."""

import os
import platform
import sqlite3
import time
from dataclasses import dataclass
from importlib.metadata import version


def fixed_loop_ms() -> float:
    """How long the same small loop takes now: about 4 ms or about 8 ms on the machines this was made on."""
    begin = time.perf_counter()
    total = 0
    for number in range(100_000):
        total += number
    assert total
    return (time.perf_counter() - begin) * 1000


@dataclass(frozen=True, slots=True)
class Machine:
    """A line that says where a figure comes from."""

    cores: int
    kernel: str
    python: str
    sqlite: str
    trio: str
    msgpack: str

    @classmethod
    def here(cls) -> "Machine":
        return cls(
            cores=os.cpu_count() or 0,
            kernel=platform.release(),
            python=platform.python_version(),
            sqlite=sqlite3.sqlite_version,
            trio=version("trio"),
            msgpack=version("msgpack"),
        )

    def __str__(self) -> str:
        return (
            f"{self.cores} cores, Linux {self.kernel}, Python {self.python}, SQLite {self.sqlite}, "
            f"trio {self.trio}, msgpack {self.msgpack}"
        )
