"""Uploads drafts in the background, across drops and process kills, and turns them into messages."""

import json
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from improtocol import Body, Code, NextAction
from improtocol.commands import Post
from improtocol.queries import Upload, UploadSlot
from imsdk.backoff import Backoff
from imsdk.drafts import finish
from imsdk.ending import FULL_RETRY_MS
from imsdk.errors import Refused, StorageError, StorageFull, TransferInterrupted, TransferRefused, Unavailable
from imsdk.media_interface import Fact, KeptDraft, Transfers
from imsdk.sent import Progress
from imsdk.store import Store
from imsdk.store.rows import DISCARDED, OutboxRow, Settled

if TYPE_CHECKING:
    from imsdk.engine import Engine

#: Uploads under way at once: one large video must not hold up a picture.
UPLOADS_MAX: Final = 2


class Uploads:
    """Brings drafts to the server, oldest first.

    Args:
        engine: whose drafts they are.
        transfers: moves the bytes.
        folder: where the kept copies lie.
        cache: where a blob lies once its id is known, so that the sender need not download it.
    """

    def __init__(self, engine: "Engine", transfers: Transfers, folder: Path, cache: Path) -> None:
        self._engine = engine
        self._transfers = transfers
        self._folder = folder
        self._cache = cache
        self._progress: dict[int, Progress] = {}
        self._scopes: dict[int, trio.CancelScope] = {}

    def expect(self, local: int) -> None:
        """A draft is in the outbox, whose upload may begin."""
        self._progress[local] = Progress()

    def under_way(self, local: int) -> Progress | None:
        """The progress of an upload that is not finished, None if there is none."""
        return self._progress.get(local)

    async def discard(self, local: int) -> bool:
        """Take a draft back, its upload and its copy included, or forget a refused command.

        Tells if there was one.
        """
        row = await self._engine.store.outbox_row(local)
        if row is None or not await self._engine.store.discard(local):
            return False
        self._end(local)
        if local in self._scopes:
            self._scopes[local].cancel()
        if row.draft is not None:
            self.drop(json.loads(row.draft)["kept"]["file"])
        if not row.code:
            self._engine.tell_settled(Settled(local=local, seq=0, at_ms=0, code=DISCARDED))
        self._engine.outbox_changed()  # what waited behind it may go
        return True

    def drop(self, file: str) -> None:
        """Delete a kept copy that nothing needs any more."""
        with suppress(OSError):  # swept away at the next start
            (self._folder / file).unlink(missing_ok=True)

    def _end(self, local: int) -> None:
        progress = self._progress.pop(local, None)
        if progress is not None:
            progress.finish()

    async def run(self) -> None:
        """Upload whatever there is to upload, until the store fails, which stops the client."""
        try:
            await self._run()
        except* StorageError as group:
            self._engine.fail(group)

    async def _run(self) -> None:
        async with trio.open_nursery() as nursery:
            while True:
                rung = self._engine.draft_bell.listen()
                for row in await self._drafts():
                    if len(self._scopes) >= UPLOADS_MAX:
                        break
                    progress = self._progress.get(row.local)  # None: it has ended since this was read
                    if progress is not None and row.local not in self._scopes:
                        self._scopes[row.local] = trio.CancelScope()
                        nursery.start_soon(self._upload, row, progress)
                await rung.wait()

    async def _drafts(self) -> tuple[OutboxRow, ...]:
        while True:
            with suppress(StorageFull):
                return await self._engine.store.drafts()
            await trio.sleep(FULL_RETRY_MS / 1000)

    async def _upload(self, row: OutboxRow, progress: Progress) -> None:
        try:
            with self._scopes[row.local]:
                await self._until_done(row, progress)
        finally:
            del self._scopes[row.local]
            self._end(row.local)
            self._engine.draft_bell.ring()

    async def _until_done(self, row: OutboxRow, progress: Progress) -> None:
        backoff = Backoff(self._engine.settings.rng)
        while True:
            before = progress.done_bytes
            try:
                await self._attempt_or_fail(row, progress)
            except (TransferInterrupted, Unavailable, StorageFull, OSError) as error:
                if progress.done_bytes > before:
                    backoff.reset()  # a bad line, but it carries
                delay_s = backoff.next_delay(NextAction.RETRY_NOW, getattr(error, "retry_after_ms", 0))
                with trio.move_on_after(delay_s):
                    await self._online_again()
                continue
            return

    async def _attempt_or_fail(self, row: OutboxRow, progress: Progress) -> None:
        try:
            await self._attempt(row, progress)
        except (TransferRefused, Refused) as error:
            await self._fail(row, error.code, error.reason)
        except (ValueError, FileNotFoundError) as error:
            await self._fail(row, Code.INVALID, str(error))

    async def _online_again(self) -> None:
        """A connection that comes back is a better moment for the next attempt than the end of a delay."""
        state = self._engine.state_bell
        await state.wait_until(lambda: not self._engine.state.online)
        await state.wait_until(lambda: self._engine.state.online)

    async def _attempt(self, row: OutboxRow, progress: Progress) -> None:
        assert row.draft is not None
        draft = json.loads(row.draft)
        kept = KeptDraft(**draft["kept"])
        path = self._folder / kept.file
        store = self._engine.store
        transfer = partial(self._transfers.upload, path, kept)
        uploaded = await self._engine.network.run(
            partial(transfer, slots=self._slot, progress=_Kept(store, row.local), report=progress.report)
        )
        content = finish(kept, uploaded)
        chat = await store.chat(row.chat)
        if chat is None:
            raise StorageError(f"outbox row {row.local} has no conversation")
        body = Body(content=content, reply_to=draft["reply_to"], mentions=tuple(draft["mentions"]))
        await store.make_ready(row.local, Post(conversation=chat.peer or chat.id, body=body))
        self._engine.outbox_changed()
        self._engine.changed()
        # Only a cache: killed before this, the copy is swept away at the next start.
        with suppress(OSError):
            self._cache.mkdir(parents=True, exist_ok=True)
            path.replace(self._cache / uploaded.media.id.hex())

    async def _slot(self, size: int, mime: str, name: str) -> UploadSlot:
        return UploadSlot.from_value(await self._engine.query(Upload(size=size, mime=mime, name=name)))

    async def _fail(self, row: OutboxRow, code: int, reason: str) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()  # a copy that is gone with its draft is no failure
        await self._engine.store.fail(row.local, code, reason)
        self._engine.tell_settled(Settled(local=row.local, seq=0, at_ms=0, code=code, reason=reason))
        self._engine.outbox_changed()


class _Kept:
    """An upload's progress in its outbox row."""

    def __init__(self, store: Store, local: int) -> None:
        self._store = store
        self._local = local

    async def load(self) -> dict[str, Fact]:
        row = await self._store.outbox_row(self._local)
        progress: dict[str, Fact] = {} if row is None else json.loads(row.progress)
        return progress

    async def save(self, progress: dict[str, Fact]) -> None:
        await self._store.save_progress(self._local, json.dumps(progress))
