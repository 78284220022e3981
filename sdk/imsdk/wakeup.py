"""Waking tasks up: a bell that many may wait for, and a board that shows the connection's state."""

from collections.abc import Callable

import trio


class Bell:
    """Something may have changed; look again. Rings are never lost: take `listen()` before looking.

    Holds no queue, so it cannot grow: whoever is late finds the newest state.
    """

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = trio.Event()

    def ring(self) -> None:
        """Wake everyone who listens."""
        event, self._event = self._event, trio.Event()
        event.set()

    def listen(self) -> trio.Event:
        """The event that the next ring sets."""
        return self._event

    async def wait_until(self, true: Callable[[], bool]) -> None:
        """Wait until `true()`, looked at after each ring."""
        while True:
            event = self._event
            if true():
                return
            await event.wait()
