"""A certificate made for the run, and a gateway a test."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from imload.certificates import make_certificate
from tests.core.virtual import use_virtual_time
from tests.gateway.house import GatewayHouse


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    use_virtual_time(items, Path(__file__).parent)


@pytest.fixture(scope="session")
def tls_contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A client's and a server's TLS context for localhost."""
    certificate, key = make_certificate(tmp_path_factory.mktemp("tls"))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    client = ssl.create_default_context(cafile=str(certificate))
    return client, server


@pytest.fixture
async def house(
    nursery: trio.Nursery,
    tls_contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> AsyncIterator[GatewayHouse]:
    house = await GatewayHouse(*tls_contexts).open(nursery)
    yield house
    house.hang_up()
