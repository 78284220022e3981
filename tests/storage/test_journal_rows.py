"""A row of the journal says every fact of its writes, and the journal takes what may wait, and no more."""

import sqlite3
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from improtocol.entries import Kind
from imserver.storage import journal
from imserver.storage.journal import BYTES_MAX, Journal, pack_writes, size_of, unpack_writes
from imserver.storage.model import NO_ENTRY, MemberChange, Write
from tests.contracts.house import ROOM

COUNTS = st.integers(0, 2**63 - 1)
WRITES = st.builds(
    Write,
    device=COUNTS,
    counter=COUNTS,
    digest=st.integers(0, 2**32 - 1),
    code=st.integers(0, 599),
    value=COUNTS,
    at_ms=COUNTS,
    author=COUNTS,
    author_name=st.text(max_size=9),
    conversation=COUNTS,
    kind=st.sampled_from([NO_ENTRY, Kind.MESSAGE, Kind.READ]),
    payload=st.binary(max_size=99),
    recipients=st.lists(COUNTS, max_size=5),
)


def facts(write: Write) -> dict[str, Any]:
    names = (
        "device counter digest code value at_ms author author_name conversation create kind payload target"
        " media recipients members title end_session"
    )
    return {name: getattr(write, name) for name in names.split()}


def takes(journal: Journal, writes: list[Write]) -> bool:
    return journal.takes(writes, size_of(writes))


def added(journal: Journal, writes: list[Write]) -> None:
    journal.added(writes, size_of(writes))


@given(st.lists(WRITES, max_size=5))
def test_a_row_says_every_fact_of_an_ordinary_write(writes: list[Write]) -> None:
    assert takes(Journal(cast(sqlite3.Connection, None)), writes)
    said = unpack_writes(pack_writes(writes))
    assert [facts(write) for write in said] == [facts(write) for write in writes]


@given(st.binary(max_size=60))
def test_what_is_no_row_is_a_value_error(packed: bytes) -> None:
    try:
        writes = unpack_writes(packed)
    except ValueError:
        return
    assert isinstance(writes, list)


@pytest.mark.parametrize(
    "fields",
    [
        {"target": 1, "kind": Kind.EDITED},
        {"kind": Kind.RECALLED, "target": 1},
        {"kind": Kind.REACTED, "target": 1},
        {"media": [b"1" * 32]},
        {"members": [MemberChange(user=2, role=None)], "kind": Kind.LEFT},
        {"title": "new"},
        {"end_session": True, "kind": NO_ENTRY},
    ],
    ids="-".join,
)
def test_what_changes_more_than_ends_of_logs_does_not_wait(fields: dict[str, Any]) -> None:
    empty = Journal(cast(sqlite3.Connection, None))
    message = Write(device=0, at_ms=1, conversation=ROOM, kind=Kind.MESSAGE)
    assert takes(empty, [message])
    assert not takes(empty, [message, Write(**({"device": 0, "at_ms": 1, "kind": Kind.MESSAGE} | fields))])


def test_no_more_waits_than_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "WRITES_MAX", 3)
    full = Journal(cast(sqlite3.Connection, None))
    message = Write(device=0, at_ms=1, kind=Kind.MESSAGE)
    added(full, [message] * 2)
    assert takes(full, [message])
    assert not takes(full, [message] * 2)
    large = Write(device=0, at_ms=1, kind=Kind.MESSAGE, payload=bytes(BYTES_MAX))
    assert not takes(full, [large])
    full.settled()
    assert takes(full, [large])


def test_who_gets_a_message_counts_as_what_it_says() -> None:
    empty = Journal(cast(sqlite3.Connection, None))
    short = Write(device=0, at_ms=1, kind=Kind.MESSAGE, payload=b"x", recipients=tuple(range(1_000)))
    assert takes(empty, [short] * 100)
    assert not takes(empty, [short] * 300)
    added(empty, [short] * 200)
    assert not takes(empty, [short] * 100)
