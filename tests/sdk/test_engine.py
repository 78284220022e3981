"""Reconnecting: when, how fast, with which proof, and that nothing is lost on the way."""

from random import Random

import pytest
import trio
from trio.testing import MockClock

import imsdk
from improtocol import Code, SignalKind
from imsdk.testing import Server
from tests.sdk.conftest import Open, take, texts


async def phases(im: imsdk.Client, count: int) -> list[imsdk.Phase]:
    """The next states, the one now included."""
    states = im.states()
    return [(await anext(states)).phase for _ in range(count)]


async def test_states_tell_of_an_outage_and_its_end(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice") as im:
        await im.connected()
        states = im.states()
        assert (await anext(states)).online
        server.drop_connections()
        server.offline()
        found = [await anext(states) for _ in range(3)]
        assert [state.phase.value for state in found] == ["waiting", "connecting", "waiting"]
        assert 0 <= found[0].retry_s <= 1
        server.online()
        await im.connected()


@pytest.mark.parametrize("byte", range(0, 420, 14))
async def test_a_drop_at_any_byte_loses_doubles_and_reorders_nothing(
    autojump_clock: MockClock, client: Open, server: Server, byte: int
) -> None:
    async with client("alice", "a") as im, client("bob", "b") as bob:
        await im.synced()
        await bob.synced()
        chat = await im.conversation(with_user="bob")
        other = await bob.conversation(with_user="alice")
        server.drop_after_bytes(byte)
        sents = []
        for number in range(4):
            sents.append(await chat.send(f"a{number}"))
            sents.append(await other.send(f"b{number}"))
            await trio.sleep(0.2)
        seqs = [await sent.acked() for sent in sents]
        assert sorted(seqs) == list(range(2, 10))
        here, there = await take(im.messages(), 8), await take(bob.messages(), 8)
        assert [m.seq for m in here] == [m.seq for m in there] == list(range(2, 10))
        assert texts(here) == texts(there)
        assert [t for t in texts(here) if t[0] == "a"] == ["a0", "a1", "a2", "a3"]
        assert [t for t in texts(here) if t[0] == "b"] == ["b0", "b1", "b2", "b3"]


async def test_a_silent_connection_is_noticed_while_an_answer_is_due(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    """Silence of 5 s is suspicious, a PING is not answered for 10 s more: then a new connection."""
    async with client("alice") as im:
        await im.synced()
        server.offline(silent=True)
        server.online()
        before = trio.current_time()
        chat = await im.conversation(with_user="bob")
        await (await chat.send("hello")).acked()
        assert 10 <= trio.current_time() - before <= 17
    assert len(server.messages("bob", "alice")) == 1


async def test_a_silent_connection_is_noticed_when_idle(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice") as im:
        await im.synced()
        server.offline(silent=True)
        server.online()
        before = trio.current_time()
        await im.engine.state_bell.wait_until(lambda: not im.state.online)
        await im.connected()
        assert trio.current_time() - before <= 15 + 10 + 1.1


async def test_a_network_change_does_not_wait_for_the_old_connection(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice") as im:
        await im.synced()
        server.offline(silent=True)
        server.online()
        before = trio.current_time()
        im.network_changed("cellular")
        chat = await im.conversation(with_user="bob")
        await (await chat.send("hello")).acked()
        assert trio.current_time() == before
        assert im.statistics().dials == 2


async def test_a_network_change_ends_a_wait(autojump_clock: MockClock, client: Open, server: Server) -> None:
    server.refuse(Code.OVERLOADED, retry_after_ms=600_000)
    async with client("alice") as im:
        await im.engine.state_bell.wait_until(lambda: im.state.phase is imsdk.Phase.WAITING)
        assert im.state.retry_s >= 600
        before = trio.current_time()
        im.network_changed()
        await im.connected()
        assert trio.current_time() == before


async def test_a_refused_handshake_waits_as_long_as_it_is_told(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    server.refuse(Code.DRAINING, retry_after_ms=40_000)
    async with client("alice") as im:
        await im.connected()
        assert 40 <= trio.current_time() <= 41


async def test_an_ended_session_is_replaced_by_a_new_one_and_nothing_is_doubled(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    asked = []

    async def provider() -> str:
        asked.append(trio.current_time())
        return server.token("alice")

    async with client("alice", "phone", token_provider=provider) as im:
        chat = await im.conversation(with_user="bob")
        await (await chat.send("1")).acked()
        server.offline()
        sent = await chat.send("2")
        server.end_sessions("alice")
        server.online()
        assert await sent.acked() == 3
        assert len(asked) == 2
    assert [c for _, c in server.messages("bob", "alice")] == [imsdk.Text("1"), imsdk.Text("2")]


async def test_a_rejected_token_stops_a_client_that_has_no_other(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice", token="forged") as im:
        with pytest.raises(imsdk.Stopped) as stopped:
            await im.connected()
        assert stopped.value.code == Code.TOKEN_INVALID
        chat = await im.conversation(with_user="bob")
        sent = await chat.send("kept")
        with pytest.raises(imsdk.Stopped):
            await sent.acked()
        assert len(await im.pending()) == 1


async def test_a_token_provider_that_fails_is_asked_again(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    answers = iter([OSError("no network"), "expired", server.token("alice")])

    async def provider() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with client("alice", token_provider=provider) as im:
        await im.connected()
        assert im.user == "alice"


async def test_a_client_without_any_token_stops_and_says_why(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice", token=None) as im:
        with pytest.raises(imsdk.Stopped, match="token is needed"):
            await im.connected()


async def test_a_token_that_breaks_the_limits_stops_the_client(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice", token="x" * 5000) as im:
        with pytest.raises(imsdk.Stopped, match="token may have at most"):
            await im.connected()


@pytest.mark.parametrize("drop", [False, True])
async def test_in_the_background_a_typing_signal_waits(
    autojump_clock: MockClock, client: Open, server: Server, drop: bool
) -> None:
    """The server is told of the mode at once, and again on the next connection."""
    async with client("alice", "a") as im, client("bob", "b") as bob:
        await im.synced()
        chat = await bob.conversation(with_user="alice")
        await (await chat.send("hi")).acked()
        await take(im.messages(), 1)
        im.background()
        await trio.sleep(1)
        if drop:
            server.drop_connections()
            await trio.sleep(5)
        await chat.typing()
        await trio.sleep(5)
        assert im.engine.signals.seen.count == 0
        im.foreground()
        await trio.sleep(1)
        kinds = [signal.kind for signal in im.engine.signals.seen.after(0)[1]]
        assert SignalKind.TYPING in kinds


async def test_a_banned_client_stops(autojump_clock: MockClock, client: Open, server: Server) -> None:
    server.refuse(Code.BANNED)
    async with client("alice") as im:
        with pytest.raises(imsdk.Stopped) as stopped:
            await im.connected()
        assert stopped.value.code == Code.BANNED
        im.network_changed()
        await trio.sleep(100)
        assert im.statistics().dials == 1


async def test_an_idle_client_pings_and_learns_to_do_it_less_often(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice", "phone", foreground=False, network="wifi") as im:
        await im.synced()
        before = im.statistics().frames_out
        await trio.sleep(1000)
        assert 5 <= im.statistics().frames_out - before <= 12
        assert im.engine.heartbeat.interval_s > 60
    async with client("alice", "phone", foreground=False, network="wifi") as im:
        assert im.engine.heartbeat.interval_s > 60


async def test_ten_thousand_events_behind_are_caught_up_in_order_while_new_ones_come(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice", "phone") as im:
        await im.synced()
    for number in range(10_000):
        server.post(f"user{number % 7}", "alice", f"{number}")
    async with client("alice", "phone") as im:
        messages = im.messages()
        first = await take(messages, 100)
        server.post("user0", "alice", "10000")
        found = first + await take(messages, 9_901)
        by_sender: dict[str, list[int]] = {}
        for message, text in zip(found, texts(found), strict=True):
            by_sender.setdefault(message.sender, []).append(int(text))
        assert sum(map(len, by_sender.values())) == 10_001
        assert all(numbers == sorted(set(numbers)) for numbers in by_sender.values())
        (resume,) = [r for r in im.statistics().resumes if r.missed_events]
        assert resume.consistent_s is not None
        assert resume.missed_events >= 10_000


async def test_a_crowd_of_clients_spreads_its_first_retry_over_a_second(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    delays = []
    for seed in range(8):
        async with client(f"user{seed}", rng=Random(seed)) as im:
            await im.connected()
            states = im.states()
            await anext(states)
            server.drop_connections()
            delays.append((await anext(states)).retry_s)
    assert all(0 <= delay <= 1 for delay in delays)
    assert max(delays) - min(delays) > 0.3


async def test_a_resume_with_nothing_missed_costs_one_small_round_trip(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice", "phone") as im:
        await im.synced()
        for number in range(50):
            server.post("bob", "alice", f"{number}")
        await take(im.messages(), 50)
        await trio.sleep(2)
        server.drop_connections()
        await im.engine.state_bell.wait_until(lambda: not im.state.online)
        await im.synced()
        resume = im.statistics().resumes[-1]
        assert not resume.new_session
        assert resume.round_trips == 1
        assert resume.bytes_out <= 64
        assert resume.bytes_in <= 32
