"""SPEC.md says what the code does: its generated parts, tables and examples are checked against it."""

import re
from typing import Any

import pytest

from improtocol import Code, Kind, Opcode, limits
from improtocol.commands import Op
from improtocol.content import CONTENT_TYPES
from improtocol.layouts import _DEFAULTS, LAYOUTS
from improtocol.opcodes import SignalKind
from improtocol.queries import QueryOp
from protocol import spec
from tests.protocol.test_vectors import FRAMES

TEXT = spec.SPEC.read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text behind the heading that begins with `title`, up to the next heading."""
    parts = re.split(r"^(#{2,4} .*)$", TEXT, flags=re.MULTILINE)
    pairs = zip(parts[1::2], parts[2::2], strict=True)
    found = [text for head, text in pairs if head.lstrip("# ").startswith(title)]
    assert len(found) == 1, title
    return found[0]


def rows(text: str) -> list[list[str]]:
    """The rows of the tables in `text`, header rows included."""
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|") and not line.startswith("|---")
    ]


def numbered(title: str) -> dict[int, str]:
    """Number and second cell of the rows that begin with a number."""
    return {int(row[0]): row[1] for row in rows(section(title)) if row[0].isdigit()}


def test_the_generated_parts_and_the_diagram_are_current() -> None:
    assert spec.with_generated(TEXT) == TEXT, "run python -m protocol.spec"
    assert spec.DIAGRAM.read_text(encoding="utf-8") == spec.states(), "run python -m protocol.spec"


def test_the_generated_parts_say_something() -> None:
    """A comment that the generator does not find would leave an empty cell."""
    assert all(row[3] for row in rows(spec.codes()))
    assert len(rows(spec.codes())) == len(Code) + 1
    assert {row[0] for row in rows(spec.numbers())[1:]} == {name for name in vars(limits) if name.isupper()}


@pytest.mark.parametrize("opcode", Opcode, ids=lambda opcode: opcode.name)
def test_every_frame_has_its_section_and_number(opcode: Opcode) -> None:
    assert re.search(
        rf"^### {opcode.name} · opcode {int(opcode)} · (client|server|both)$", TEXT, re.MULTILINE
    )


@pytest.mark.parametrize("opcode", LAYOUTS, ids=lambda opcode: opcode.name)
def test_the_fields_of_a_frame_stand_in_their_order_with_their_defaults(opcode: Opcode) -> None:
    table = [row for row in rows(section(f"{opcode.name} ·")) if len(row) == 4 and row[0] != "field"]
    names, defaults = LAYOUTS[opcode][1], _DEFAULTS[opcode]
    assert tuple(row[0] for row in table) == names
    shown: list[Any] = [{"nil": None, '""': ""}.get(row[2], row[2]) for row in table]
    expected = [""] * (len(names) - len(defaults)) + list(defaults)
    assert [str(value) for value in shown] == [
        str(int(v)) if isinstance(v, int) else str(v) for v in expected
    ]


def test_the_tables_of_numbers_are_complete() -> None:
    assert numbered("COMMAND ·") == {int(op): op.name for op in Op}
    assert numbered("Entries") == {int(kind): kind.name for kind in Kind}
    contents = {number: content.__name__.lower() for number, content in CONTENT_TYPES.items()}
    assert numbered("9 Bodies") == contents
    assert numbered("REPLY ·") == {int(op): op.name.lower() for op in QueryOp}
    signals = [row[0] for row in rows(section("SIGNAL ·")) if row[0][0].isdigit()]
    assert signals == [f"{int(kind)} {kind.name}" for kind in SignalKind]


def test_the_limits_that_are_named_exist() -> None:
    named = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)*_(?:MAX|MIN|START|BYTES|BITS)\b", TEXT))
    assert len(named) > 30
    assert named <= set(vars(limits))


@pytest.mark.parametrize("example", re.findall(r"```hex\n(.*?)```", TEXT, re.DOTALL))
def test_an_example_is_a_golden_frame(example: str) -> None:
    said = "".join(line.split(";")[0] for line in example.splitlines())
    assert bytes.fromhex(said).hex() in {frame["hex"] for frame in FRAMES}, example


def test_the_pages_own_links_lead_somewhere() -> None:
    heads = re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", head).strip().lower().replace(" ", "-") for head in heads}
    for target in re.findall(r"\]\(#([^)]*)\)", TEXT):
        assert target in anchors
