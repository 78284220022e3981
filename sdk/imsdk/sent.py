"""What `send` and every other command return: a handle on something that is durable here and on its way."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from improtocol import Code
from imsdk.errors import Discarded, Refused
from imsdk.store.rows import DISCARDED, Settled
from imsdk.wakeup import Bell

if TYPE_CHECKING:
    from imsdk.engine import Engine
    from imsdk.uploads import Uploads


class Progress:
    """How far an upload is.

    Iterating yields (bytes done, bytes in all) as they change, and ends with the upload.
    """

    def __init__(self, *, finished: bool = False) -> None:
        self._bell = Bell()
        self.done_bytes = 0
        self.total_bytes = 0
        self.finished = finished

    def report(self, done_bytes: int, total_bytes: int) -> None:
        """Take a report of the transfer."""
        self.done_bytes, self.total_bytes = done_bytes, total_bytes
        self._bell.ring()

    def finish(self) -> None:
        """The upload is over, one way or the other."""
        self.finished = True
        self._bell.ring()

    async def __aiter__(self) -> AsyncIterator[tuple[int, int]]:
        last = (-1, -1)
        while True:
            rung = self._bell.listen()
            now = (self.done_bytes, self.total_bytes)
            if now != last and now[1]:
                last = now
                yield now
            elif self.finished:
                return
            else:
                await rung.wait()


class Sent:
    """A command in the outbox: it survives the process and is carried out exactly once, or refused.

    Attributes:
        local_id: names it for ever in this client; `im.sent(local_id)` finds it again after a restart.
        progress: of its upload, if it has one.
    """

    def __init__(self, engine: "Engine", uploads: "Uploads", local_id: int) -> None:
        self._engine = engine
        self._uploads = uploads
        self.local_id = local_id
        self.progress = uploads.under_way(local_id) or Progress(finished=True)
        self._settled: Settled | None = None

    async def acked(self) -> int:
        """Wait until the server has made it durable; returns its sequence number (see `Message.seq`).

        Cancelling only stops the waiting.

        Raises:
            Refused: it will never be carried out.
            Discarded: it was taken back, in this life of the process or an earlier one.
            LookupError: nothing was ever sent under this id.
            Stopped: the client connects no more; it stays in the outbox.
        """
        if self._settled is None:
            self._settled = await self._look() or await self._engine.settled(self.local_id)
        if self._settled.code == DISCARDED:
            raise Discarded("it was taken back before its upload was finished")
        if self._settled.code != Code.OK:
            raise Refused(self._settled.code, self._settled.reason)
        return self._settled.seq

    async def discard(self) -> bool:
        """Take it back if its upload is not finished, or forget it if it was refused.

        Its upload ends at once. Tells if there was such a one.
        """
        return await self._uploads.discard(self.local_id)

    async def _look(self) -> Settled | None:
        """Its end, if the store knows one."""
        store, local = self._engine.store, self.local_id
        outcomes = self._engine.outcomes
        if (known := outcomes.recent(local)) is not None or outcomes.expected(local):
            return known
        row = await store.outbox_row(local)
        if row is not None:
            if not row.code:
                return None
            return Settled(local=local, seq=0, at_ms=0, code=row.code, reason=row.reason)
        message = await store.message_by_local(local)
        if message is None:
            if not 0 < local <= await store.last_local():
                raise LookupError(f"nothing was ever sent under the local id {local}")
            # Acked in an earlier life of this process, and not a message: its number was not kept.
            return outcomes.recent(local) or Settled(local=local, seq=0, at_ms=0)
        return Settled(local=local, seq=message.seq, at_ms=message.at_ms)
