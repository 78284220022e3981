"""Pictures and files: order, drops, kills, refusals, full disks."""

import hashlib
from pathlib import Path

import pytest
import trio
import trio.testing
from trio.testing import MockClock, wait_all_tasks_blocked

import imsdk
from imsdk.media_interface import KeptDraft, ProgressStore, Report, SlotProvider, Uploaded
from imsdk.testing import Server
from imsdk.uploads import UPLOADS_MAX
from tests.sdk.conftest import Open, take

DATA = bytes(range(256)) * 40


def file_draft() -> object:
    return imsdk.File.from_bytes(DATA, name="list.bin")


class Transfers:
    """Uploads that the test lets through, breaks off or refuses."""

    def __init__(self, *outcomes: Exception | None) -> None:
        self.outcomes = list(outcomes)
        self.gate = trio.Event()
        self.saved: list[dict[str, object]] = []

    async def upload(
        self, path: Path, kept: KeptDraft, *, slots: SlotProvider, progress: ProgressStore, report: Report
    ) -> Uploaded:
        self.saved.append(dict(await progress.load()))
        await self.gate.wait()
        report(kept.size // 2, kept.size)
        await progress.save({"offset": kept.size // 2})
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if outcome is not None:
            raise outcome
        report(kept.size, kept.size)
        data = path.read_bytes()  # noqa: ASYNC240 - a fake
        media = imsdk.Media(id=hashlib.sha256(data).digest(), size=len(data), mime=kept.mime)
        return Uploaded(media=media)

    async def download(self, *args: object, **options: object) -> Path:
        raise NotImplementedError

    async def aclose(self) -> None:
        pass


async def test_a_file_reaches_the_other_side_byte_for_byte(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice", "a") as im, client("bob", "b") as bob:
        chat = await im.conversation(with_user="bob")
        picture = await chat.send(file_draft())
        text = await chat.send("and this is the list")
        (first, second) = await take(bob.messages(), 2)
        assert isinstance(first.content, imsdk.File)
        assert second.content == imsdk.Text("and this is the list")
        assert (await picture.acked(), await text.acked()) == (2, 3)
        path = await bob.download(first)
        assert path.read_bytes() == DATA
        (own,) = [message for message in (await chat.history()).messages if message.seq == 2]
        server.offline()
        assert (await im.download(own)).read_bytes() == DATA, "the sender need not fetch it"


async def test_text_does_not_overtake_a_picture_but_other_chats_go_on(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice", "a") as im:
        await im.synced()
        server.offline()
        bob, carol = await im.conversation(with_user="bob"), await im.conversation(with_user="carol")
        await bob.send(file_draft())
        behind, free = await bob.send("behind"), await carol.send("free")
        counters = {row.local: row.counter for row in await im.pending()}
        assert counters[behind.local_id] is None
        assert counters[free.local_id] is not None
        server.online()
        assert await behind.acked() == 3


async def test_an_upload_goes_on_after_the_app_was_killed(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    transfers = Transfers(imsdk.TransferInterrupted("cut"))
    transfers.gate.set()
    server.offline()
    async with client("alice", "phone", transfers=transfers) as im:
        chat = await im.conversation(with_user="bob")
        sent = await chat.send(file_draft())
        await wait_all_tasks_blocked()
    assert transfers.saved == [{}]
    server.online()
    again = Transfers()
    async with client("alice", "phone", transfers=again) as im:
        chat = await im.conversation(with_user="bob")
        progress = im.sent(sent.local_id).progress
        again.gate.set()
        assert [done async for done, _ in progress][-1] == len(DATA)
        assert again.saved == [{"offset": len(DATA) // 2}]
        assert [step async for step in (await chat.send("text")).progress] == [], "text has nothing to upload"
        assert [step async for step in im.sent(sent.local_id).progress] == []


async def test_a_refused_upload_is_told_and_what_waits_behind_it_goes_on(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    transfers = Transfers(imsdk.TransferRefused("too large", imsdk.Code.TOO_LARGE))
    transfers.gate.set()
    async with client("alice", "phone", transfers=transfers) as im:
        await im.synced()
        chat = await im.conversation(with_user="bob")
        bad, text = await chat.send(file_draft()), await chat.send("text")
        with pytest.raises(imsdk.Refused, match="too large"):
            await bad.acked()
        assert await text.acked() == 2


async def test_a_draft_can_be_taken_back_before_it_is_uploaded(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    transfers = Transfers()
    async with client("alice", "phone", transfers=transfers) as im:
        await im.synced()
        chat = await im.conversation(with_user="bob")
        draft, text = await chat.send(file_draft()), await chat.send("text")
        await trio.testing.wait_all_tasks_blocked()  # the text was looked for, and had to wait
        assert await draft.discard()
        assert await text.acked() == 2
        assert await im.pending() == ()


async def test_whoever_waits_for_a_draft_that_is_taken_back_is_told_and_so_is_the_next_life(
    autojump_clock: MockClock, client: Open, server: Server, tmp_path: Path
) -> None:
    told: list[int] = []
    async with client("alice", "phone", transfers=Transfers()) as im:
        chat = await im.conversation(with_user="bob")
        draft = await chat.send(file_draft())

        async def wait() -> None:
            with pytest.raises(imsdk.Discarded):
                await draft.acked()
            told.append(draft.local_id)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await wait_all_tasks_blocked()
            assert await draft.discard()
        assert told == [draft.local_id]
        assert [step async for step in draft.progress] == [], "its upload has ended"
        assert list((tmp_path / "phone" / "outbox").iterdir()) == []
        assert not await im.sent(draft.local_id).discard(), "only once"
        assert await im.pending() == await chat.pending() == ()
        assert await (await chat.send("text")).acked() == 2
    async with client("alice", "phone") as im:
        with pytest.raises(imsdk.Discarded):
            await im.sent(draft.local_id).acked()


async def test_a_draft_that_is_taken_back_leaves_its_place_to_the_next_upload(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    transfers = Transfers()
    async with client("alice", "phone", transfers=transfers) as im:
        await im.synced()
        chat = await im.conversation(with_user="bob")
        drafts = [await chat.send(file_draft()) for _ in range(UPLOADS_MAX + 2)]
        await wait_all_tasks_blocked()
        assert len(transfers.saved) == UPLOADS_MAX
        assert await drafts[-1].discard(), "it has not begun"
        assert await drafts[0].discard()
        await wait_all_tasks_blocked()
        assert len(transfers.saved) == UPLOADS_MAX + 1
        transfers.gate.set()
        await wait_all_tasks_blocked()
    assert len(transfers.saved) == UPLOADS_MAX + 1, "and the other one was never begun"


async def test_a_refused_command_that_is_forgotten_was_refused_in_the_next_life_too(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    async with client("alice", "phone") as im:
        chat = await im.conversation(with_user="bob")
        server.refuse(imsdk.Code.FORBIDDEN)
        sent = await chat.send("no")
        with pytest.raises(imsdk.Refused):
            await sent.acked()
        assert await sent.discard()
        assert await im.pending() == ()
    async with client("alice", "phone") as im:
        with pytest.raises(imsdk.Refused):
            await im.sent(sent.local_id).acked()


async def test_copies_of_killed_sends_are_swept_away(
    autojump_clock: MockClock, client: Open, server: Server, tmp_path: Path
) -> None:
    left = tmp_path / "phone" / "outbox" / "orphan"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"x")
    async with client("alice", "phone"):
        assert not left.exists()


async def test_a_full_phone_is_a_typed_error_and_goes_on_when_there_is_room(
    autojump_clock: MockClock, client: Open, server: Server, tmp_path: Path
) -> None:
    store = imsdk.SqliteStore(tmp_path / "phone", inline=True)
    async with client("alice", store=store, data_dir=tmp_path / "phone") as im:
        await im.synced()
        chat = await im.conversation(with_user="bob")
        await (await chat.send("before")).acked()
        con = store._database._connection
        assert con is not None
        (pages,) = con.execute("PRAGMA page_count").fetchone()
        con.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(imsdk.StorageFull):
            await chat.send("x" * 20_000)
        server.post("bob", "alice", "y" * 20_000)
        await trio.sleep(20)
        assert im.state.phase is imsdk.Phase.WAITING
        assert "room" in im.state.reason
        assert [m.seq for m in (await chat.history()).messages] == [2], "reading goes on"
        con.execute("PRAGMA max_page_count = 100000")
        found = await take(im.messages(), 2)
        assert [message.seq for message in found] == [2, 3]
        assert await (await chat.send("after")).acked() == 4
