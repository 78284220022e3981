"""Fault switches of the fake server: what each does to a client of raw frames, and that it ends."""

import pytest
import trio

from improtocol import Body, Code, Connection, Side, Text, frames
from improtocol.commands import Post
from imsdk.testing import Server


@pytest.mark.parametrize("count", range(0, 240, 7))
async def test_cut_at_any_byte_loses_and_doubles_nothing(count: int, autojump_clock, client, server) -> None:
    """A dialogue whose connection breaks after `count` more bytes, retried as a client would, is complete."""
    alice, bob = client("alice"), client("bob")
    await alice.connect()
    await bob.connect()
    server.drop_after_bytes(count)
    texts = [f"message {number}" for number in range(4)]
    for counter, text in enumerate(texts, 1):
        for _ in range(3):
            try:
                action = Post(conversation="bob", body=Body(content=Text(text)))
                await alice.command(action, counter=counter)
                await alice.expect(frames.Result)
                break
            except trio.BrokenResourceError:
                alice.counter = counter - 1
                await alice.resume()
    try:
        await bob.drain()
    except trio.BrokenResourceError:
        await bob.resume()
        await bob.drain()
    assert bob.texts() == texts
    assert len({entry.seq for entry in bob.entries}) == len(bob.entries) == 5


async def test_offline_refuses_dials_until_online(server, client, autojump_clock) -> None:
    alice = client("alice")
    await alice.connect()
    server.offline()
    with pytest.raises(trio.BrokenResourceError):
        await alice.next()
    with pytest.raises(OSError, match="network is off"):
        await alice.dial()
    server.online()
    assert isinstance(await alice.resume(), frames.Resumed)


async def test_dead_spot_hangs_instead_of_failing(server, client, autojump_clock) -> None:
    """With `silent`, nothing arrives, nothing fails, dials hang, and the server keeps what is half-open."""
    alice = client("alice")
    await alice.connect()
    server.offline(silent=True)
    await alice.send(frames.Ping())
    with trio.move_on_after(100) as waited:
        await alice.next()
    assert waited.cancelled_caught
    with trio.move_on_after(100) as dialled:
        await alice.dial()
    assert dialled.cancelled_caught
    assert server.online_users() == {"alice"}
    server.online()
    assert isinstance(await alice.resume(), frames.Resumed)
    assert server.connections == 1


@pytest.mark.parametrize(
    ("code", "retry_after_ms"), [(Code.OVERLOADED, 5000), (Code.BANNED, 0), (Code.TOKEN_EXPIRED, 0)]
)
async def test_refused_handshake_gets_the_wanted_close(
    server, client, autojump_clock, code: Code, retry_after_ms: int
) -> None:
    alice = client("alice")
    server.refuse(code, retry_after_ms=retry_after_ms)
    close = await alice.connect()
    assert (close.code, close.retry_after_ms) == (code, retry_after_ms)
    assert isinstance(await alice.connect(), frames.Connected)


async def test_refused_command_uses_its_counter_up_only_when_permanent(
    server, client, autojump_clock
) -> None:
    alice = client("alice")
    await alice.connect()
    server.refuse(Code.DISK_FULL, retry_after_ms=700, commands=True)
    result = await alice.post("bob", "one")
    assert (result.code, result.retry_after_ms) == (Code.DISK_FULL, 700)
    alice.counter = 0
    server.refuse(Code.QUOTA)
    assert (await alice.post("bob", "one")).code == Code.QUOTA
    assert (await alice.post("bob", "two")).code == Code.OK
    assert server.messages("alice", "bob") == [("alice", Text("two"))]


def test_refuse_rejects_a_code_that_nothing_is_refused_with() -> None:
    server = Server()
    with pytest.raises(ValueError, match="OK"):
        server.refuse(Code.OK)
    with pytest.raises(ValueError, match="BANNED"):
        server.refuse(Code.BANNED, commands=True)


async def test_unknown_and_expired_tokens_are_told_apart(server, client, autojump_clock) -> None:
    alice = client("alice")
    server.expire_tokens()
    assert (await alice.connect()).code == Code.TOKEN_EXPIRED
    alice.token = "made up"
    assert (await alice.connect()).code == Code.TOKEN_INVALID


async def test_same_seed_gives_the_same_bytes(autojump_clock) -> None:
    async def record(seed: int) -> bytes:
        server = Server(seed=seed)
        stream = await server.dialer().dial(server.url)
        connection = Connection(Side.CLIENT)
        await stream.send_all(connection.send(frames.Connect(token=server.token("alice"), device="d")))
        return await stream.receive_some()

    assert await record(1) == await record(1) != await record(2)


async def test_garbage_is_answered_with_close(server, client, autojump_clock) -> None:
    alice = client("alice")
    await alice.dial()
    await alice.stream.send_all(b"\x02\xc1\xc1")
    assert (await alice.next()).code == Code.PROTOCOL_ERROR
    assert server.connections == 0
