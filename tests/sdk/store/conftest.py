"""Stores to test: the durable one and the one in memory, held to the same claims."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from improtocol import Body, Entry, Kind, Text, pack, pack_body
from improtocol.frames import Connected
from imsdk.store import MemoryStore, SqliteStore, Store

ME = "alice"
ROOM = 77


def connected(**changes: int) -> Connected:
    """A new session of alice."""
    facts: dict[str, int] = {"session": 5, "epoch": 1, "accepted": 0, "head": 0, **changes}
    return Connected(secret=b"s" * 16, user=ME, **facts)


def message(seq: int, text: str, sender: str = "bob", conversation: int = ROOM) -> Entry:
    """A text message."""
    return Entry(Kind.MESSAGE, 1000 + seq, sender, conversation, seq, pack_body(Body(content=Text(text))))


def created(*members: str, conversation: int = ROOM, kind: int = 2) -> Entry:
    """The conversation's first record."""
    payload = pack([kind, "Team", [[user, 0] for user in members]])
    return Entry(Kind.CREATED, 1001, members[0], conversation, 1, payload)


def change(kind: Kind, seq: int, payload: object, sender: str = "bob") -> Entry:
    """Any other record."""
    return Entry(kind, 1000 + seq, sender, ROOM, seq, pack(payload))  # type: ignore[arg-type]


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """An open store of alice that has a session."""
    opened: Store = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "data")
    await opened.open("phone")
    await opened.attach(connected())
    yield opened
    await opened.close()
