"""Virtual time, and a skip where the server is compiled: then its calls cannot be seen."""

from pathlib import Path

import pytest

from imserver.version import COMPILED
from tests.core.virtual import use_virtual_time


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    use_virtual_time(items, Path(__file__).parent)
    if COMPILED:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="calls of compiled code cannot be counted"))
