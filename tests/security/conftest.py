"""Virtual time for everything that waits: attacks are tried against a clock that the test moves."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from tests.core.house import House
from tests.core.virtual import use_virtual_time
from tests.security.doors import Doors


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    use_virtual_time(items, Path(__file__).parent)


@pytest.fixture
async def house(nursery: trio.Nursery) -> House:
    """A core with two tenants."""
    return await House().open(nursery)


@pytest.fixture
async def doors(nursery: trio.Nursery) -> AsyncIterator[Doors]:
    """A server's listeners for chat and for media, on loopback, over stores in memory."""
    doors = await Doors().open(nursery)
    yield doors
    doors.hang_up()
