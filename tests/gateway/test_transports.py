"""The same bytes on every transport: handshake, resume in one flight, cut and coalesced frames."""

import pytest
import trio
import trio.testing

from improtocol import Code, frames, queries, unpack
from improtocol.limits import COMMANDS_IN_FLIGHT_MAX
from tests.gateway.house import SCHEMES, GatewayHouse, post

every_transport = pytest.mark.parametrize("scheme", SCHEMES)


@every_transport
async def test_a_message_goes_from_one_to_the_other(house: GatewayHouse, scheme: str) -> None:
    alice, bob = await house.dial(scheme), await house.dial("tcp")
    await alice.login(house, "alice")
    await bob.login(house, "bob")
    await alice.do(post("bob", "你好"))
    assert (await alice.hear(frames.Result)).value == 2
    events = await bob.hear(frames.Events)
    assert [entry.seq for entry in events.entries] == [1, 2]


@every_transport
async def test_resume_and_what_is_pipelined_behind_it_is_answered_without_waiting_for_anything(
    house: GatewayHouse, scheme: str
) -> None:
    """The clock stands still: were the rest of the flight left to a timer, this would hang."""
    first = await house.dial(scheme)
    connected = await first.login(house, "alice")
    for cold in (False, True):
        await first.stream.aclose()
        if cold:
            await trio.testing.wait_all_tasks_blocked()
            house.core._registry._by_id.clear()
            house.core._delivery._users.clear()
        first = await house.dial(scheme)
        accepted = 1 if cold else 0
        resume = frames.Resume(
            session=connected.session, secret=connected.secret, epoch=77, cursor=0, next=1 + accepted
        )
        command = frames.Command(counter=1 + accepted, action=post("bob", "behind the resume"))
        await first.say(resume, command)
        assert (await first.hear()).accepted == accepted
        assert (await first.hear(frames.Result)).value == 2 + accepted


@every_transport
async def test_a_resume_in_pieces_with_a_large_flight_behind_it_is_not_taken_for_too_many_bytes(
    house: GatewayHouse, scheme: str
) -> None:
    peer = await house.dial(scheme)
    connected = await peer.login(house, "alice")
    await peer.stream.aclose()
    peer = await house.dial(scheme)
    resume = peer.encode(
        frames.Resume(session=connected.session, secret=connected.secret, epoch=77, cursor=0, next=1)
    )
    rest = b"".join(
        peer.encode(frames.Command(counter=n + 1, action=post("bob", "x" * 3000)))
        for n in range(COMMANDS_IN_FLIGHT_MAX)
    )
    await peer.stream.send_all(resume[:10])
    await trio.testing.wait_all_tasks_blocked()
    await peer.stream.send_all(resume[10:] + rest)
    for n in range(COMMANDS_IN_FLIGHT_MAX):
        result = await peer.hear(frames.Result)
        assert (result.counter, result.code) == (n + 1, 0)


@every_transport
async def test_frames_cut_at_every_byte(house: GatewayHouse, scheme: str) -> None:
    peer = await house.dial(scheme)
    await peer.login(house, "alice")
    said = peer.encode(
        frames.Command(counter=1, action=post("bob", "one")),
        frames.Command(counter=2, action=post("bob", "two")),
        frames.Ping(),
    )
    for index in range(len(said)):
        await peer.stream.send_all(said[index : index + 1])
        await trio.testing.wait_all_tasks_blocked()
    # A PONG waits for nothing, results for their commit: on a WebSocket it comes first here.
    heard = [await peer.hear(frames.Result | frames.Pong) for _ in range(3)]  # type: ignore[arg-type]
    assert frames.Pong() in heard
    assert [frame.counter for frame in heard if isinstance(frame, frames.Result)] == [1, 2]


@every_transport
async def test_a_handshake_cut_at_every_byte(house: GatewayHouse, scheme: str) -> None:
    peer = await house.dial(scheme)
    said = peer.encode(frames.Connect(token=house.token("alice"), device="phone"))
    for index in range(len(said)):
        await peer.stream.send_all(said[index : index + 1])
        await trio.testing.wait_all_tasks_blocked()
    assert isinstance(await peer.hear(), frames.Connected)


@every_transport
async def test_many_frames_in_one_segment_are_all_acted_on_in_order(house: GatewayHouse, scheme: str) -> None:
    peer = await house.dial(scheme)
    await peer.login(house, "alice")
    await peer.do(*(post("bob", str(n)) for n in range(COMMANDS_IN_FLIGHT_MAX)))
    results = [await peer.hear(frames.Result) for _ in range(COMMANDS_IN_FLIGHT_MAX)]
    assert [result.value for result in results] == list(range(2, COMMANDS_IN_FLIGHT_MAX + 2))


@every_transport
async def test_a_newer_connection_replaces_the_older_which_is_told_and_closed(
    house: GatewayHouse, scheme: str
) -> None:
    old = await house.dial(scheme)
    connected = await old.login(house, "alice")
    new = await house.dial(scheme)
    await new.say(
        frames.Resume(session=connected.session, secret=connected.secret, epoch=77, cursor=0, next=1)
    )
    assert isinstance(await new.hear(), frames.Resumed)
    assert (await old.hear()).code == Code.REPLACED
    assert await old.hear() is None, "and hangs up in order"
    await new.do(post("bob", "works"))
    assert (await new.hear(frames.Result)).code == 0


@every_transport
async def test_an_orderly_goodbye_frees_the_connection_and_keeps_the_session(
    house: GatewayHouse, scheme: str
) -> None:
    peer = await house.dial(scheme)
    await peer.login(house, "alice")
    await peer.say(frames.Close(code=Code.BYE))
    await peer.hear_end()
    await peer.stream.aclose()
    await trio.testing.wait_all_tasks_blocked()
    assert house.gateway.statistics().connections == 0
    statistics = house.core.statistics()
    assert (statistics.attached, statistics.sessions) == (0, 1)


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_a_large_answer_comes_in_websocket_messages_of_bounded_size(
    house: GatewayHouse, scheme: str
) -> None:
    """The peer refuses messages above 64 KiB."""
    peer = await house.dial(scheme)
    await peer.login(house, "alice")
    for _ in range(6):
        await peer.do(post("bob", "y" * 30_000))
        await peer.hear(frames.Result)
    await peer.say(frames.Query(id=1, op=1, arguments=queries.History(conversation="bob").arguments()))
    reply = await peer.hear(frames.Reply)
    assert len(reply.payload) > 64 * 1024
    assert queries.HistoryPage.from_value(unpack(reply.payload)).entries


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_websocket_pings_are_answered_and_fragmented_messages_are_one_pipe(
    house: GatewayHouse, scheme: str
) -> None:
    peer = await house.dial(scheme)
    await peer.login(house, "alice")
    assert peer.ws is not None
    peer.ws.send_ping(b"there?")
    data = peer.connection.send(frames.Command(counter=1, action=post("bob", "in pieces")))
    peer.ws.send_binary(data[:5], fin=False)
    peer.ws.send_continuation(data[5:9], fin=False)
    peer.ws.send_continuation(data[9:], fin=True)
    await peer.stream.send_all(b"".join(peer.ws.data_to_send()))
    assert (await peer.hear(frames.Result)).value == 2
    assert peer.pongs == 1
