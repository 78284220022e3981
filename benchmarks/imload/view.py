"""The live view on a terminal: what happens this second, and the last minute as bars."""

from collections import deque
from types import TracebackType
from typing import Final, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from imload.results import Line

_BARS: Final = " ▁▂▃▄▅▆▇█"
_SECONDS_SHOWN: Final = 60
_ROWS: Final = {
    "sessions": "sessions, consistent",
    "acked_per_s": "acknowledged /s",
    "received_per_s": "delivered /s",
    "resumes_per_s": "resumes /s",
    "dropped_per_s": "connections lost /s",
    "ack_p99_ms": "ack p99, ms",
    "server_cpu_percent": "server CPU, %",
    "server_memory_mib": "server memory, MiB",
}


class LiveView:
    """Shows lines of type `second` as they come; nothing where the console is no terminal."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._rows: dict[str, deque[float]] = {name: deque(maxlen=_SECONDS_SHOWN) for name in _ROWS}
        self._last: Line = {}
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def line(self, line: Line) -> None:
        """Take one."""
        if line["type"] != "second":
            return
        self._last = line
        for name, values in self._rows.items():
            values.append(float(line.get(name) or 0.0))
        if self._console.is_terminal:
            self._live.update(self.render(), refresh=True)

    def render(self) -> Group:
        """The present picture."""
        table = Table.grid(padding=(0, 2))
        for name, words in _ROWS.items():
            values = self._rows[name]
            now = f"{values[-1]:,.1f}".removesuffix(".0") if values else "-"
            table.add_row(words, Text(now, justify="right"), Text(bars(list(values)), style="cyan"))
        last = self._last
        head = f"{self._title}  {last.get('s', 0):.0f} s  {last.get('phase', '')}"
        totals = f"posted {last.get('posted', 0):,}, acknowledged {last.get('acked', 0):,}"
        return Group(Text(head, style="bold"), table, Text(totals))

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()


def bars(values: list[float]) -> str:
    """A line of bars, the highest value full."""
    top = max(values, default=0.0)
    if top <= 0:
        return _BARS[0] * len(values)
    return "".join(_BARS[round(value / top * (len(_BARS) - 1))] for value in values)
