"""The client: what an app holds."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import trio

from improtocol import ClientMode, Code, File, Image, Media, SignalKind, Video, Voice
from improtocol.checks import check_int
from improtocol.commands import Create, Logout
from improtocol.frames import Signal
from improtocol.queries import Link, MediaLink, Presence, PresenceList
from imsdk.arguments import users_of
from imsdk.conversation import Conversation
from imsdk.drafts import sweep
from imsdk.engine import Engine
from imsdk.errors import Refused, Stopped
from imsdk.media_interface import Draft, KeptDraft, Transfers
from imsdk.message import Message
from imsdk.sent import Sent
from imsdk.state import ConnectionState, Phase
from imsdk.statistics import Statistics
from imsdk.store.rows import OutboxRow
from imsdk.streams import Changes, Messages, States
from imsdk.uploads import Uploads

#: A thumbnail's size is not in the message; no server makes larger ones.
THUMBNAIL_BYTES_MAX: Final = 1024 * 1024


class Client:
    """A user's chat on this device. Made by `imsdk.connect`."""

    def __init__(self, engine: Engine, transfers: Transfers, folder: Path) -> None:
        self.engine = engine
        self._store = engine.store
        self._transfers = transfers
        self._folder = folder
        self.uploads = Uploads(engine, transfers, folder / "outbox", folder / "cache")

    # The connection ---------------------------------------------------------------------------------

    @property
    def user(self) -> str:
        """One's own user id as the server says it; "" before the first login."""
        return self.engine.user

    @property
    def state(self) -> ConnectionState:
        """The connection's state."""
        return self.engine.state

    def states(self) -> States:
        """The state now, then each change. Who is slow misses old ones, never the newest.

        Ends with the client, as `messages()` and `changes()` do, when the block of `connect` is left.
        """
        return States(self.engine)

    async def connected(self) -> None:
        """Wait until a session is attached.

        Raises:
            Stopped: it never will be.
        """
        await self.engine.state_bell.wait_until(lambda: self.state.phase in (Phase.ONLINE, Phase.STOPPED))
        self._check_running()

    async def synced(self) -> None:
        """Wait until a session is attached and nothing is missing that was there at that moment.

        Raises:
            Stopped: it never will be.
        """
        await self.engine.state_bell.wait_until(
            lambda: self.engine.synced or self.state.phase is Phase.STOPPED
        )
        self._check_running()

    def _check_running(self) -> None:
        if self.state.phase is Phase.STOPPED:
            raise Stopped(self.state.reason, self.state.code)

    def foreground(self) -> None:
        """The app is in front: everything comes at once."""
        self.engine.set_mode(ClientMode.FOREGROUND)

    def background(self) -> None:
        """The app is behind: receipts, typing and presence wait for the next real message."""
        self.engine.set_mode(ClientMode.BACKGROUND)

    def network_changed(self, label: str = "") -> None:
        """The device has another network, named `label` ("wifi:shop"): reconnect through it at once."""
        self.engine.network_changed(label)

    async def logout(self) -> None:
        """End the session at the server; needs a connection. Local data stays.

        Raises:
            Stopped: the client has stopped already.
        """
        self.engine.begin_logout()
        local = await self._store.enqueue(0, Logout(), None, self.engine.settings.now_ms())
        self.engine.outbox_changed()
        await Sent(self.engine, self.uploads, local).acked()
        await self.engine.state_bell.wait_until(lambda: self.state.phase is Phase.STOPPED)

    @property
    def verified_through(self) -> int:
        """The log position up to which this device and the server are known to hold the same entries.

        Compared by digests at every connection and then now and again, from where the device began to follow
        the log, or from its last RESYNC on. Where that was found to differ, `changes()` yields
        `HistoryDiverged`.
        """
        return self.engine.session.proof.verified

    def statistics(self) -> Statistics:
        """Traffic, and what each resume cost."""
        self.engine.statistics.verified_through = self.verified_through
        return self.engine.statistics

    # Conversations ----------------------------------------------------------------------------------

    async def conversation(self, *, with_user: str | None = None, id: int | None = None) -> Conversation:
        """The direct conversation with a user, or any by its id. Works offline.

        Raises:
            Refused: no conversation of that id is known here.
            ValueError: not exactly one of the two was given, or it is no id.
        """
        if (with_user is None) == (id is None):
            raise ValueError("say with_user=... or id=...")
        if with_user is not None:
            Presence(users=(with_user,))  # checks the name
            key: int | None = await self._store.chat_with(with_user)
        else:
            check_int("id", id)
            key = await self._store.chat_of(id or 0)
        return await self._conversation(key)

    async def _conversation(self, key: int | None) -> Conversation:
        row = None if key is None else await self._store.chat(key)
        if row is None:
            raise Refused(Code.NOT_FOUND, "no such conversation here")
        return Conversation(self, row)

    async def create_group(self, title: str, *, members: tuple[str, ...] | list[str] = ()) -> Conversation:
        """Make a group with these members and oneself as owner.

        Works offline: messages may follow at once.
        """
        number = self.engine.settings.rng.getrandbits(53) or 1
        action = Create(conversation=number, title=title, members=users_of(members))
        key, _ = await self._store.new_group(number, title, self.engine.settings.now_ms(), action)
        self.engine.outbox_changed()
        self.engine.changed()
        return await self._conversation(key)

    async def conversations(self, *, limit: int = 200) -> list[Conversation]:
        """The conversation list, the last active first, with unread counts and last messages."""
        check_int("limit", limit, 1)
        return [Conversation(self, row) for row in await self._store.chats(limit)]

    # Messages ---------------------------------------------------------------------------------------

    def messages(self, after: int | None = None) -> Messages:
        """Every message once, in order: those of others as they come, one's own once they are acked.

        May be iterated slowly. What could not be delivered appears as a message whose content is a `Gap` or
        `Unknown`.

        Args:
            after: a `position`; None goes on after the last `done`, so that an app killed in between
                sees again what it had not done with (at least once).
        """
        if after is not None:
            check_int("after", after)
        return Messages(self.engine, after)

    async def done(self, message: Message | int) -> None:
        """The app has done with a message of `messages()`, or its position, and with all before it; durable.

        Raises:
            ValueError: it did not come from there.
        """
        position = message.position if isinstance(message, Message) else message
        check_int("position", position)
        if not position and isinstance(message, Message):
            raise ValueError("only what came from im.messages() can be done with")
        if position > (head := await self._store.feed_head()):
            raise ValueError(f"nothing has been at position {position} yet, the last is {head}")
        await self._store.done(position)

    def changes(self) -> Changes:
        """What happens besides new messages: edits, reads, members, typing, presence.

        Begins with the first step of the iteration.
        """
        return Changes(self.engine)

    def sent(self, local_id: int) -> Sent:
        """The handle of something sent, also in an earlier life of this process."""
        check_int("local_id", local_id)
        return Sent(self.engine, self.uploads, local_id)

    async def pending(self) -> tuple[OutboxRow, ...]:
        """Everything not acked yet, refused commands included, oldest first."""
        return await self._store.pending()

    # People -----------------------------------------------------------------------------------------

    async def presence(self, *users: str) -> dict[str, tuple[bool, int]]:
        """Who is there, and when each was last seen (ms since 1970, 0: unknown).

        Raises:
            Unavailable: the server cannot be reached.
        """
        found = PresenceList.from_value(await self.engine.query(Presence(users=users)))
        return {user: (there, seen_ms) for user, there, seen_ms in found.users}

    def watch(self, user: str) -> None:
        """From now on `changes()` tells when `user` comes or goes, also after reconnecting."""
        signal = Signal(kind=SignalKind.WATCH, user=user)  # checks the name
        self.engine.signals.watch(user)
        self.signal(signal)

    def signal(self, signal: Signal) -> None:
        """Send a signal if there is a connection; otherwise it is lost, as signals may be."""
        if self.engine.session.attached:
            self.engine.signals.put(signal)
            self.engine.bell.ring()

    # Media ------------------------------------------------------------------------------------------

    async def download(
        self, message: Message, *, thumbnail: bool = False, report: Callable[[int, int], None] | None = None
    ) -> Path:
        """The picture, voice, video or file of a message as a local file, its hash checked.

        Args:
            message: whose media to fetch.
            thumbnail: its small version instead.
            report: told bytes done and bytes in all.

        Raises:
            ValueError: the message has no such media.
            TransferInterrupted: it may be tried again and goes on where it was.
            TransferRefused, Refused: it is gone, or is not what it should be.
            Unavailable: the server cannot be reached.
        """
        content = message.content
        if not isinstance(content, Image | Voice | Video | File):
            raise ValueError("this message has no media")
        media = content.media
        if thumbnail:
            if not isinstance(content, Image | Video) or content.thumbnail is None:
                raise ValueError("this message has no thumbnail")
            media = Media(id=content.thumbnail, size=THUMBNAIL_BYTES_MAX, mime="image/*")
        question = Link(conversation=message.conversation, seq=message.seq, media=media.id)

        async def link() -> MediaLink:
            return MediaLink.from_value(await self.engine.query(question))

        cache = self._folder / "cache"
        fetch = partial(self._transfers.download, folder=cache, link=link, report=report or _ignore)
        whole = partial(fetch, media, exact=False) if thumbnail else partial(fetch, media)
        return await self.engine.network.run(whole)

    async def keep(self, draft: Draft) -> KeptDraft:
        """Copy a draft's bytes into this client's folder."""
        folder = self._folder / "outbox"
        return await trio.to_thread.run_sync(draft.keep, folder)

    async def sweep(self) -> None:
        """Delete copies of drafts that no outbox row names."""
        folder = self._folder / "outbox"
        wanted = []
        for row in await self._store.drafts():
            self.uploads.expect(row.local)  # so that `sent` finds it before the upload goes on
            wanted.append(json.loads(row.draft or "{}")["kept"]["file"])
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder, wanted)


def _ignore(done_bytes: int, total_bytes: int) -> None:
    """Nobody wants to know."""
