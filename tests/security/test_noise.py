"""Many who come and go, and one who talks nonsense: the others are served, and nothing is left behind."""

import gc
import os
import random
from pathlib import Path

import psutil
import pytest
import trio
import trio.testing

from improtocol import Connection, Side, State, frames
from improtocol.steps import STEPS
from tests.core.house import post
from tests.security.doors import UPGRADE, Doors, Wire, reset
from tests.security.requests import COMMANDS, GROUP, QUERIES, Target

#: `make fuzz-long` does a hundred thousand.
CYCLES = int(os.environ.get("OPEN_ABORT_CYCLES", "2500"))
WITNESSES = 1000
FUZZED = 1500


def count_tasks() -> int:
    """All of trio's tasks."""
    root = trio.lowlevel.current_root_task()
    assert root is not None
    waiting, count = [root], 0
    while waiting:
        task = waiting.pop()
        count += 1
        for nursery in task.child_nurseries:
            waiting += nursery.child_tasks
    return count


def count_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def cycle(doors: Doors, n: int) -> None:
    """Open a connection, say a part of something, and break it off."""
    connect = Connection(Side.CLIENT).send(frames.Connect(token=doors.token("alice"), device="phone"))
    door, said = {
        0: ("tcp", b""),
        1: ("ws", b""),
        2: ("tcp", b"\x81"),
        3: ("ws", UPGRADE[: n % len(UPGRADE)]),
        4: ("tcp", connect[: n % len(connect)]),
        5: ("ws", UPGRADE + b"\x82\xfe\x10"),
        6: ("tcp", os.urandom(n % 64)),
        7: ("http", UPGRADE[: n % 50]) if n % 5 == 0 else ("tcp", connect),
    }[n % 8]
    wire = await doors.dial(door)
    if said:
        await wire.send(said)
    if n % 3 == 0:
        await trio.testing.wait_all_tasks_blocked()
    reset(wire)
    doors._open.clear()


async def test_open_and_abort_cycles_return_memory_descriptors_and_tasks_to_the_base(doors: Doors) -> None:
    async def measure() -> tuple[int, int, int, int]:
        await trio.testing.wait_all_tasks_blocked()
        await doors.pass_time(40)  # every deadline and every slot of the wheel
        gc.collect()
        return count_tasks(), count_descriptors(), len(gc.get_objects()), psutil.Process().memory_info().rss

    for n in range(600):  # what is made once and kept
        await cycle(doors, n)
    before = await measure()
    for n in range(CYCLES):
        await cycle(doors, n)
        if n % 250 == 249:
            await doors.pass_time(8)  # the wheel holds a connection that is gone until its slot comes up
    after = await measure()
    assert after[:2] == before[:2]
    assert after[2] - before[2] < 100, "objects that nobody lets go of"
    assert after[3] - before[3] < 8 * 1024 * 1024, "bytes; the allocator keeps some"
    statistics = doors.gateway.statistics()
    assert (statistics.connections, statistics.faults) == (0, 0)
    assert statistics.accepted > CYCLES * 0.9


async def fuzz(doors: Doors, rng: random.Random, said: list[bytes]) -> None:
    """One peer with a valid session says frames of which some bytes are wrong, until it is thrown out."""
    wire, _ = await doors.login("fuzzer")
    stream = b"".join(rng.choices(said, k=rng.randint(1, 6)))
    for _ in range(rng.randint(0, 3)):
        index = rng.randrange(len(stream))
        stream = stream[:index] + rng.randbytes(rng.randint(0, 3)) + stream[index + rng.randint(0, 3) :]
        stream = stream or b"\0"
    await wire.send(stream)
    await trio.testing.wait_all_tasks_blocked()
    wire.stream.socket.close()
    doors._open.remove(wire.stream)


def valid_frames() -> list[bytes]:
    """A client's frames of every kind, each the first of its connection."""
    target = Target(GROUP)
    said: list[frames.Frame] = [frames.Command(counter=1, action=make(target)) for make in COMMANDS.values()]
    for make_query in QUERIES.values():
        question = make_query(target)
        said.append(frames.Query(id=1, op=question.OP, arguments=question.arguments()))
    said += [frames.Ack(count=1), frames.Seek(position=0), frames.Mode(mode=1), frames.Ping(), frames.Pong()]
    said += [frames.Signal(kind=kind, conversation=GROUP, user="bob", value=1) for kind in (1, 2, 3, 4)]
    encoded = []
    for frame in said:
        connection = Connection(Side.CLIENT)
        connection.send(frames.Connect(token="t", device="d"))
        connection.step = STEPS[State.OPEN, Side.CLIENT]
        encoded.append(connection.send(frame))
    return encoded


async def test_one_connection_after_the_other_fuzzing_while_others_stay_up_and_are_served(
    doors: Doors,
) -> None:
    witnesses: list[Wire] = []
    for n in range(WITNESSES):
        doors.core._attacher._connects._level = 1000.0  # admission control is not what is tested here
        witnesses.append((await doors.login(f"witness {n}"))[0])
    rng, said = random.Random(4), valid_frames()
    for n in range(FUZZED):
        doors.core._attacher._connects._level = 1000.0  # admission control is not what is tested here
        await fuzz(doors, rng, said)
        if n % 100 == 0:
            speaker = witnesses[n // 100 % WITNESSES]
            counter = n // 100 // WITNESSES + 1
            await speaker.say(frames.Command(counter=counter, action=post("somebody", f"{n}")))
            while not isinstance(heard := await speaker.hear(), frames.Result):
                assert heard is not None
            assert heard.code == 0
    for witness in witnesses:
        await witness.say(frames.Ping())
        while (heard_last := await witness.hear()) != frames.Pong():
            assert heard_last is not None
    assert doors.gateway.statistics().faults == 0
    assert doors.gateway.statistics().protocol_errors > FUZZED / 10


@pytest.mark.parametrize("door", ["tcp", "ws", "http"])
async def test_seeded_garbage_never_makes_a_fault(doors: Doors, door: str) -> None:
    rng = random.Random(9)
    for _ in range(60):
        wire = await doors.dial(door)
        head = rng.choice((b"", UPGRADE, UPGRADE.replace(b"Upgrade: w", b"Upgrade: x")))
        await wire.send(head + rng.randbytes(rng.randint(1, 400)))
        await trio.testing.wait_all_tasks_blocked()
        reset(wire)
    assert doors.gateway.statistics().faults == 0
    doors._open.clear()
