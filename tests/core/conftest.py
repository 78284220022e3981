"""One house a test, in virtual time."""

from pathlib import Path

import pytest
import trio

from tests.core.house import House
from tests.core.virtual import use_virtual_time


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    use_virtual_time(items, Path(__file__).parent)


@pytest.fixture
async def house(nursery: trio.Nursery) -> House:
    return await House().open(nursery)
