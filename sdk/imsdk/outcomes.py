"""Who waits for the end of which outbox row."""

from dataclasses import dataclass, field
from typing import Final

import trio

from imsdk.store.rows import Settled

#: Ends remembered for whoever asks a moment too late.
RECENT_MAX: Final = 1000


@dataclass(slots=True)
class _Waiter:
    done: trio.Event = field(default_factory=trio.Event)
    settled: Settled | None = None


class Outcomes:
    """Ends of outbox rows, told to those who wait."""

    def __init__(self) -> None:
        self._waiters: dict[int, _Waiter] = {}
        self._recent: dict[int, Settled] = {}
        self._given_up = False

    def expect(self, local: int) -> None:
        """A command was put into the outbox just now: its end will be told."""
        if local not in self._recent and not self._given_up:
            self._waiters.setdefault(local, _Waiter())

    def expected(self, local: int) -> bool:
        """Whether the end of a row is still to be told, as far as this process knows."""
        return local in self._waiters

    def recent(self, local: int) -> Settled | None:
        """The end of a row, if it was lately."""
        return self._recent.get(local)

    def tell(self, settled: Settled) -> None:
        """A row has ended: by its RESULT, or because its upload is refused."""
        self._recent[settled.local] = settled
        if len(self._recent) > RECENT_MAX:
            del self._recent[next(iter(self._recent))]
        waiter = self._waiters.pop(settled.local, None)
        if waiter is not None:
            waiter.settled = settled
            waiter.done.set()

    def give_up(self) -> None:
        """Nothing more will end: the client has stopped."""
        self._given_up = True
        for waiter in self._waiters.values():
            waiter.done.set()
        self._waiters.clear()

    async def wait(self, local: int) -> Settled | None:
        """The end of a row; None once the client has stopped."""
        if (known := self._recent.get(local)) is not None:
            return known
        if self._given_up:
            return None
        waiter = self._waiters.setdefault(local, _Waiter())
        await waiter.done.wait()
        return waiter.settled
