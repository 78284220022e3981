"""The typed line obeys readline's keys and always fits one row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from imserver.cli.chat.editor import Editor

LEFT, RIGHT, HOME, END, UP, DOWN, DELETE = (f"\x1b[{c}" for c in ("D", "C", "H", "F", "A", "B", "3~"))


def typed(*keys: str) -> Editor:
    editor = Editor()
    for key in keys:
        editor.feed(key.encode())
    return editor


def test_enter_finishes_a_line() -> None:
    editor = Editor()
    assert editor.feed("您好\rhalf".encode()) == ["您好"]
    assert editor.text == "half"


@pytest.mark.parametrize(
    ("keys", "text", "cursor"),
    [
        (("abc", LEFT, "x"), "abxc", 3),
        (("abc", HOME, "x"), "xabc", 1),
        (("abc", HOME, RIGHT, END, "x"), "abcx", 4),
        (("中文", "\x7f"), "中", 1),
        (("e\u0301", "\x7f"), "", 0),
        (("abc", HOME, DELETE), "bc", 0),
        (("abc", LEFT, "\x15"), "c", 0),
        (("abc", LEFT, "\x0b"), "ab", 2),
        (("one two ", "\x17"), "one ", 4),
        (("one\r", "two\r", "dra", UP, UP), "one", 3),
        (("one\r", "dra", UP, DOWN), "dra", 3),
        (("a", "\x1b[99~", "\x1bx", "\x00", "b"), "ab", 2),
    ],
)
def test_keys(keys: tuple[str, ...], text: str, cursor: int) -> None:
    editor = typed(*keys)
    assert (editor.text, editor.cursor) == (text, cursor)


def test_pasted_lines_are_one_message_and_nothing_is_sent() -> None:
    editor = Editor()
    assert editor.feed(b"\x1b[200~one\ntwo\x1b[201~") == []
    assert editor.row("> ", 40)[0] == "> one⏎two"
    assert editor.feed(b"\r") == ["one\ntwo"]


def test_ctrl_d_ends_only_an_empty_line() -> None:
    assert not typed("a", "\x04").ended
    assert typed("\x04").ended


@given(st.text(alphabet="ab中文👍e\u0301\u200d", max_size=30), st.integers(1, 5))
def test_bytes_may_come_in_any_pieces(text: str, size: int) -> None:
    """A character or key cut in two is read as one."""
    data = (text + LEFT + "!").encode()
    whole, pieces = typed(text, LEFT, "!"), Editor()
    for start in range(0, len(data), size):
        pieces.feed(data[start : start + size])
    assert (pieces.text, pieces.cursor) == (whole.text, whole.cursor)


@given(
    st.lists(
        st.sampled_from(["a", "中", "👍", "\u0301", LEFT, RIGHT, HOME, END, "\x7f", UP, "\r"]), max_size=60
    ),
    st.integers(12, 40),
)
def test_row_fits_and_the_cursor_is_in_it(keys: list[str], columns: int) -> None:
    editor = typed(*keys)
    row, column = editor.row("bob > ", columns)
    assert cell_len(row) <= columns
    assert 0 <= column < columns
    assert 0 <= editor.cursor <= len(editor.text)
