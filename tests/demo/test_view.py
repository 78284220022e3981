"""The live view shows both screens, the link and the news in the room it has, wide characters in place."""

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from imserver.demo.board import Board
from imserver.demo.dialogue import AGENT, CUSTOMER
from imserver.demo.link import Direction, Link
from imserver.demo.view import View


def full_board() -> Board:
    board = Board(lambda at_s, who, what: None)
    board.link = Link()
    for number in range(2, 30):
        own = number % 3 == 0
        for user, mine in ((CUSTOMER, own), (AGENT, not own)):
            line = f"您好，越野跑鞋 43 码有货吗？ number {number} 👍🎉"
            facts = {"event": "message", "at": 0, "seq": number, "line": line, "key": f"k{number}"}
            board.take(user, facts | {"own": mine, "sender": CUSTOMER if own else AGENT})
    board.take(CUSTOMER, {"event": "state", "at": 0, "phase": "online", "retry_s": 0, "reason": ""})
    board.take(AGENT, {"event": "state", "at": 0, "phase": "waiting", "retry_s": 1.5, "reason": "x"})
    board.announce("the server was SIGKILLed")
    return board


def lines_of(board: Board, width: int, height: int) -> list[str]:
    console = Console(
        file=io.StringIO(),
        width=width,
        height=height,
        force_terminal=True,
        color_system=None,
        legacy_windows=False,
    )
    console.print(View(board, 40), height=height, end="")
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return str(text).splitlines()


@pytest.mark.parametrize(("width", "height"), [(120, 40), (100, 30), (80, 24), (200, 60)])
def test_every_row_has_the_width_of_the_screen(width: int, height: int) -> None:
    rows = lines_of(full_board(), width, height)
    assert len(rows) == height
    assert {cell_len(row) for row in rows} == {width}


def test_newest_messages_states_link_and_news_are_to_be_seen() -> None:
    board = full_board()
    assert board.link is not None
    board.link.bytes_passed["chat", Direction.UP] = 2048
    text = "\n".join(lines_of(board, 120, 40))
    for piece in (
        "number 29",
        "online",
        "next try in 1.5 s",
        "the server was SIGKILLed",
        "chat up 2 KiB",
        "✓",
    ):
        assert piece in text, piece


def test_outage_is_to_be_seen_while_it_lasts() -> None:
    board = full_board()
    assert board.link is not None
    board.link.hold("lift")
    assert "✗ lift" in "\n".join(lines_of(board, 120, 40))
    board.link.release("lift")
    assert "✗" not in "\n".join(lines_of(board, 120, 40))
