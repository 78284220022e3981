"""`verify` takes time in proportion to what there is: no check reads a log once for each of its rows."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from imserver.storage.folder import DATABASE_NAME
from imserver.storage.sqlite import open_sqlite
from imserver.storage.store import Write
from imserver.storage.verify_checks import CHECKS, Check
from tests.contracts.house import ROOM, House

#: Messages in the smaller directory; the larger has twice as many.
MESSAGES = 600
#: Instructions of SQLite's virtual machine between two looks.
STEP = 10


async def fill(folder: Path, messages: int) -> None:
    """Two conversations of the same users in turn, so that each message makes log rows of its own."""
    async with open_sqlite(folder, inline=True) as store:
        house = await House.build(store)
        everybody = ("alice", "bob")
        rooms = (ROOM, ROOM + 1)
        for room in rooms:
            await house.room(*everybody, room=room)
        writes: Sequence[Write] = [
            house.message("alice", "x", *everybody, conversation=rooms[number % 2])
            for number in range(messages)
        ]
        await store.append(writes)


def steps_of(folder: Path, check: Check) -> int:
    """How many instructions a check takes, to the nearest `STEP`."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += STEP
        return 0

    with closing(sqlite3.connect(folder / DATABASE_NAME)) as db:
        db.set_progress_handler(count, STEP)
        assert db.execute(check.sql).fetchall() == []
    return steps


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return tmp_path_factory.mktemp("small"), tmp_path_factory.mktemp("large")


async def test_twice_as_many_messages_take_every_check_little_more_than_twice_as_many_steps(
    folders: tuple[Path, Path],
) -> None:
    small, large = folders
    await fill(small, MESSAGES)
    await fill(large, 2 * MESSAGES)
    grown = {}
    for check in CHECKS:
        before, after = (steps_of(folder, check) for folder in folders)
        if after > 2.3 * before + 1000:
            grown[check.table, check.wrong] = before, after
    assert not grown
