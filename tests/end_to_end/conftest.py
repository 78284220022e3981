"""One real server a test, with a certificate of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from imload.certificates import make_certificate
from tests.end_to_end.processes import Server


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Certificate and key for localhost, as PEM files."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def server(tmp_path: Path, certificate: tuple[Path, Path]) -> AsyncIterator[Server]:
    server = Server(tmp_path, certificate)
    try:
        yield await server.start()
    finally:
        server.stop_now()
