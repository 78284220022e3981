"""A `Store` in memory, for tests, simulations and throw-away servers. Everything but durability."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import NoReturn

import trio

from improtocol.entries import Entry, Role
from improtocol.queries import ConversationInfo, MemberInfo
from imserver.storage import memory_accounts
from imserver.storage.blobs import Blob
from imserver.storage.memory_infos import info_of, visible
from imserver.storage.memory_tables import Log, Record, Tables
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
from imserver.storage.paging import PAGE_BYTES_MAX, history_page, list_page


class MemoryStore:
    """See `Store`. Inline: no threads; each call passes one trio checkpoint before it does anything.

    What it hands out is immutable or the caller's own, and it keeps nothing the caller could change.
    """

    def __init__(self, epoch: int | None = None) -> None:
        """Start empty, with this epoch or a random one."""
        self._epoch = epoch or secrets.randbelow(2**32 - 1) + 1
        self._tables = Tables()
        self._broken: StoreBroken | None = None
        self._closed = False

    @property
    def epoch(self) -> int:
        return self._epoch

    async def _enter(self) -> Tables:
        await trio.lowlevel.checkpoint()
        if self._closed:
            raise trio.ClosedResourceError("the store was closed")
        if self._broken is not None:
            raise StoreBroken(str(self._broken)) from self._broken
        return self._tables

    # Writing ---------------------------------------------------------------------------------------------

    async def append(self, writes: Sequence[Write], marks: Marks | None = None) -> list[Placed]:
        tables = await self._enter()
        try:
            placed = [tables.apply(write) for write in writes]
        except StoreBroken as error:
            self._broken = error
            raise
        if marks is not None:
            tables.rise(marks)
        return placed

    async def log_in(self, logins: Sequence[Login]) -> list[Device]:
        tables = await self._enter()
        ids = [memory_accounts.log_in(tables, login) for login in logins]
        tables.rise(Marks(seen_ms={id_: login.now_ms for id_, login in zip(ids, logins, strict=True)}))
        return [tables.devices[id_] for id_ in ids]

    async def ensure_users(self, app: int, names: Sequence[str]) -> dict[str, int]:
        tables = await self._enter()
        return {name: tables.user(app, name) for name in names}

    async def extend_sessions(self, expires_ms: Mapping[int, int]) -> None:
        tables = await self._enter()
        for id_, at_ms in expires_ms.items():
            device = tables.devices.get(id_)
            if device is not None and device.session:
                tables.devices[id_] = replace(device, expires_ms=at_ms)

    async def end_sessions(self, app: int, user: str) -> list[int]:
        return memory_accounts.end_sessions(await self._enter(), app, user)

    async def set_banned(self, app: int, user: str, *, banned: bool) -> None:
        memory_accounts.set_banned(await self._enter(), app, user, banned=banned)

    async def trim_logs(self, *, before_ms: int, positions_kept_max: int) -> int:
        tables = await self._enter()
        return tables.trim(before_ms=before_ms, positions_kept_max=positions_kept_max)

    async def put_app(self, name: str, *, now_ms: int, media_bytes_max: int) -> App:
        tables = await self._enter()
        if any(app.name == name for app in tables.apps.values()):
            raise ValueError(f"there is an app {name!r} already")
        app = App(id=len(tables.apps) + 1, name=name, created_ms=now_ms, media_bytes_max=media_bytes_max)
        tables.apps[app.id] = app
        return app

    async def put_key(self, key: AppKey) -> None:
        tables = await self._enter()
        tables.keys[key.app, key.kid] = key

    # Reading ---------------------------------------------------------------------------------------------

    async def apps(self) -> list[App]:
        return list((await self._enter()).apps.values())

    async def keys(self) -> list[AppKey]:
        tables = await self._enter()
        return [tables.keys[id_] for id_ in sorted(tables.keys)]

    async def user_ids(self, app: int, names: Sequence[str]) -> dict[str, int]:
        tables = await self._enter()
        return {name: tables.user_ids[app, name] for name in names if (app, name) in tables.user_ids}

    async def banned_users(self) -> set[tuple[int, str]]:
        return set((await self._enter()).banned)

    async def devices(self, sessions: Sequence[int]) -> dict[int, Device]:
        tables = await self._enter()
        return {id_: tables.devices[tables.sessions[id_]] for id_ in sessions if id_ in tables.sessions}

    async def device_sessions(self, user: int) -> list[Device]:
        tables = await self._enter()
        return [replace(device, outcomes=()) for device in tables.devices.values() if device.user == user]

    async def log_heads(self, users: Sequence[int]) -> dict[int, LogHead]:
        tables = await self._enter()
        return {user: tables.logs.get(user, Log()).head_row() for user in users}

    async def log_range(self, user: int, after: int, *, limit: int, bytes_max: int) -> list[LogEntry]:
        tables = await self._enter()
        log = tables.logs.get(user, Log())
        start = max(0, after - log.floor)
        page: list[LogEntry] = []
        for index, row in enumerate(log.rows[start : start + limit], start):
            entry = tables.entry_at(row)
            bytes_max -= len(entry.payload)
            if bytes_max < 0 and page:
                break
            page.append(LogEntry(log.floor + index + 1, row.device, entry, tables.digest_at(row)))
        return page

    async def log_sums(self, ranges: Sequence[tuple[int, int, int, int]]) -> list[int]:
        tables = await self._enter()
        return [tables.log_sum(*one) for one in ranges]

    async def conversation(self, conversation: int) -> Conversation | None:
        room = (await self._enter()).rooms.get(conversation)
        if room is None:
            return None
        members = tuple(room.members[user] for user in sorted(room.members))
        return Conversation(
            id=room.id, app=room.app, type=room.type, title=room.title, head=room.head, members=members
        )

    async def direct_conversation(self, app: int, users: tuple[int, int]) -> int | None:
        return (await self._enter()).direct.get((app, *users))

    async def history(
        self, conversation: int, *, first: int, before: int, limit: int, bytes_max: int = PAGE_BYTES_MAX
    ) -> tuple[list[Entry], int]:
        room = (await self._enter()).rooms.get(conversation)
        records = room.records if room is not None else []
        end = min(before - 1, len(records)) if before else len(records)
        low = max(first, 1, end + 1 - limit)
        changed: dict[int, list[Record]] = {}
        for record in reversed(records[end:]):
            changed.setdefault(record.target, []).append(record)

        def later(message: int, kind: int, most: int) -> list[Entry]:
            changes = (change.given_out() for change in changed[message] if change.entry.kind == kind)
            return list(islice(changes, most))

        newest_first = (records[seq - 1].given_out() for seq in range(end, low - 1, -1))
        page, changes = history_page(
            ((entry, entry.seq in changed) for entry in newest_first), later, bytes_max
        )
        return page + changes, page[0].seq if page else first

    async def record(self, conversation: int, seq: int) -> Entry | None:
        room = (await self._enter()).rooms.get(conversation)
        return room.records[seq - 1].given_out() if room is not None and 1 <= seq <= room.head else None

    async def conversation_infos(
        self,
        user: int,
        *,
        before: tuple[int, int] = (0, 0),
        after: int | None = None,
        limit: int,
        bytes_max: int = PAGE_BYTES_MAX,
    ) -> tuple[list[ConversationInfo], bool]:
        tables = await self._enter()
        rooms = [room for room in tables.rooms.values() if user in room.members]
        if after is not None:
            rooms = sorted((room for room in rooms if room.id > after), key=lambda room: room.id)
        else:
            rooms.sort(key=lambda room: (room.changed_ms, room.id), reverse=True)
            if before != (0, 0):
                rooms = [room for room in rooms if (room.changed_ms, room.id) < before]
        page = list_page((info_of(tables, user, room) for room in rooms[:limit]), bytes_max)
        return page, len(page) == len(rooms)

    async def conversation_info(self, user: int, conversation: int) -> ConversationInfo | None:
        tables = await self._enter()
        room = tables.rooms.get(conversation)
        return info_of(tables, user, room) if room is not None and user in room.members else None

    async def member_infos(
        self, conversation: int, *, after: str, limit: int
    ) -> tuple[list[MemberInfo], bool]:
        room = (await self._enter()).rooms.get(conversation)
        members = room.members.values() if room is not None else ()
        later = sorted((member for member in members if member.name > after), key=lambda member: member.name)
        page = [
            MemberInfo(user=member.name, role=Role(member.role), read=member.read, delivered=member.delivered)
            for member in later[:limit]
        ]
        return page, len(later) <= limit

    async def share_conversation(self, user: int, others: Sequence[int]) -> set[int]:
        tables = await self._enter()
        rooms = [room.members for room in tables.rooms.values() if user in room.members]
        return {other for other in others if any(other in members for members in rooms)}

    async def last_seen_ms(self, users: Sequence[int]) -> dict[int, int]:
        tables = await self._enter()
        seen: dict[int, int] = {}
        for device in tables.devices.values():
            if device.user in users:
                seen[device.user] = max(seen.get(device.user, 0), tables.seen_ms[device.id])
        return seen

    # Media -----------------------------------------------------------------------------------------------

    async def put_blob(self, app: int, blob: Blob) -> None:
        (await self._enter()).blobs.setdefault((app, blob.sha256), blob)

    async def blob(self, app: int, sha256: bytes) -> Blob | None:
        return (await self._enter()).blobs.get((app, sha256))

    async def app_bytes(self, app: int) -> int:
        tables = await self._enter()
        return sum(blob.size_bytes for (owner, _), blob in tables.blobs.items() if owner == app)

    async def note_upload(self, user: int, media: Sequence[bytes]) -> None:
        (await self._enter()).uploads.update((user, id_) for id_ in media)

    async def visible_media(self, user: int, media: Sequence[bytes]) -> set[bytes]:
        tables = await self._enter()
        shown = {id_ for room in tables.rooms.values() for r in visible(room, user) for id_ in r.media}
        return {id_ for id_ in media if id_ in shown or (user, id_) in tables.uploads}

    async def record_shows(self, conversation: int, seq: int, media: bytes) -> bool:
        room = (await self._enter()).rooms.get(conversation)
        return room is not None and 1 <= seq <= room.head and media in room.records[seq - 1].media

    async def failed(self) -> NoReturn:
        await trio.sleep_forever()

    async def close(self) -> None:
        await trio.lowlevel.checkpoint()
        self._closed = True
