"""G1, G2 and G3 across SIGKILL: a writer process is killed again and again, on one directory."""

import subprocess
import sys
from pathlib import Path

from improtocol.values import unpack
from imserver.storage.sqlite import open_sqlite
from imserver.storage.verify import verify
from tests.contracts.house import ROOM, House

KILLS = 12

#: Appends batches of messages for ever and says after each which counter is now durable.
WRITER = """
import sys, trio
from pathlib import Path
from imserver.storage import writing
from imserver.storage.sqlite import open_sqlite
from tests.contracts.house import House

async def main():
    writing.CHECKPOINT_ROWS = 50  # kills must meet checkpoints too
    async with open_sqlite(Path(sys.argv[1]), inline=sys.argv[2] == "inline") as store:
        house = House(store)
        house.users = await store.user_ids(1, ["alice", "bob"])
        (house.devices["alice"],) = await store.device_sessions(house.users["alice"])
        counter = house.counters[house.devices["alice"].id] = house.devices["alice"].accepted
        print(counter, flush=True)
        while True:
            size = 1 + counter % 7
            await store.append(
                [house.message("alice", f"{counter + n + 1}", "alice", "bob") for n in range(size)])
            counter += size
            print(counter, flush=True)

trio.run(main)
"""


def run_and_kill(folder: Path, driver: str, acks: int) -> tuple[int, int]:
    """Kill a writer after it acked `acks` batches; returns where it began and the last counter it acked."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), driver], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        began = int(child.stdout.readline())
        acked = began
        for _ in range(acks):
            acked = int(child.stdout.readline())
        child.kill()
        # What it wrote before it died counts: it was acked.
        rest = child.stdout.read().splitlines(keepends=True)
        return began, max([acked, *(int(line) for line in rest if line.endswith("\n"))])


async def test_everything_acked_is_there_after_each_sigkill_and_what_is_there_is_a_prefix(
    tmp_path: Path,
) -> None:
    async with open_sqlite(tmp_path, inline=True) as store:
        house = await House.build(store)
        await house.room("alice", "bob")
    acked = 0
    for kill in range(KILLS):
        began, last = run_and_kill(tmp_path, "inline" if kill % 2 else "threads", acks=kill * 3)
        assert began >= acked, "an acked command was forgotten"
        acked = last
        report = verify(tmp_path)
        assert report.sound, report.findings
    async with open_sqlite(tmp_path, inline=True) as store:
        (device, *_) = await store.device_sessions(house.users["alice"])
        assert device.accepted >= acked
        # Sequence number 1 is the creation; counter n made sequence number n + 1 and said so in its text.
        entries, _ = await store.history(ROOM, first=2, before=0, limit=10**6, bytes_max=10**9)
        assert [unpack(entry.payload) for entry in entries] == [
            f"{counter}" for counter in range(1, device.accepted + 1)
        ]
        for user in house.users.values():
            log = await store.log_range(user, 1, limit=10**6, bytes_max=10**9)
            assert [row.entry.seq for row in log] == list(range(2, device.accepted + 2))
