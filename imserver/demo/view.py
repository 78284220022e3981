"""The live view: two phone-like screens side by side, the link between them, the news."""

from itertools import islice
from typing import Final

from rich.align import Align
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from imserver.demo.board import Board, Bubble, Screen
from imserver.demo.dialogue import AGENT, CUSTOMER

__all__ = ["View"]

_TITLES: Final = {CUSTOMER: "林小姐 · customer", AGENT: "Mia · shop agent"}
_STATE_STYLES: Final = {"online": "green", "off": "red", "connecting": "yellow"}
_NEWS_LINES: Final = 5
_LINES_MIN: Final = 16


class View:
    """Draws a board as it is at the moment of drawing."""

    def __init__(self, board: Board, length_s: float) -> None:
        self._board = board
        self._length_s = length_s

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = max(_LINES_MIN, options.height or console.height)
        layout = Layout(size=lines)
        layout.split_column(
            Layout(self._header(), size=1),
            Layout(name="screens"),
            Layout(self._footer(), size=_NEWS_LINES + 2),
        )
        height = lines - _NEWS_LINES - 3
        layout["screens"].split_row(
            Layout(self._phone(self._board.screens[CUSTOMER], height)),
            Layout(self._link(height), size=24),
            Layout(self._phone(self._board.screens[AGENT], height)),
        )
        yield from console.render(layout, options.update(height=lines))

    def _header(self) -> Text:
        board = self._board
        return Text(
            f" imserver demo   {board.elapsed_s:5.1f} s of about {self._length_s + 6:.0f} s", style="bold"
        )

    def _phone(self, screen: Screen, height: int) -> Panel:
        state = Text(screen.state, style=_STATE_STYLES.get(screen.state, "yellow"), no_wrap=True)
        state.truncate(40, overflow="ellipsis")
        rows = Tail(
            [self._bubble(bubble) for bubble in screen.bubbles], typing=screen.typing, height=height - 2
        )
        border = "blue" if screen.state == "online" else "red"
        return Panel(rows, title=_TITLES[screen.user], subtitle=state, border_style=border, height=height)

    def _bubble(self, bubble: Bubble) -> Align:
        text = Text(bubble.line, overflow="fold")
        if bubble.reactions:
            text.append(f" {bubble.reactions}", style="magenta")
        if not bubble.own:
            return Align.left(Text("▏", style="cyan") + text)
        text.append(f" {bubble.mark}", style="bright_blue" if bubble.read else "bright_black")
        text.stylize("green" if bubble.mark != "…" else "yellow", 0, len(bubble.line))
        return Align.right(text)

    def _link(self, height: int) -> Panel:
        board = self._board
        held = board.held
        passed = [] if board.link is None else sorted(board.link.bytes_passed.items(), key=str)
        pipe = (
            Text("⇄ ok", style="green")
            if not held
            else Text(f"✗ {', '.join(sorted(held))}", style="bold red")
        )
        rows = Group(
            Text(board.network, style="bold"),
            pipe,
            Text(f"{board.outages} trace outages"),
            Text(""),
            *(
                Text(f"{service} {way.value} {count / 1024:,.0f} KiB", style="bright_black")
                for (service, way), count in passed
            ),
            Text(""),
            Text("server", style="bold"),
            Text(board.server, style="green" if board.server.startswith("up") else "bold red"),
        )
        return Panel(rows, title="phone's link", border_style="red" if held else "green", height=height)

    def _footer(self) -> Panel:
        table = Table.grid(padding=(0, 1))
        table.add_column(justify="right", style="bright_black")
        table.add_column(no_wrap=True)
        for at_s, what in islice(reversed(self._board.news), _NEWS_LINES):
            table.add_row(f"{at_s:.1f} s", what)
        return Panel(table, title="what happens", title_align="left", border_style="bright_black")


class Tail:
    """The last of some rows that fit into `height` lines, the newest at the bottom."""

    def __init__(self, rows: list[Align], *, typing: bool, height: int) -> None:
        self._rows = rows
        self._typing = typing
        self._height = height

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = self._height - 1
        shown: list[RenderableType] = []
        for row in reversed(self._rows):
            lines = len(console.render_lines(row, options.update(height=None)))
            if lines > room:
                break
            room -= lines
            shown.append(row)
        yield from (Text("") for _ in range(room))
        yield from reversed(shown)
        yield Text("… types" if self._typing else "", style="italic bright_black")
