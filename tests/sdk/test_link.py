"""One connection against a peer that says what the test wants, byte by byte if need be."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked

import imsdk
from improtocol import NEED_DATA, Code, Connection, Entry, Kind, Side, commands, frames, pack
from improtocol.frames import Frame
from imsdk.store import MemoryStore
from imsdk.store.rows import Settled


class Peer:
    """The server's end, by hand."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.connection = Connection(Side.SERVER)

    async def hear(self) -> Frame:
        """The next frame of the client."""
        while (frame := self.connection.next_event()) is NEED_DATA:
            data = await self.stream.receive_some()
            assert data, "the client hung up"
            self.connection.receive_data(bytes(data))
        return frame

    async def say(self, *said: Frame) -> None:
        """Send frames in one piece."""
        await self.stream.send_all(b"".join(self.connection.send(frame) for frame in said))

    async def greet(self, **facts: int) -> None:
        """Take the CONNECT and let the client in."""
        assert isinstance(await self.hear(), frames.Connect)
        await self.say(
            frames.Connected(session=5, secret=b"s" * 16, epoch=1, accepted=0, head=0, user="alice", **facts)
        )

    async def hung_up_on(self) -> list[Frame]:
        """What the client still says until it hangs up."""
        heard: list[Frame] = []
        while True:
            try:
                data = await self.stream.receive_some()
            except trio.BrokenResourceError:
                return heard
            if not data:
                return heard
            self.connection.receive_data(bytes(data))
            while (frame := self.connection.next_event()) is not NEED_DATA:
                heard.append(frame)


class Dialer:
    """Every dial is a new peer for the test to play."""

    def __init__(self) -> None:
        self._put, self._get = trio.open_memory_channel[Peer](10)

    async def dial(self, url: str) -> trio.abc.Stream:
        ours, theirs = memory_stream_pair()
        self._put.send_nowait(Peer(theirs))
        return ours

    async def peer(self) -> Peer:
        """The next connection."""
        return await self._get.receive()


@asynccontextmanager
async def played(**options: Any) -> AsyncIterator[tuple[imsdk.Client, Dialer]]:
    dialer = Dialer()
    with trio.fail_after(300):
        async with imsdk.connect("memory:", token="t", dialer=dialer, rng=Random(1), **options) as im:
            yield im, dialer


async def counter_heard(peer: Peer) -> int:
    """The counter of the next frame, which has to be a command."""
    frame = await peer.hear()
    assert isinstance(frame, frames.Command)
    return frame.counter


class SlowStore(MemoryStore):
    """Lets everybody else go on in the middle of a commit, as a disk does."""

    wake: Callable[[], None]

    async def settle(self, results: Sequence[frames.Result]) -> tuple[Settled, ...]:
        settled = await super().settle(results)
        self.wake()
        await wait_all_tasks_blocked()
        return settled


@pytest.mark.parametrize("code", [Code.DRAINING, Code.SLOW_CONSUMER])
async def test_a_close_in_the_midst_of_sending_is_no_error(autojump_clock: MockClock, code: Code) -> None:
    store = SlowStore()
    async with played(store=store) as (im, dialer):
        store.wake = im.engine.outbox_changed
        peer = await dialer.peer()
        await peer.greet()
        await im.connected()
        chat = await im.conversation(with_user="bob")
        for number in range(40):
            await chat.send(f"{number}")
        await peer.hear()
        await peer.say(frames.Result(counter=1, value=2, at_ms=1), frames.Close(code=code))
        again = await dialer.peer()
        resume = await again.hear()
        assert isinstance(resume, frames.Resume)
        assert resume.next == 2


async def test_events_that_do_not_follow_the_cursor_end_the_connection_and_are_not_committed(
    autojump_clock: MockClock,
) -> None:
    async with played() as (im, dialer):
        peer = await dialer.peer()
        await peer.greet()
        entry = Entry(Kind.CREATED, 1, "bob", 7, 1, pack([1, "", [["bob", 0], ["alice", 0]]]))
        await peer.say(frames.Events(start=3, end=4, entries=(entry,)))
        heard = await peer.hung_up_on()
        assert [type(frame) for frame in heard] == [frames.Close]
        resume = await (await dialer.peer()).hear()
        assert isinstance(resume, frames.Resume)
        assert resume.cursor == 0
        assert await im.conversations() == []


async def test_what_results_leave_held_back_above_the_quoted_head_waits_for_the_log(
    autojump_clock: MockClock,
) -> None:
    """The head that the server quoted when the connection began says nothing of what was said on it since."""
    async with played() as (im, dialer):
        await (await im.create_group("Team")).send("mine")
        peer = await dialer.peer()
        assert isinstance(await peer.hear(), frames.Connect)
        connected = frames.Connected(
            session=5, secret=b"s" * 16, epoch=1, accepted=0, head=1, behind_events=1, user="alice"
        )
        await peer.say(connected)
        create, _ = await peer.hear(), await peer.hear()
        assert isinstance(create, frames.Command)
        assert isinstance(create.action, commands.Create)
        results = [frames.Result(counter=number, value=number, at_ms=1) for number in (1, 2)]
        other = Entry(Kind.CREATED, 1, "bob", 7, 1, pack([1, "", [["bob", 0], ["alice", 0]]]))
        await peer.say(*results, frames.Events(start=0, end=1, entries=(other,)))
        await im.synced()
        made = Entry(
            Kind.CREATED, 1, "alice", create.action.conversation, 1, pack([2, "Team", [["alice", 2]]])
        )
        await peer.say(frames.Events(start=1, end=3, entries=(made,)))
        assert (await anext(im.messages())).content == imsdk.Text("mine")


@pytest.mark.parametrize("garbage", [b"\x00", b"\xff\xff\xff\xff", b"\x03\x93\x0e\xc1", b"\x02\x81\x01" * 50])
async def test_garbage_costs_one_connection(autojump_clock: MockClock, garbage: bytes) -> None:
    async with played() as (_, dialer):
        peer = await dialer.peer()
        await peer.greet()
        await peer.stream.send_all(garbage)
        await peer.hung_up_on()
        assert isinstance(await (await dialer.peer()).hear(), frames.Resume)


async def test_no_answer_to_the_greeting_is_given_up_after_ten_seconds(autojump_clock: MockClock) -> None:
    async with played() as (_, dialer):
        peer = await dialer.peer()
        assert isinstance(await peer.hear(), frames.Connect)
        before = trio.current_time()
        assert await peer.hung_up_on() == []
        assert trio.current_time() - before == 10
        await dialer.peer()


async def test_a_ping_is_answered_and_acks_come_within_a_second(autojump_clock: MockClock) -> None:
    async with played() as (_, dialer):
        peer = await dialer.peer()
        await peer.greet()
        await peer.say(frames.Ping())
        assert await peer.hear() == frames.Pong()
        before = trio.current_time()
        await peer.say(frames.Events(start=0, end=3, entries=()))
        assert await peer.hear() == frames.Ack(count=3)
        assert trio.current_time() - before == 1.0


async def test_half_a_window_is_acked_at_once(autojump_clock: MockClock) -> None:
    async with played() as (_, dialer):
        peer = await dialer.peer()
        await peer.greet()
        before = trio.current_time()
        await peer.say(frames.Events(start=0, end=128, entries=()))
        assert await peer.hear() == frames.Ack(count=128, digest=0)
        assert trio.current_time() == before


async def test_an_ack_rides_along_with_a_message(autojump_clock: MockClock) -> None:
    async with played() as (im, dialer):
        peer = await dialer.peer()
        await peer.greet()
        await im.connected()
        await peer.say(frames.Events(start=0, end=3, entries=()))
        await wait_all_tasks_blocked()
        before = trio.current_time()
        await (await im.conversation(with_user="bob")).send("hi")
        heard = {type(await peer.hear()), type(await peer.hear())}
        assert heard == {frames.Command, frames.Ack}
        assert trio.current_time() == before


async def test_a_refused_window_is_tried_by_one_command_and_follows_once_that_is_settled(
    autojump_clock: MockClock,
) -> None:
    async with played() as (im, dialer):
        chat = await im.conversation(with_user="bob")
        for number in range(3):
            await chat.send(f"{number}")
        peer = await dialer.peer()
        await peer.greet()
        assert [await counter_heard(peer) for _ in range(3)] == [1, 2, 3]
        before = trio.current_time()
        full = [frames.Result(counter=counter, code=Code.DISK_FULL) for counter in (1, 2, 3)]
        await peer.say(*full)
        for after_s in (0.1, 0.3, 0.7):
            assert await counter_heard(peer) == 1
            assert trio.current_time() - before == pytest.approx(after_s)
            await peer.say(full[0])
        assert await counter_heard(peer) == 1
        await peer.say(frames.Result(counter=1, value=2, at_ms=1))
        assert [await counter_heard(peer) for _ in range(2)] == [2, 3]
        assert trio.current_time() - before == pytest.approx(1.5)


@pytest.mark.parametrize("waiting", [0, 2])
async def test_a_store_that_was_put_back_goes_on_behind_what_it_does_not_know(
    autojump_clock: MockClock, waiting: int
) -> None:
    """The server has accepted 40 commands, of which the store remembers none, or those that wait."""
    async with played() as (im, dialer):
        peer = await dialer.peer()
        await peer.greet()
        conversation = await im.conversation(with_user="bob")
        sent = [await conversation.send("early") for _ in range(waiting)]
        early = [await counter_heard(peer) for _ in range(waiting)]
        await peer.stream.aclose()
        peer = await dialer.peer()
        assert isinstance(await peer.hear(), frames.Resume)
        assert [await counter_heard(peer) for _ in range(waiting)] == early
        await peer.say(frames.Resumed(accepted=40, head=0))
        await im.connected()
        sent += [await conversation.send(text) for text in ("one", "two")]
        for counter in (*early, 41, 42):
            if counter > 40:
                assert await counter_heard(peer) == counter
            await peer.say(frames.Result(counter=counter, value=counter, at_ms=1))
        assert [await one.acked() for one in sent] == [*early, 41, 42]
