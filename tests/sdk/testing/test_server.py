"""Streams of the fake server: once, in order, resumed, re-synchronised; tried by a client of raw frames."""

import pytest
import trio

from improtocol import Body, Code, Kind, ResyncReason, Text, frames, queries, unpack
from improtocol.commands import Post


async def test_first_message_makes_the_conversation_and_arrives(client, autojump_clock) -> None:
    """A post to a user id yields CREATED (seq 1) for both and the message (seq 2) for the other one only."""
    alice, bob = client("alice"), client("bob")
    await alice.connect()
    await bob.connect()
    result = await alice.post("bob", "hello")
    assert (result.code, result.value) == (Code.OK, 2)
    await bob.drain()
    await alice.drain()
    assert [(entry.kind, entry.seq, entry.sender) for entry in bob.entries] == [
        (Kind.CREATED, 1, "alice"),
        (Kind.MESSAGE, 2, "alice"),
    ]
    assert [entry.kind for entry in alice.entries] == [Kind.CREATED]


async def test_message_to_a_user_who_never_connected_waits(client, autojump_clock) -> None:
    alice = client("alice")
    await alice.connect()
    await alice.post("bob", "are you there?")
    bob = client("bob")
    connected = await bob.connect()
    assert connected.behind_events == 2
    await bob.drain()
    assert bob.texts() == ["are you there?"]


async def test_lost_result_is_given_again_and_nothing_is_stored_twice(server, client, autojump_clock) -> None:
    alice = client("alice")
    await alice.connect()
    server.lose_next_result()
    action = Post(conversation="bob", body=Body(content=Text("once")))
    await alice.command(action)
    with pytest.raises(trio.BrokenResourceError):
        await alice.next()
    alice.counter = 0
    assert (await alice.resume()).accepted == 1
    await alice.command(action, counter=1)
    assert (await alice.expect(frames.Result)).value == 2
    assert server.messages("bob", "alice") == [("alice", Text("once"))]


async def test_same_counter_with_another_payload_is_a_conflict(server, client, autojump_clock) -> None:
    alice = client("alice")
    await alice.connect()
    await alice.post("bob", "one")
    await alice.command(Post(conversation="bob", body=Body(content=Text("two"))), counter=1)
    assert (await alice.expect(frames.Result)).code == Code.CONFLICT
    assert server.messages("alice", "bob") == [("alice", Text("one"))]


async def test_counter_beyond_the_next_is_out_of_turn_and_not_accepted(
    server, client, autojump_clock
) -> None:
    alice = client("alice")
    await alice.connect()
    await alice.command(Post(conversation="bob", body=Body(content=Text("early"))), counter=3)
    assert (await alice.expect(frames.Result)).code == Code.OUT_OF_TURN
    alice.counter = 0
    assert (await alice.post("bob", "now")).code == Code.OK
    assert server.messages("alice", "bob") == [("alice", Text("now"))]


async def test_results_older_than_the_window_are_a_conflict(client, autojump_clock) -> None:
    """The server remembers 32 results; counter 1 is forgotten after 33 commands."""
    alice = client("alice")
    await alice.connect()
    for number in range(33):
        await alice.post("bob", str(number))
    await alice.command(Post(conversation="bob", body=Body(content=Text("0"))), counter=1)
    assert (await alice.expect(frames.Result)).code == Code.CONFLICT


async def test_resume_gives_exactly_what_was_missed(server, client, autojump_clock) -> None:
    bob = client("bob")
    await bob.connect()
    server.post("alice", "bob", "1")
    await bob.drain()
    server.drop_connections()
    server.post("alice", "bob", "2")
    server.post("alice", "bob", "3")
    resumed = await bob.resume()
    assert (resumed.head, resumed.behind_events) == (4, 2)
    await bob.drain()
    assert bob.texts() == ["1", "2", "3"]


async def test_both_devices_of_a_user_see_what_either_sends(client, autojump_clock) -> None:
    phone, laptop = client("alice", "phone"), client("alice", "laptop")
    await phone.connect()
    await laptop.connect()
    await phone.post("bob", "from the phone")
    await laptop.drain()
    await laptop.post("bob", "from the laptop")
    await phone.drain()
    assert phone.texts() == ["from the laptop"]
    assert laptop.texts() == ["from the phone"]


async def test_command_stream_outlives_the_session(server, client, autojump_clock) -> None:
    alice = client("alice")
    await alice.connect()
    await alice.post("bob", "one")
    server.end_sessions("alice")
    assert (await alice.expect(frames.Close)).code == Code.SESSION_ENDED
    assert (await alice.resume()).code == Code.SESSION_ENDED
    alice.secret = bytes(16)
    assert (await alice.resume()).code == Code.SESSION_UNKNOWN
    assert (await alice.connect()).accepted == 1


async def test_unacked_positions_never_exceed_the_window(server, client, autojump_clock) -> None:
    bob = client("bob")
    await bob.connect()
    for number in range(1000):
        server.post("alice", "bob", str(number))
    await bob.drain()
    assert bob.cursor == 256
    await bob.send(frames.Ack(count=100))
    await bob.drain()
    assert bob.cursor == 356
    while bob.cursor < 1001:
        await bob.send(frames.Ack(count=min(100, bob.cursor - 100)))
        await bob.drain()
    assert bob.texts() == [str(number) for number in range(1000)]


async def test_trimmed_log_asks_for_a_snapshot(server, client, autojump_clock) -> None:
    bob = client("bob")
    await bob.connect()
    for number in range(10):
        server.post("alice", "bob", str(number))
    server.drop_connections()
    server.trim_log("bob", keep=3)
    await bob.resume()
    resync = await bob.next()
    assert (resync.reason, resync.oldest, resync.head) == (ResyncReason.RETENTION, 9, 11)
    page = queries.ConversationsPage.from_value(unpack((await bob.ask(queries.Conversations())).payload))
    assert page.head == 11
    assert (page.conversations[0].head, page.conversations[0].unread) == (11, 10)
    await bob.send(frames.Seek(position=page.head))
    bob.cursor, bob.entries = page.head, []
    server.post("alice", "bob", "after")
    await bob.drain()
    assert bob.texts() == ["after"]


async def test_restore_starts_an_epoch_and_refuses_commands_until_the_seek(
    server, client, autojump_clock
) -> None:
    alice = client("alice")
    await alice.connect()
    await alice.post("bob", "kept")
    server.backup()
    await alice.post("bob", "lost by the restore")
    server.restore()
    resumed = await alice.resume()
    resync = await alice.next()
    assert resumed.accepted == 1
    assert (resync.reason, resync.epoch) == (ResyncReason.RESTORED, 2)
    alice.counter = resumed.accepted
    assert (await alice.post("bob", "too early")).code == Code.OUT_OF_TURN
    await alice.send(frames.Seek(position=resync.head))
    alice.counter = resumed.accepted
    assert (await alice.post("bob", "again")).value == 3
    assert [content.text for _, content in server.messages("bob", "alice")] == ["kept", "again"]


async def test_cursor_from_the_future_is_told(server, client, autojump_clock) -> None:
    bob = client("bob")
    await bob.connect()
    server.drop_connections()
    bob.cursor = 50
    await bob.resume()
    assert (await bob.next()).reason == ResyncReason.FUTURE


async def test_new_connection_replaces_the_older_one(server, client, autojump_clock) -> None:
    alice = client("alice")
    await alice.connect()
    old_stream, old_connection = alice.stream, alice.connection
    await alice.resume()
    old_connection.receive_data(await old_stream.receive_some())
    assert old_connection.next_event().code == Code.REPLACED
    assert await old_stream.receive_some() == b""
    with pytest.raises(trio.BrokenResourceError):
        await old_stream.send_all(b"\x01\x08")
    assert server.connections == 1
