"""The argument checks: what passes, what does not, and what they say."""

import pytest

from improtocol import ClientMode
from improtocol.checks import check_bool, check_bytes, check_int, check_line, check_name, check_text


@pytest.mark.parametrize("value", [0, 5, ClientMode.BACKGROUND])
def test_integers_in_range_pass(value: int) -> None:
    check_int("n", value, 0, 5)


@pytest.mark.parametrize("value", [-1, 6, True, 1.0, "1", None])
def test_other_integers_and_other_types_do_not(value: object) -> None:
    with pytest.raises(ValueError, match=r"^n must"):
        check_int("n", value, 0, 5)


@pytest.mark.parametrize("value", ["a", "aaaa", "é" * 2, "中"])
def test_text_is_measured_in_bytes_of_utf8(value: str) -> None:
    check_text("t", value, 4)


@pytest.mark.parametrize("value", ["aaaaa", "é" * 3, "中中", "", b"a", None, "a\0", "中\0", "\ud800"])
def test_too_long_text_and_what_is_no_text_fails(value: object) -> None:
    with pytest.raises(ValueError, match=r"^t (must|may|holds)"):
        check_text("t", value, 4)


def test_empty_text_passes_where_it_is_allowed() -> None:
    check_text("t", "", 4, empty=True)


@pytest.mark.parametrize("value", ["u1", "客服-7", "a b", "user@shop.example"])
def test_identifiers_pass(value: str) -> None:
    check_name("id", value, 64)


@pytest.mark.parametrize("value", ["", " a", "a ", "a\nb", "a\u200bb", "a\u202eb", "a\u3000b", 7])
def test_what_could_pose_as_another_identifier_fails(value: object) -> None:
    with pytest.raises(ValueError, match=r"^id must"):
        check_name("id", value, 64)


@pytest.mark.parametrize(
    "value",
    [
        "👨‍👩‍👧",
        "❤️‍🔥",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "合同　终稿.pdf",
        "Screenshot 2026-01-01 at 9.41.00\u202fAM.png",
        "می‌خواهم.pdf",
    ],
    ids=["family", "heart on fire", "England", "ideographic space", "narrow space", "non-joiner"],
)
def test_real_emoji_and_file_names_are_lines(value: str) -> None:
    check_line("line", value, 255)


@pytest.mark.parametrize(
    "value", ["", " a", "a\t", "a\nb", "a\x85b", "a\u2028b", "exe\u202egpj", "a\u2066b", "\0"]
)
def test_controls_and_direction_overrides_are_no_part_of_a_line(value: str) -> None:
    with pytest.raises(ValueError, match=r"^line must"):
        check_line("line", value, 255)


def test_bytes_and_bools() -> None:
    check_bytes("b", b"ab", 1, 2)
    check_bool("flag", False)
    for wrong in (b"", b"abc", bytearray(b"ab"), "ab"):
        with pytest.raises(ValueError, match=r"^b must"):
            check_bytes("b", wrong, 1, 2)
    for wrong in (0, 1, None, "true"):
        with pytest.raises(ValueError, match=r"^flag must"):
            check_bool("flag", wrong)
