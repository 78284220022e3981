"""Whatever happens, and in whatever order: the core against a model that only remembers what was said.

Posts, dropped and half-open connections, resumes, logins, restarts, a full disk and slow commits, in any
order; then the faults stop, and G1 to G5 and G8 must hold.
"""

from dataclasses import dataclass, field

import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from improtocol import Kind, State, frames
from improtocol import commands as c
from improtocol.limits import COMMANDS_IN_FLIGHT_MAX
from imserver.core import CoreLimits
from tests.core.house import FakeLink, House, Phone, SlowStore, post, text_of

GROUP = 4711
DEVICES = (("ann", "phone"), ("ann", "tablet"), ("bea", "phone"), ("cem", "phone"))
#: Small enough that windows, tails and caches are at their ends all the time.
TIGHT = CoreLimits(
    tail_entries_max=3,
    silent_positions_max=2,
    batch_commands_max=3,
    users_cached_max=1,
    conversations_cached_max=1,
    cold_reads_max=2,
)

device = st.integers(0, len(DEVICES) - 1)
step = st.one_of(
    st.tuples(st.just("post"), device, st.sampled_from(("ann", "bea", "cem", GROUP))),
    st.tuples(st.just("read"), device, st.sampled_from(("ann", "bea", "cem", GROUP))),
    st.tuples(st.sampled_from(("drop", "vanish", "resume", "resume", "login")), device),
    st.tuples(st.sampled_from(("settle", "settle", "restart", "full", "room", "hold", "release", "jump"))),
)


@dataclass
class Device:
    """A phone, what it posted (counter -> where, text), and what it knows: (conversation, seq) -> text."""

    phone: Phone
    posted: dict[int, tuple[int | str, str]] = field(default_factory=dict)
    known: dict[tuple[int, int], str] = field(default_factory=dict)
    committed: int = 0

    async def settle(self) -> None:
        """Take what came; after a RESYNC take the snapshot and seek, as a client does."""
        phone = self.phone
        await phone.settle()
        self.commit()
        while phone.link is not None and phone.resyncs() and phone.link.client.state is State.OPEN:
            self.hang_up(phone.link)
            page = await phone.conversations()
            for info in page.conversations:
                history = await phone.history(info.conversation, limit=200)
                for entry in history.entries:
                    self.known.setdefault((entry.conversation, entry.seq), said(entry))
            phone.cursor = page.head
            phone.link.say(frames.Seek(position=page.head))
            await phone.settle()
            self.commit()

    def hang_up(self, link: FakeLink | None = None) -> None:
        """Go without a connection, or on with `link`; what a RESYNC asked for counts no more."""
        self.phone.link = link
        self.phone.other = [frame for frame in self.phone.other if not isinstance(frame, frames.Resync)]

    def commit(self) -> None:
        for entry in self.phone.entries[self.committed :]:
            if entry.kind != Kind.READ:
                key = (entry.conversation, entry.seq)
                # Twice only across a snapshot, which overlaps with the log on purpose; then it is the same.
                assert self.known.setdefault(key, said(entry)) == said(entry)
        self.committed = len(self.phone.entries)


def said(entry: object) -> str:
    return text_of(entry) if entry.kind == Kind.MESSAGE else f"kind {entry.kind}"  # type: ignore[attr-defined, arg-type]


async def play(steps: list[tuple[object, ...]]) -> None:
    clock = trio.lowlevel.current_clock()
    assert isinstance(clock, trio.testing.MockClock)
    async with trio.open_nursery() as nursery:
        house = await House(SlowStore(epoch=77), limits=TIGHT).open(nursery)
        try:
            devices = [Device(house.phone(*names)) for names in DEVICES]
            for one in devices:
                await one.phone.connect()
            await house.group(devices[0].phone, "bea", "cem", id=GROUP)
            for number, (name, *arguments) in enumerate(steps):
                if name in {"settle", "restart", "full", "room", "hold", "release", "jump"}:
                    await disturb(house, devices, str(name), clock)
                else:
                    await act(devices[arguments[0]], str(name), arguments, number)  # type: ignore[call-overload]
            await recover(house, devices)
            await check(devices)
        finally:
            house.store.release()  # a commit that is held back cannot be cancelled
        nursery.cancel_scope.cancel()


async def disturb(house: House, devices: list[Device], name: str, clock: trio.testing.MockClock) -> None:
    match name:
        case "settle":
            for one in devices:
                await one.settle()
        case "restart":
            house.store.release()
            for one in devices:
                one.hang_up()
            await house.restart()
        case "full" | "room":
            house.store.full = name == "full"
        case "hold" if not house.store.holding:
            house.store.hold("append")
        case "release":
            house.store.release()
        case "jump":
            clock.jump(6)
            await trio.testing.wait_all_tasks_blocked()


async def act(one: Device, name: str, arguments: list[object], number: int) -> None:
    phone = one.phone
    match name:
        case "post" | "read" if len(phone.outbox) < COMMANDS_IN_FLIGHT_MAX and arguments[1] != phone.user:
            where = arguments[1]
            assert isinstance(where, int | str)
            if name == "post":
                one.posted[phone.counter + 1] = (where, f"{number} of {phone.user}'s {phone.device}")
                phone.send(post(where, one.posted[phone.counter + 1][1]))
            else:
                phone.send(c.MarkRead(conversation=where, seq=1))
        case "drop" if phone.link is not None:
            phone.drop()
        case "vanish" if phone.link is not None:
            phone.vanish()
        case "resume":
            one.hang_up()
            await phone.resume(settle=False)
        case "login":
            one.hang_up()
            counter = phone.counter
            await phone.connect(settle=False)
            phone.counter = counter


async def recover(house: House, devices: list[Device]) -> None:
    """The faults stop: everybody comes back, and says what is still unsaid."""
    house.store.full = False
    house.store.release()
    for _ in range(4):
        for one in devices:
            one.hang_up()
            await one.phone.connect(settle=False)
        for one in devices:
            await one.settle()
        for one in devices:
            one.hang_up()
            await one.phone.resume(settle=False)
        for one in devices:
            await one.settle()
    for one in devices:
        await one.settle()
        assert not one.phone.outbox, "G8: each command ends in a result"


async def check(devices: list[Device]) -> None:
    truth: dict[tuple[int, int], str] = {}
    for one in devices:
        for info in (await one.phone.conversations()).conversations:
            history = await one.phone.history(info.conversation, limit=200)
            assert [entry.seq for entry in history.entries] == list(range(1, info.head + 1)), "G3: dense"
            truth |= {(info.conversation, entry.seq): said(entry) for entry in history.entries}
    texts = [text for text in truth.values() if not text.startswith("kind")]
    assert len(texts) == len(set(texts)), "G2: nothing twice"
    for one in devices:
        mine = {info.conversation for info in (await one.phone.conversations()).conversations}
        wanted = {key: text for key, text in truth.items() if key[0] in mine}
        own = {text for _, text in one.posted.values()}
        for counter, (_, text) in one.posted.items():
            result = one.phone.results[counter]
            assert result.code == 0, "nothing was refused for good"
            assert text in {wanted[key] for key in wanted if key[1] == result.value}, "G1: where it was acked"
        unseen = {text for key, text in wanted.items() if key not in one.known}
        assert unseen <= own, "G4, G5: every device has everything that it did not say itself"
        assert all(wanted[key] == text for key, text in one.known.items() if key in wanted), "G6: no phantom"
        assert set(one.known) <= set(wanted)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(st.lists(step, min_size=5, max_size=60))
def test_nothing_is_lost_doubled_reordered_or_invented_whatever_happens(
    steps: list[tuple[object, ...]],
) -> None:
    trio.run(play, steps, clock=trio.testing.MockClock())
