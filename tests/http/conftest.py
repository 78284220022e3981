"""One house and one client a test."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.http.house import House


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with house.client() as client:
        yield client
