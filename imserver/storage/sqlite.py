"""The durable `Store`: SQLite in one data directory.

Each method names its SQL and hands it to the driver whole. What can go wrong is mapped here and in
`writing`, once.
"""

import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final, NoReturn, TypeVar

import trio

from improtocol.entries import Entry
from improtocol.queries import ConversationInfo, MemberInfo
from imserver.storage import accounts, digests, reading
from imserver.storage.blobs import Blob
from imserver.storage.driver import (
    Driver,
    Lacking,
    anything,
    in_snapshot,
    inline_driver,
    nothing,
    thread_driver,
)
from imserver.storage.folder import DATABASE_NAME, FolderLock, sync_folder
from imserver.storage.model import (
    App,
    AppKey,
    Conversation,
    Device,
    LogEntry,
    LogHead,
    Login,
    Marks,
    Placed,
    StoreBroken,
    Write,
)
from imserver.storage.paging import PAGE_BYTES_MAX
from imserver.storage.schema import Connect, read_epoch
from imserver.storage.trimming import Trim
from imserver.storage.writing import Writer, describe

#: Entries that one trimming transaction takes, and users whose logs it looks at, so that appends get their
#: turn in between.
TRIM_ROWS: Final = 5_000
TRIM_USERS: Final = 256

T = TypeVar("T")


@asynccontextmanager
async def open_sqlite(
    folder: Path, *, inline: bool = False, connect: Connect = sqlite3.connect
) -> AsyncIterator["SqliteStore"]:
    """The store in this data directory, which is locked, made and migrated as need be, for a block.

    Args:
        folder: the data directory.
        inline: no threads: for tests and simulations. Otherwise the blocking calls have threads of their
            own, and aiosqlite uses the running trio-asyncio loop or one that is opened here.
        connect: opens a connection; a simulated disk has its own.

    Raises:
        FolderLocked, FolderForeign, SchemaNewer: one sentence each that says what to do.
        StoreBroken: the database is damaged.
    """
    with FolderLock(folder):
        path = folder / DATABASE_NAME
        async with (inline_driver if inline else thread_driver)(path, connect) as driver:
            sync_folder(folder)
            store = SqliteStore(driver, await driver.read(read_epoch))
            try:
                yield store
            finally:
                with trio.CancelScope(shield=True):
                    await store.close()


class SqliteStore:
    """See `Store` and `open_sqlite`. `close` only ends its use.

    The block of `open_sqlite` gives everything back.
    """

    def __init__(self, driver: Driver, epoch: int) -> None:
        self._driver = driver
        self._epoch = epoch
        self._broken: StoreBroken | None = None
        self._closed = False

    @property
    def epoch(self) -> int:
        return self._epoch

    # Writing ---------------------------------------------------------------------------------------------

    async def append(self, writes: Sequence[Write], marks: Marks | None = None) -> list[Placed]:
        return await self._guarded(lambda writer: writer.append(writes, marks))

    async def log_in(self, logins: Sequence[Login]) -> list[Device]:
        return await self._write(lambda db: [accounts.log_in(db, login) for login in logins])

    async def ensure_users(self, app: int, names: Sequence[str]) -> dict[str, int]:
        return await self._write(partial(accounts.ensure_users, app=app, names=names))

    async def extend_sessions(self, expires_ms: Mapping[int, int]) -> None:
        await self._write(partial(accounts.extend_sessions, expires_ms=expires_ms))

    async def end_sessions(self, app: int, user: str) -> list[int]:
        return await self._write(partial(accounts.end_sessions, app=app, user=user))

    async def set_banned(self, app: int, user: str, *, banned: bool) -> None:
        await self._write(partial(accounts.set_banned, app=app, user=user, banned=banned))

    async def trim_logs(self, *, before_ms: int, positions_kept_max: int) -> int:
        trim = Trim(before_ms, positions_kept_max, rows_max=TRIM_ROWS, users_max=TRIM_USERS)
        dropped = 0
        user: int | None = 0
        while user is not None:
            step, user = await self._guarded(partial(Writer.trim_logs, trim=trim, user=user))
            dropped += step
        return dropped

    async def put_app(self, name: str, *, now_ms: int, media_bytes_max: int) -> App:
        return await self._write(
            partial(accounts.put_app, name=name, now_ms=now_ms, media_bytes_max=media_bytes_max)
        )

    async def put_key(self, key: AppKey) -> None:
        await self._write(partial(accounts.put_key, key=key))

    # Reading ---------------------------------------------------------------------------------------------

    async def apps(self) -> list[App]:
        return await self._read(accounts.apps, nothing)

    async def keys(self) -> list[AppKey]:
        return await self._read(accounts.keys, nothing)

    async def user_ids(self, app: int, names: Sequence[str]) -> dict[str, int]:
        return await self._read(partial(accounts.user_ids, app=app, names=names), nothing)

    async def banned_users(self) -> set[tuple[int, str]]:
        return await self._read(accounts.banned_users, nothing)

    async def devices(self, sessions: Sequence[int]) -> dict[int, Device]:
        return await self._read(partial(accounts.devices, sessions=sessions))

    async def device_sessions(self, user: int) -> list[Device]:
        return await self._read(partial(accounts.device_sessions, user=user))

    async def log_heads(self, users: Sequence[int]) -> dict[int, LogHead]:
        return await self._read(partial(reading.log_heads, users=users), _of(users))

    async def log_range(self, user: int, after: int, *, limit: int, bytes_max: int) -> list[LogEntry]:
        return await self._read(
            partial(reading.log_range, user=user, after=after, limit=limit, bytes_max=bytes_max), _of([user])
        )

    async def log_sums(self, ranges: Sequence[tuple[int, int, int, int]]) -> list[int]:
        return await self._read(partial(digests.log_sums, ranges=ranges), _of([user for user, *_ in ranges]))

    async def conversation(self, conversation: int) -> Conversation | None:
        return await self._read(partial(reading.conversation, id_=conversation), _of((), conversation))

    async def direct_conversation(self, app: int, users: tuple[int, int]) -> int | None:
        return await self._read(partial(reading.direct_conversation, app=app, users=users), nothing)

    async def history(
        self, conversation: int, *, first: int, before: int, limit: int, bytes_max: int = PAGE_BYTES_MAX
    ) -> tuple[list[Entry], int]:
        return await self._read(
            partial(
                reading.history,
                id_=conversation,
                first=first,
                before=before,
                limit=limit,
                bytes_max=bytes_max,
            ),
            _of((), conversation),
        )

    async def record(self, conversation: int, seq: int) -> Entry | None:
        return await self._read(partial(reading.record, id_=conversation, seq=seq), _of((), conversation))

    async def conversation_infos(
        self,
        user: int,
        *,
        before: tuple[int, int] = (0, 0),
        after: int | None = None,
        limit: int,
        bytes_max: int = PAGE_BYTES_MAX,
    ) -> tuple[list[ConversationInfo], bool]:
        return await self._read(
            partial(
                reading.conversation_infos,
                user=user,
                before=before,
                after=after,
                limit=limit,
                bytes_max=bytes_max,
            ),
            _of([user]),
        )

    async def conversation_info(self, user: int, conversation: int) -> ConversationInfo | None:
        return await self._read(
            partial(reading.conversation_info, user=user, id_=conversation), _of((), conversation)
        )

    async def member_infos(
        self, conversation: int, *, after: str, limit: int
    ) -> tuple[list[MemberInfo], bool]:
        return await self._read(
            partial(reading.member_infos, id_=conversation, after=after, limit=limit), _of((), conversation)
        )

    async def share_conversation(self, user: int, others: Sequence[int]) -> set[int]:
        return await self._read(partial(reading.share_conversation, user=user, others=others), nothing)

    async def last_seen_ms(self, users: Sequence[int]) -> dict[int, int]:
        return await self._read(partial(accounts.last_seen_ms, users=users), nothing)

    # Media -----------------------------------------------------------------------------------------------

    async def put_blob(self, app: int, blob: Blob) -> None:
        await self._write(partial(accounts.put_blob, app=app, blob=blob))

    async def blob(self, app: int, sha256: bytes) -> Blob | None:
        return await self._read(partial(accounts.get_blob, app=app, sha256=sha256), nothing)

    async def app_bytes(self, app: int) -> int:
        return await self._read(partial(accounts.app_bytes, app=app), nothing)

    async def note_upload(self, user: int, media: Sequence[bytes]) -> None:
        await self._write(partial(accounts.note_upload, user=user, media=media))

    async def visible_media(self, user: int, media: Sequence[bytes]) -> set[bytes]:
        return await self._read(partial(accounts.visible_media, user=user, media=media), nothing)

    async def record_shows(self, conversation: int, seq: int, media: bytes) -> bool:
        return await self._read(
            partial(accounts.record_shows, conversation=conversation, seq=seq, media=media), nothing
        )

    async def failed(self) -> NoReturn:
        try:
            await self._driver.failed()
        except (StoreBroken, sqlite3.Error) as error:
            self._broken = StoreBroken(str(error))
            raise self._broken from error

    async def close(self) -> None:
        await trio.lowlevel.checkpoint()
        self._closed = True

    # Crossing --------------------------------------------------------------------------------------------

    def _check(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("the store was closed")
        if self._broken is not None:
            raise StoreBroken(str(self._broken)) from self._broken

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await self._guarded(lambda writer: writer.transaction(work))

    async def _guarded(self, work: Callable[[Writer], T]) -> T:
        self._check()
        try:
            return await self._driver.write(work)
        except StoreBroken as error:
            self._broken = error
            raise

    async def _read(self, work: Callable[[sqlite3.Connection], T], lacking: Lacking = anything) -> T:
        self._check()
        try:
            return await self._driver.read(partial(in_snapshot, work), lacking)
        except (sqlite3.Error, ValueError) as error:
            # Nothing a reader is asked can fail but for damage or the disk. An entry that its own class
            # refuses is damage too.
            text = describe(error) if isinstance(error, sqlite3.Error) else str(error)
            self._broken = StoreBroken(f"read: {text}")
            raise self._broken from error


def _of(users: Sequence[int], conversation: int = 0) -> Lacking:
    """Tables may lack what is read of these."""
    return lambda writer: writer.unsettled_of(users, conversation)
