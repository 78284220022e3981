"""A name chosen by a stranger never leaves its place in the header."""

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imserver.http.disposition import content_disposition

PLAIN = r"""; filename="[ !#$&'()*+,\-.0-:<-\[\]-~]*\""""
EXTENDED = r"; filename\*=UTF-8''([A-Za-z0-9!#$&+\-.^_`|~]|%[0-9A-F]{2})+"
SHAPE = re.compile(f"attachment({PLAIN}({EXTENDED})?)?")


@given(st.text(max_size=300))
def test_any_name_gives_one_well_formed_ascii_line(name: str) -> None:
    assert SHAPE.fullmatch(content_disposition(inline=False, name=name))


@given(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=50))
def test_a_harmless_name_in_any_script_arrives_whole(name: str) -> None:
    value = content_disposition(inline=True, name=name)
    if "filename*=" in value:
        assert unquote(value.partition("filename*=UTF-8''")[2]) == name
    else:
        assert value == f'inline; filename="{name}"'


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("", None),
        ("..", None),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("C:\\Windows\\x.exe", "C:_Windows_x.exe"),
        ("gpj.\u202eexe", "gpj._exe"),
        ("a\0b\r\nc", "a_b__c"),
    ],
)
def test_paths_and_tricks_are_defused(name: str, plain: str | None) -> None:
    expected = "attachment" if plain is None else f'attachment; filename="{plain}"'
    assert content_disposition(inline=False, name=name) == expected
