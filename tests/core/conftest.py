"""One house a test, in virtual time."""

import pytest
import trio
import trio.testing

from tests.core.house import House


@pytest.fixture
async def house(mock_clock: trio.testing.MockClock, nursery: trio.Nursery) -> House:
    return await House().open(nursery)
