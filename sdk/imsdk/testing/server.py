"""The fake server: its world, its connections and its fault switches."""

from collections.abc import Awaitable, Callable
from copy import deepcopy
from functools import partial
from typing import Final

import httpx
import trio

from improtocol import Body, Code, Content, Kind, NextAction, Text, action_of, frames, read_body, unpack
from improtocol.commands import Action, ConversationRef, Post
from imsdk.dialers import Dialer
from imsdk.media.transfers import HttpTransfers
from imsdk.media_interface import Transfers
from imsdk.testing import questions
from imsdk.testing.answers import answer
from imsdk.testing.commands import carry_out
from imsdk.testing.files import Files
from imsdk.testing.host import Host
from imsdk.testing.peer import Peer
from imsdk.testing.wire import Wire
from imsdk.testing.world import World


class Server:
    """A chat server in memory that speaks the real protocol, for an app's own tests.

    No sockets, no threads, no tasks: what a client sends is answered inside its `send_all`. Under
    `trio.testing.MockClock(autojump_threshold=0)` a test runs the same way every time. What a client was told
    is durable stays so through every fault switch except `restore`.

    Args:
        seed: of the generator that ids and secrets come from.
    """

    url: Final = "memory://server"

    def __init__(self, *, seed: int = 0) -> None:
        self._host = Host(seed)
        self._files = Files(self._host)
        self._backup: World | None = None

    # What an app's test needs ----------------------------------------------------------------------

    def dialer(self) -> Dialer:
        """A dialer for `imsdk.connect(server.url, dialer=...)`."""
        return _MemoryDialer(self._dial)

    def http_transport(self) -> httpx.AsyncBaseTransport:
        """What an httpx client needs to reach the server's uploads and downloads."""
        return self._files.transport()

    def transfers(self) -> Transfers:
        """Uploads and downloads for `imsdk.connect(..., transfers=...)`."""
        return HttpTransfers(transport=self.http_transport(), inline=True)

    def token(self, user: str) -> str:
        """A token that lets `user` in."""
        token = f"token-{len(self._host.tokens) + 1}-of-{user}"
        self._host.tokens[token] = user
        return token

    def post(self, sender: str, to: ConversationRef, content: Content | str) -> int:
        """Post as `sender` without a client: the peer of a dialogue in one line.

        Args:
            sender: a user, who need not ever have connected.
            to: another user, or a conversation's id.
            content: what to post; a string is text.

        Returns:
            The message's sequence number.

        Raises:
            Refused: `sender` is no member of that conversation, or the media is not there.
        """
        body = Body(content=Text(content) if isinstance(content, str) else content)
        return self.act(sender, Post(conversation=to, body=body))

    def act(self, user: str, action: Action) -> int:
        """Let `user` do anything without a client. Returns and raises as `post`."""
        value = carry_out(self._host.world, (user, ""), action, self._host.now_ms())
        self._host.ring()
        return value

    def messages(self, user: str, ref: ConversationRef) -> list[tuple[str, Content]]:
        """Sender and content of every message that `user` sees in a conversation, as they stand now.

        Recalled ones are left out. Empty when there is no such conversation.
        """
        conversation = self._host.world.find(user, ref)
        if conversation is None:
            return []
        found = []
        for entry in conversation.records[conversation.since[user] - 1 :]:
            if entry.kind == Kind.MESSAGE and entry.seq not in conversation.recalled:
                payload = questions.as_it_stands(conversation, entry).payload
                found.append((entry.sender, read_body(unpack(payload)).content))
        return found  # type: ignore[return-value]  # content is checked before it is stored

    def online_users(self) -> set[str]:
        """The users with at least one connection."""
        return {peer.device.user for peer in self._host.peers if peer.device}

    @property
    def connections(self) -> int:
        """How many connections there are, half-open ones included."""
        return len(self._host.peers)

    # Fault switches --------------------------------------------------------------------------------

    def drop_connections(self) -> None:
        """Break every connection, as a lift does."""
        for peer in list(self._host.peers):
            peer.cut()

    def offline(self, *, silent: bool = False) -> None:
        """No network until `online`.

        Args:
            silent: connections do not break but carry nothing any more, and dialling does not fail but hangs:
                what a dead spot looks like from inside.
        """
        self._host.online = trio.Event()
        self._host.silent = silent
        for peer in list(self._host.peers):
            if silent:
                peer.go_silent()
            else:
                peer.cut()

    def online(self) -> None:
        """The network is back. Connections that went silent stay so, as after a change of address."""
        self._host.online.set()
        self._host.silent = False

    def drop_after_bytes(self, count: int) -> None:
        """Break the connection that carries byte `count` + 1 from now, in either direction, at that byte."""
        self._host.bytes_left = count

    def lose_next_result(self) -> None:
        """Carry out the next command, then break its connection before the result is sent."""
        self._host.lose_result = True

    def refuse(self, code: Code, *, retry_after_ms: int = 0, times: int = 1, commands: bool = False) -> None:
        """Refuse the next handshakes (codes 100-499) or commands (200-299 with `commands`, 500-599).

        Raises:
            ValueError: the code fits neither.
        """
        if action_of(code) is NextAction.REFUSED or (commands and action_of(code) is NextAction.RETRY_AFTER):
            self._host.command_refusals += [(code, retry_after_ms)] * times
        elif code and not commands:
            close = frames.Close(code=code, retry_after_ms=retry_after_ms, reason="the test wants it so")
            self._host.handshake_refusals += [close] * times
        else:
            raise ValueError(f"nothing is refused with {code.name} there")

    def expire_tokens(self) -> None:
        """Every token given out so far is refused as expired."""
        self._host.tokens = dict.fromkeys(self._host.tokens, Code.TOKEN_EXPIRED)

    def expire_uploads(self) -> None:
        """Every upload slot given out so far is gone, with what was uploaded to it in part."""
        self._files.expire_uploads()

    def end_sessions(self, user: str) -> None:
        """End all sessions of a user, as the shop does: a new login is needed."""
        for device in self._host.world.devices.values():
            if device.user == user:
                self._host.world.end_session(device)
        for peer in [peer for peer in self._host.peers if peer.device and peer.device.user == user]:
            peer.hang_up(frames.Close(code=Code.SESSION_ENDED, reason="ended by the shop"))

    def trim_log(self, user: str, *, keep: int = 0) -> None:
        """Retention: forget all but the newest `keep` entries of a user's log. Conversations keep theirs."""
        self._host.world.log(user).trim(keep)

    def backup(self) -> None:
        """Remember the world as it is now, for `restore`."""
        self._backup = deepcopy(self._host.world)

    def restore(self, *, unnoticed: bool = False) -> None:
        """Go back to the last `backup` (without one: to now) under a new epoch; breaks every connection.

        Args:
            unnoticed: under the same epoch, as if somebody had copied old files back.
        """
        self.drop_connections()
        epoch = self._host.world.epoch + (not unnoticed)
        if self._backup is not None:
            self._host.world = deepcopy(self._backup)
        self._host.world.epoch = epoch

    async def _dial(self) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        if self._host.is_offline:
            if not self._host.silent:
                raise ConnectionRefusedError("the network is off")
            await self._host.online.wait()
        wire = Wire(self._host.allow)
        peer = Peer(self._host, wire, partial(answer, self._host, self._files))
        wire.attach(peer)
        self._host.peers.append(peer)
        return wire


class _MemoryDialer:
    """Reaches one fake server, whatever the URL."""

    def __init__(self, dial: Callable[[], Awaitable[trio.abc.Stream]]) -> None:
        self._dial = dial

    async def dial(self, url: str) -> trio.abc.Stream:  # noqa: ARG002 - the interface's
        return await self._dial()
