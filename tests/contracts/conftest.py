"""Every implementation of `Store`, one after the other."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from imserver.storage.memory import MemoryStore
from imserver.storage.sqlite import open_sqlite
from imserver.storage.store import Store


@pytest.fixture(params=["memory", "sqlite-inline", "sqlite-threads"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store."""
    if request.param == "memory":
        yield MemoryStore()
    else:
        async with open_sqlite(tmp_path / "data", inline=request.param == "sqlite-inline") as store:
            yield store
