"""What a PING that nobody answers teaches: on a NAT that forgets, and where it is not the network's doing."""

from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from improtocol import frames
from imsdk.dialers import Dialer
from imsdk.testing import Server
from imsdk.testing.peer import Peer
from tests.sdk.conftest import Open

NAT_S = 100.0


class Nat(trio.abc.Stream):
    """Forgets a connection that is silent for `NAT_S`; what is sent then is answered as `how` says."""

    def __init__(self, inner: trio.abc.Stream, how: str) -> None:
        self._inner = inner
        self._how = how
        self._used_s = trio.current_time()
        self._forgotten = trio.Event()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        if trio.current_time() - self._used_s > NAT_S:
            self._forgotten.set()
            if self._how == "broken pipe":
                raise trio.BrokenResourceError
        else:
            self._used_s = trio.current_time()
            await self._inner.send_all(data)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        got: list[bytes] = []

        async def receive() -> None:
            got.append(bytes(await self._inner.receive_some(max_bytes)))
            nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive)
            await self._forgotten.wait()
            nursery.cancel_scope.cancel()
        if got:
            self._used_s = trio.current_time()
            return got[0]
        if self._how == "reset":
            raise trio.BrokenResourceError
        return b""

    async def wait_send_all_might_not_block(self) -> None:
        await self._inner.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._inner.aclose()


class NatDialer:
    """Dials through a NAT."""

    def __init__(self, inner: Dialer, how: str) -> None:
        self._inner = inner
        self._how = how

    async def dial(self, url: str) -> trio.abc.Stream:
        return Nat(await self._inner.dial(url), self._how)


@pytest.mark.parametrize("how", ["broken pipe", "reset", "end"])
async def test_a_nat_that_answers_a_ping_by_breaking_the_connection_shortens_the_interval(
    autojump_clock: MockClock, client: Open, server: Server, how: str
) -> None:
    through = NatDialer(server.dialer(), how)
    async with client("alice", "phone", foreground=False, dialer=through) as im:
        await im.synced()
        await trio.sleep(900)
        assert im.engine.heartbeat.interval_s < NAT_S
        dials = im.statistics().dials
        await trio.sleep(1800)
        assert im.statistics().dials == dials
    async with client("alice", "phone", foreground=False) as im:
        assert im.engine.heartbeat.interval_s < NAT_S, "it is kept"


async def test_an_end_before_the_ping_teaches_nothing(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice", foreground=False) as im:
        await im.synced()
        learned = im.engine.heartbeat.to_state()
        for _ in range(4):
            await im.connected()
            await trio.sleep(30)
            server.drop_connections()
            await trio.sleep(5)
        assert im.engine.heartbeat.to_state() == learned


async def test_a_change_of_network_while_a_ping_is_out_teaches_nothing(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice", foreground=False) as im:
        await im.synced()
        learned = im.engine.heartbeat.to_state()
        for _ in range(4):
            await im.connected()
            before = im.statistics().frames_out
            server.offline(silent=True)
            await trio.sleep(61)
            assert im.statistics().frames_out == before + 1, "the PING"
            server.online()
            im.network_changed()
            await wait_all_tasks_blocked()
        assert im.engine.heartbeat.to_state() == learned


async def test_the_servers_idle_time_holds_for_a_session_resumed_after_a_restart(
    autojump_clock: MockClock, client: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    say = Peer.send

    def hasty(self: Peer, frame: frames.Frame) -> None:
        say(self, replace(frame, idle_s=50) if isinstance(frame, frames.Connected) else frame)

    monkeypatch.setattr(Peer, "send", hasty)
    async with client("alice", "phone", foreground=False) as im:
        await im.synced()
        assert im.engine.heartbeat.interval_s == 40
    async with client("alice", "phone", foreground=False) as im:
        await im.synced()
        assert not im.statistics().resumes[0].new_session
        assert im.engine.heartbeat.interval_s == 40
