"""Work that hangs on the present network: transfers over connections that die with it, without a word."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

T = TypeVar("T")


class Network:
    """Breaks off and begins again what was under way when the device got another network."""

    def __init__(self) -> None:
        self._under_way: set[trio.CancelScope] = set()

    def changed(self) -> None:
        """The device has another network."""
        for scope in list(self._under_way):
            scope.cancel()

    async def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """The result of `work`, which is begun again at every change and must go on where it was."""
        while True:
            with trio.CancelScope() as scope:
                self._under_way.add(scope)
                try:
                    return await work()
                finally:
                    self._under_way.discard(scope)
