"""One's own results and pages come ahead of the log: they must not make it say less, or something old."""

from dataclasses import replace

import pytest

from improtocol import Body, Code, ConversationType, Kind, Role, Text, pack_body
from improtocol import commands as ask
from improtocol.frames import Result
from improtocol.queries import ConversationInfo, HistoryPage
from imsdk.store import Store
from imsdk.store.rows import GAP, GapReason
from tests.sdk.store.conftest import ME, ROOM, change, created, message

INFO = ConversationInfo(
    conversation=ROOM,
    type=ConversationType.GROUP,
    title="Team",
    peer="",
    role=Role.OWNER,
    head=2,
    first=1,
    read=0,
    unread=0,
    members=1,
    changed_ms=2,
    last=None,
)


async def group(store: Store) -> int:
    """A group of alice's own that is still to be made."""
    key, _ = await store.new_group(ROOM, "Team", 1, ask.Create(conversation=ROOM, title="Team", members=()))
    await store.settle([Result(counter=1, value=1, at_ms=1)])
    return key


async def shown(store: Store) -> list[int]:
    return [row.seq for row in await store.feed(0, 100, messages=True)]


async def test_a_page_from_beyond_the_end_does_not_hide_what_comes_there_later(store: Store) -> None:
    await store.commit_events([created(ME, "bob"), message(2, "one")], 2)
    key = await store.chat_of(ROOM)
    assert key is not None
    page = HistoryPage(entries=(created(ME, "bob"), message(2, "one")), first=1, complete=True)
    await store.take_history(key, page, before=10)
    await store.commit_events([message(3, "two"), message(4, "three")], 4)
    assert await shown(store) == [2, 3, 4]


async def test_the_event_of_having_made_a_group_does_not_undo_having_left_it(store: Store) -> None:
    key = await group(store)
    await store.enqueue(key, ask.Leave(conversation=ROOM), None, 1)
    await store.settle([Result(counter=2, value=2, at_ms=2)])
    await store.commit_events([created(ME)], 1)
    chat = await store.chat(key)
    assert chat is not None
    assert not chat.present


async def test_a_resync_brings_what_lies_before_ones_own_newest_message(store: Store) -> None:
    key = await group(store)
    await store.enqueue(key, ask.Post(conversation=ROOM, body=Body(content=Text("mine"))), None, 1)
    await store.settle([Result(counter=2, value=2, at_ms=2)])
    assert await shown(store) == [], "it waits for what comes before it"
    assert await store.take_infos([INFO]) == ((key, ROOM),), "its page is asked for"
    page = HistoryPage(entries=(created(ME), message(2, "mine", ME)), first=1, complete=True)
    await store.take_newest(key, page, GapReason.RETENTION)
    assert await shown(store) == [2]


async def test_a_resync_ends_what_waits_in_a_conversation_that_is_left(store: Store) -> None:
    """No page of it can be asked for, and the log goes on behind what is missing: a gap says so."""
    key = await group(store)
    await store.commit_events([created(ME)], 1)
    await store.enqueue(key, ask.Post(conversation=ROOM, body=Body(content=Text("mine"))), None, 1)
    await store.enqueue(key, ask.Leave(conversation=ROOM), None, 1)
    await store.settle([Result(counter=2, value=3, at_ms=2), Result(counter=3, value=4, at_ms=3)])
    assert await shown(store) == [], "it waits for the second record"
    await store.end_resync(
        cursor=50, head=50, epoch=1, present=(), accepted=0, forgotten=False, restored=False
    )
    rows = await store.feed(0, 100, messages=True)
    assert [(row.seq, row.kind == GAP) for row in rows] == [(2, True), (3, False)]


async def test_a_group_that_is_still_to_be_made_outlives_a_resync(store: Store) -> None:
    key, _ = await store.new_group(ROOM, "Team", 1, ask.Create(conversation=ROOM, title="Team", members=()))
    await store.end_resync(
        cursor=50, head=50, epoch=1, present=(), accepted=0, forgotten=False, restored=False
    )
    chat = await store.chat(key)
    assert chat is not None
    assert chat.present


@pytest.mark.parametrize("acked", [False, True])
async def test_a_group_that_another_device_has_left_before_the_result_of_making_it_came_is_left(
    store: Store, acked: bool
) -> None:
    """The snapshot was taken when it had been made and left: neither the result nor the log will say so."""
    key, _ = await store.new_group(ROOM, "Team", 1, ask.Create(conversation=ROOM, title="Team", members=()))
    await store.enqueue(key, ask.Post(conversation=ROOM, body=Body(content=Text("hello"))), None, 1)
    made = Result(counter=1, value=1, at_ms=1)
    if acked:
        await store.settle([made])
    await store.end_resync(
        cursor=50, head=50, epoch=1, present=(), accepted=1, forgotten=False, restored=False
    )
    await store.settle([*([] if acked else [made]), Result(counter=2, code=Code.NOT_FOUND)])
    chat = await store.chat(key)
    assert chat is not None
    assert not chat.present


async def test_one_is_no_member_of_a_group_whose_making_was_refused(store: Store) -> None:
    key, _ = await store.new_group(ROOM, "Team", 1, ask.Create(conversation=ROOM, title="Team", members=()))
    await store.settle([Result(counter=1, code=Code.CONFLICT)])
    chat = await store.chat(key)
    assert chat is not None
    assert not chat.present


async def test_results_of_a_group_that_a_snapshot_no_longer_has_wait_for_nothing(store: Store) -> None:
    """They were carried out before it, whatever was answered at first: the log has passed what is missing."""
    key, _ = await store.new_group(ROOM, "Team", 1, ask.Create(conversation=ROOM, title="Team", members=()))
    await store.enqueue(key, ask.Post(conversation=ROOM, body=Body(content=Text("mine"))), None, 1)
    await store.enqueue(key, ask.Leave(conversation=ROOM), None, 1)
    await store.settle([Result(counter=1, value=1, at_ms=1)])
    await store.end_resync(
        cursor=50, head=50, epoch=1, present=(), accepted=1, forgotten=False, restored=False
    )
    await store.settle([Result(counter=2, value=2, at_ms=2), Result(counter=3, value=3, at_ms=3)])
    rows = await store.feed(0, 100, messages=True)
    assert [(row.seq, row.kind == GAP) for row in rows] == [(1, True), (2, False)]


async def test_in_a_group_that_one_is_taken_into_again_results_wait_for_the_log(store: Store) -> None:
    await store.commit_events([created("bob", ME)], 1)
    await store.end_resync(
        cursor=50, head=50, epoch=1, present=(), accepted=0, forgotten=False, restored=False
    )
    await store.commit_events([change(Kind.JOINED, 4, [ME])], 51)
    key = await store.chat_of(ROOM)
    assert key is not None
    await store.enqueue(key, ask.Post(conversation=ROOM, body=Body(content=Text("mine"))), None, 1)
    await store.settle([Result(counter=1, value=6, at_ms=2)])
    assert await shown(store) == []
    await store.commit_events([message(5, "theirs")], 52)
    assert await shown(store) == [5, 6]


async def test_a_restore_forgets_a_conversation_of_which_only_results_have_told(store: Store) -> None:
    """The event that names it was under way when the server went; the next one counts from 1 again."""
    key = await store.chat_with("bob")
    for text in ("lost", "new"):
        await store.enqueue(key, ask.Post(conversation="bob", body=Body(content=Text(text))), None, 1)
    await store.settle([Result(counter=1, value=2, at_ms=1)])
    await store.end_resync(cursor=0, head=0, epoch=2, present=(), accepted=0, forgotten=True, restored=True)
    rows = await store.feed(0, 100, messages=True)
    assert [(row.seq, row.kind == GAP) for row in rows] == [(1, True)], "that it was acked counts no more"
    await store.settle([Result(counter=1, value=2, at_ms=9)])
    found = await store.message(key, 2)
    assert found is not None
    assert (found.at_ms, found.body) == (9, pack_body(Body(content=Text("new"))))
    await store.commit_events([created(ME, "bob", kind=1)], 1)
    assert await shown(store) == [1, 2], "the gap, and what came in its place"
    assert await store.chat_of(ROOM) == key


async def test_a_restore_forgets_a_group_that_one_joined_after_the_backup(store: Store) -> None:
    """Taken into it again, one finds other records under the numbers of those that were lost."""
    await store.commit_events([change(Kind.JOINED, 3, [ME]), message(4, "lost")], 2)
    assert [row.seq for row in await store.feed(0, 100, messages=True)] == [4]
    await store.end_resync(cursor=0, head=0, epoch=2, present=(), accepted=0, forgotten=False, restored=True)
    await store.commit_events([change(Kind.JOINED, 4, [ME]), message(5, "new")], 2)
    key = await store.chat_of(ROOM)
    assert key is not None
    rows = await store.feed(0, 100, messages=True)
    assert [(row.seq, row.kind == GAP) for row in rows] == [(1, True), (5, False)]
    found = await store.history(key, 0, 10)
    assert [row.seq for row in found.messages] == [5]
    assert await store.message(key, 4) is None
    assert await store.stale_chats(10) == ((key, ROOM),), "title and members are asked for anew"
    chat = await store.chat(key)
    assert chat is not None
    assert chat.present


async def test_a_restore_ends_what_waits_below_the_page_that_is_compared(store: Store) -> None:
    """It is not in the page, so nothing of it can be compared: a gap takes its place."""
    key = await group(store)
    await store.commit_events([created(ME)], 1)
    for text in ("mine", "mine too"):
        await store.enqueue(key, ask.Post(conversation=ROOM, body=Body(content=Text(text))), None, 1)
    await store.settle([Result(counter=2, value=3, at_ms=1), Result(counter=3, value=6, at_ms=2)])
    page = HistoryPage(entries=(message(9, "theirs"),), first=9, complete=False)
    await store.take_infos([replace(INFO, head=9)], all_pages=True)
    await store.take_newest(key, page, GapReason.RESTORED)
    rows = await store.feed(0, 100, messages=True)
    assert [(row.seq, row.kind == GAP) for row in rows] == [(2, True), (9, False)]
