"""Virtual time for every test of a folder: it stands still until the test moves it."""

from collections.abc import Awaitable, Callable, Iterable
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing


def run_in_virtual_time(main: Callable[..., Awaitable[Any]], *, clock: Any = None, **options: Any) -> Any:
    """`trio.run` on a clock that stands still, unless the test brings one."""
    return trio.run(main, clock=clock or trio.testing.MockClock(), **options)


def use_virtual_time(items: Iterable[pytest.Item], folder: Path) -> None:
    """Let all tests in `folder` run in virtual time."""
    for item in items:
        if folder in item.path.parents and iscoroutinefunction(getattr(item, "obj", None)):
            item.add_marker(pytest.mark.trio(run=run_in_virtual_time), append=False)
