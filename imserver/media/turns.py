"""One request an upload at a time, and the newest one wins.

A phone that changes networks leaves its old request half-open on the server: it would hold the upload until a
timeout, while the new request is refused. So the new one cancels the old one, waits until what it received is
durable, and goes on from there.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

from imserver.media.errors import MediaBusy, UploadSuperseded


@dataclass(slots=True)
class _Turn:
    app: int | None
    user: str
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    ended: trio.Event = field(default_factory=trio.Event)


class Turns:
    """Who is working on which upload.

    A place is given while the app and the user hold fewer than are free, a user's own counted twice: one app
    gets at most half of the places, one user a third, and whoever comes next always finds some.
    """

    def __init__(self, active_max: int) -> None:
        self._active_max = active_max
        self._turns: dict[str, _Turn] = {}

    @asynccontextmanager
    async def take(self, upload_id: str, app: int, user: str) -> AsyncIterator[None]:
        """Be the only one on this upload within the block, once the one before has cleaned up.

        Raises:
            UploadSuperseded: a newer request took over; raised at the end of the block, which was cancelled.
            MediaBusy: too many uploads are being worked on, or too many of this app or user.
        """
        while (older := self._turns.get(upload_id)) is not None:
            older.scope.cancel()
            await older.ended.wait()
        turns = [turn for turn in self._turns.values() if turn.app == app]
        held = len(turns) + sum(turn.user == user for turn in turns)
        if held >= self._active_max - len(self._turns):
            raise MediaBusy("too many uploads are under way")
        async with self._turn(upload_id, _Turn(app, user)):
            yield

    @asynccontextmanager
    async def take_idle(self, upload_id: str) -> AsyncIterator[None]:
        """As `take`, for the housekeeping: an upload that nobody works on, and no place is needed.

        Raises:
            UploadSuperseded: see `take`.
        """
        assert upload_id not in self._turns
        async with self._turn(upload_id, _Turn(None, "")):
            yield

    @asynccontextmanager
    async def _turn(self, upload_id: str, turn: _Turn) -> AsyncIterator[None]:
        self._turns[upload_id] = turn
        try:
            with turn.scope:
                yield
        finally:
            del self._turns[upload_id]
            turn.ended.set()
        if turn.scope.cancelled_caught:
            raise UploadSuperseded("a newer request for this upload took over")

    def active(self, upload_id: str) -> bool:
        """Whether somebody is working on it now."""
        return upload_id in self._turns

    def __len__(self) -> int:
        return len(self._turns)
