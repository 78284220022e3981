"""A RAM disk for images: a thousand of them are a thousand folders written and read."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.crash.__main__ import scratch_root


@pytest.fixture
def ram() -> Iterator[Path]:
    """An empty folder, in RAM where the system offers that."""
    with TemporaryDirectory(prefix="crash-", dir=scratch_root()) as name:
        yield Path(name)
