"""Signals of the fake server: typing, delivered marks and presence reach whom they concern."""

from improtocol import ClientMode, SignalKind, frames, queries, unpack


async def test_typing_and_delivered_reach_the_others_only(server, client, autojump_clock) -> None:
    alice, bob, eve = client("alice"), client("bob"), client("eve")
    for one in (alice, bob, eve):
        await one.connect()
    await alice.post("bob", "hello")
    await bob.drain()
    await bob.send(frames.Ack(count=2))
    await bob.send(frames.Signal(kind=SignalKind.TYPING, conversation="alice", value=1, text="wel"))
    signals = [frame for frame in await alice.drain() if isinstance(frame, frames.Signal)]
    assert [(signal.kind, signal.user, signal.value) for signal in signals] == [
        (SignalKind.DELIVERED, "bob", 2),
        (SignalKind.TYPING, "bob", 1),
    ]
    assert await eve.drain() == []
    members = queries.MembersPage.from_value(
        unpack((await alice.ask(queries.Members(conversation="bob"))).payload)
    )
    assert [(member.user, member.delivered) for member in members.members] == [("alice", 0), ("bob", 2)]


async def test_background_holds_signals_until_the_next_message(server, client, autojump_clock) -> None:
    alice, bob = client("alice"), client("bob")
    await alice.connect()
    await bob.connect()
    await alice.post("bob", "hello")
    await alice.drain()
    await alice.send(frames.Mode(mode=ClientMode.BACKGROUND))
    for words in ("w", "we"):
        await bob.send(frames.Signal(kind=SignalKind.TYPING, conversation="alice", value=1, text=words))
    assert await alice.drain() == []
    await bob.drain()
    await bob.post("alice", "well")
    seen = await alice.drain()
    assert [type(frame) for frame in seen] == [frames.Events, frames.Signal]
    assert seen[1].text == "we"


async def test_watchers_are_told_when_a_user_comes_and_goes(server, client, autojump_clock) -> None:
    alice, bob = client("alice"), client("bob")
    await alice.connect()
    await alice.post("bob", "hello")
    await alice.drain()
    await alice.send(frames.Signal(kind=SignalKind.WATCH, user="bob"))
    await alice.send(frames.Signal(kind=SignalKind.WATCH, user="stranger"))
    await bob.connect()
    await bob.resume()  # a replaced connection is no going
    await bob.stream.aclose()
    values = [(frame.user, frame.value) for frame in await alice.drain() if isinstance(frame, frames.Signal)]
    assert values[0] == ("bob", 0)
    assert values[-1] == ("bob", 0)
    assert ("bob", 0) not in values[1:-1]
    assert ("bob", 1) in values
