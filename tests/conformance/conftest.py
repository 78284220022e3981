"""The listeners of the security tests, in virtual time."""

from pathlib import Path

import pytest

from tests.core.virtual import use_virtual_time
from tests.security.conftest import doors

__all__ = ["doors"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    use_virtual_time(items, Path(__file__).parent)
