"""The figures that the guards hold to their budgets: counts, the same in every run. One function a scene."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, cast

from benchmarks.clients import Client
from improtocol import frames
from improtocol.commands import Create
from imserver.storage.memory import MemoryStore
from imserver.storage.sqlite import open_sqlite
from tests.guards.counting import Calls
from tests.guards.disk import Asked, Disk
from tests.guards.house import GuardHouse, guard_house
from tests.guards.memory import kept
from tests.guards.wire import Half

PAIRS: Final = 50
MEMBERS: Final = 20
MISSED: Final = 20
#: Messages each sender has on the way -> rounds of them, enough for every kind of acknowledgement to come.
ROUNDS: Final = {16: 4, 1: 32}
#: The same where writes are counted: so few that no checkpoint falls among them.
ROUNDS_WRITTEN: Final = {16: 2, 1: 16}
#: Sessions whose memory is counted: so many that the steps in which tables grow do not show.
IDLE: Final = 500


async def calls_of_relay(folder: Path, window: int) -> dict[str, float]:
    """Calls, and system calls at sockets, per relayed message."""
    async with _house(folder) as house:
        senders, receivers = await _warm(house, window)
        calls = Calls()
        house.asked.clear()
        before_bytes = _carried_bytes((*senders, *receivers))
        for _ in range(ROUNDS[window]):
            await house.post(senders, receivers, each=window, calls=calls)
        await house.settle(calls)
        _check(senders, receivers, 2 * window * ROUNDS[window])
        carried_bytes = _carried_bytes((*senders, *receivers)) - before_bytes
        messages = PAIRS * window * ROUNDS[window]
        return {
            f"calls on the main thread, window {window}": calls.main / messages,
            f"calls on the writer's thread, window {window}": calls.writer / messages,
            f"socket calls, window {window}": (house.asked["recv"] + house.asked["send"]) / messages,
            f"bytes on the wire, window {window}": carried_bytes / messages,
        }


async def calls_of_fan_out(folder: Path) -> dict[str, float]:
    """Calls per member that a message to a group is delivered to."""
    async with _house(folder) as house:
        (sender,) = await house.log_in(["sender"])
        members = await house.log_in(f"member{n}" for n in range(MEMBERS))
        sender.do(Create(conversation=4711, title="group", members=tuple(m.user for m in members)))
        sender.peer = 4711
        rounds = 8
        for _ in range(rounds):
            await house.post([sender], members, each=4)
        calls = Calls()
        for _ in range(rounds):
            await house.post([sender], members, each=4, calls=calls)
        assert {member.received for member in members} == {2 * 4 * rounds}
        return {f"calls a member of a group of {MEMBERS}": calls.main / (4 * rounds * MEMBERS)}


async def statements_of_relay(folder: Path, window: int) -> dict[str, float]:
    """Calls into SQLite per batch, and statements it runs per message, until the tables say everything."""
    asked = Asked()
    async with open_sqlite(folder, inline=True, connect=asked.connect) as store, guard_house(store) as house:
        senders, receivers = await _warm(house, window)
        asked.crossings = asked.statements = 0
        for _ in range(ROUNDS[window]):
            await house.post(senders, receivers, each=window)
        await house.settle()
        messages = PAIRS * window * ROUNDS[window]
        return {
            f"calls into SQLite a batch, window {window}": asked.crossings / ROUNDS[window],
            f"statements, window {window}": asked.statements / messages,
        }


async def writes_of_relay(folder: Path, window: int) -> dict[str, float]:
    """Syncs per batch and bytes written per message, until the tables say everything.

    A batch is all that came in at once.
    """
    with Disk.at(folder) as disk:
        async with (
            open_sqlite(folder, inline=True, connect=disk.connect) as store,
            guard_house(store) as house,
        ):
            rounds = ROUNDS_WRITTEN[window]
            senders, receivers = await _warm(house, window, rounds=2)
            disk.forget()
            for _ in range(rounds):
                await house.post(senders, receivers, each=window)
            await house.settle()
            messages = PAIRS * window * rounds
            return {
                f"syncs a batch, window {window}": disk.syncs / rounds,
                f"bytes written, window {window}": disk.written_bytes / messages,
            }


async def resumes(folder: Path) -> dict[str, float]:
    """Calls and statements per session: of a resume that missed something, and of one that did not."""
    asked = Asked()
    async with open_sqlite(folder, inline=True, connect=asked.connect) as store, guard_house(store) as house:
        senders, receivers = await _warm(house, 1)
        await house.hang_up(receivers)
        await house.post(senders, (), each=MISSED)
        asked.statements, calls = 0, Calls()
        receivers = await house.resume(receivers, calls)
        missed, statements = calls.main, asked.statements
        _check(senders, receivers, ROUNDS[1] + MISSED)
        await house.turn()
        calls = Calls()
        await house.hang_up(receivers, calls)
        await house.resume(receivers, calls)
        return {
            f"calls of a resume with {MISSED} missed": missed / PAIRS,
            f"statements of a resume with {MISSED} missed": statements / PAIRS,
            "calls of a drop and a resume with nothing missed": calls.main / PAIRS,
        }


async def resumes_after_a_restart(folder: Path) -> dict[str, float]:
    """The same for sessions that a new server has to look up."""
    asked = Asked()
    async with open_sqlite(folder, inline=True, connect=asked.connect) as store:
        async with guard_house(store) as house:
            senders, receivers = await _warm(house, 1)
            await house.hang_up(receivers)
            await house.post(senders, (), each=MISSED)
            await house.settle()
        async with guard_house(store) as house:
            asked.statements, calls = 0, Calls()
            receivers = await house.resume(receivers, calls)
            _check(senders, receivers, ROUNDS[1] + MISSED)
            return {
                f"calls of a resume with {MISSED} missed, restarted": calls.main / PAIRS,
                f"statements of a resume with {MISSED} missed, restarted": asked.statements / PAIRS,
            }


async def idle_sessions() -> dict[str, float]:
    """What stays of an idle session, and what a PING of it takes."""
    async with guard_house(MemoryStore(epoch=77)) as house:
        await house.log_in(f"early{n}" for n in range(100))
        with kept() as found:
            clients = await house.log_in(f"idle{n}" for n in range(IDLE))
        calls = Calls()
        for client in clients:
            client.queue(frames.Ping())
            client.flush()
        await house.turn(calls)
        return {
            "blocks of an idle session": found.blocks / IDLE,
            "bytes of an idle session": found.size_bytes / IDLE,
            "calls of a PING": calls.main / IDLE,
        }


async def idle_websockets() -> dict[str, float]:
    """What stays of an idle session over WebSocket."""
    async with guard_house(MemoryStore(epoch=77), websocket=True) as house:
        await house.log_in(f"early{n}" for n in range(100))
        with kept() as found:
            await house.log_in(f"idle{n}" for n in range(IDLE))
        return {
            "blocks of an idle session, WebSocket": found.blocks / IDLE,
            "bytes of an idle session, WebSocket": found.size_bytes / IDLE,
        }


async def all_of_them(folder: Path) -> AsyncIterator[tuple[str, float]]:
    """Every figure, each scene in a folder of its own below `folder`."""
    for number, (scene, arguments) in enumerate(
        [
            *((scene, (window,)) for window in ROUNDS for scene in (calls_of_relay, statements_of_relay)),
            *((writes_of_relay, (window,)) for window in ROUNDS),
            (calls_of_fan_out, ()),
            (resumes, ()),
            (resumes_after_a_restart, ()),
        ]
    ):
        own = folder / str(number)
        own.mkdir()
        for figure in (await scene(own, *arguments)).items():  # type: ignore[operator]
            yield figure
    for idle in (idle_sessions, idle_websockets):
        for figure in (await idle()).items():
            yield figure


@asynccontextmanager
async def _house(folder: Path) -> AsyncIterator[GuardHouse]:
    async with open_sqlite(folder, inline=True) as store, guard_house(store) as house:
        yield house


async def _warm(house: GuardHouse, window: int, rounds: int = 0) -> tuple[list[Client], list[Client]]:
    """Pairs that know each other, everything that is made once made."""
    senders, receivers = await house.pairs(PAIRS)
    for _ in range(rounds or ROUNDS[window]):
        await house.post(senders, receivers, each=window)
    await house.settle()
    return senders, receivers


def _carried_bytes(clients: Iterable[Client]) -> int:
    """What their connections have carried, both ways."""
    return sum(cast(Half, client.socket).carried_bytes for client in clients)


def _check(senders: list[Client], receivers: list[Client], each: int) -> None:
    """What was counted was the work: everything was stored and has arrived."""
    assert {sender.results for sender in senders} == {each}
    assert {receiver.received for receiver in receivers} == {each}
