"""The store's page, claim by claim, for every implementation."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from improtocol import Body, Code, ConversationType, Entry, Kind, Role, Text, pack
from improtocol.commands import Action, Edit, MarkRead, Post
from improtocol.frames import Result
from improtocol.queries import ConversationInfo, MemberInfo
from imsdk.store import MemoryStore, Store
from imsdk.store.rows import GAP, UNREADABLE
from tests.sdk.store.conftest import ME, ROOM, change, connected, created, message


async def feed_of(store: Store) -> list[tuple[int, int]]:
    """(kind, seq) of everything the app sees, in its order."""
    rows = [*await store.feed(0, 1000, messages=True), *await store.feed(0, 1000, messages=False)]
    return [(row.kind, row.seq) for row in sorted(rows, key=lambda row: row.position)]


def post(text: str, to: int | str = ROOM) -> Post:
    return Post(conversation=to, body=Body(content=Text(text)))


async def test_events_and_cursor_are_committed_together(store: Store) -> None:
    await store.commit_events([created(ME, "bob"), message(2, "hi")], 7)
    identity = await store.identity()
    assert identity.cursor == 7
    assert await feed_of(store) == [(Kind.CREATED, 1), (Kind.MESSAGE, 2)]


async def test_an_entry_that_comes_again_changes_nothing(store: Store) -> None:
    for _ in range(2):
        await store.commit_events([created(ME, "bob"), message(2, "hi"), message(3, "ho")], 3)
    (chat,) = await store.chats(10)
    assert (chat.unread, chat.head, len(await feed_of(store))) == (2, 3, 3)


async def test_an_entry_that_makes_no_sense_is_shown_as_such_and_counted(store: Store) -> None:
    bad = [change(Kind.EDITED, 2, "no list"), Entry(99, 1003, "bob", ROOM, 3, pack([1]))]
    committed = await store.commit_events([created(ME, "bob"), *bad, message(4, "fine")], 4)
    assert committed.unreadable == 2
    assert await feed_of(store) == [(Kind.CREATED, 1), (UNREADABLE, 2), (UNREADABLE, 3), (Kind.MESSAGE, 4)]


async def test_counters_are_dense_and_in_order_and_a_draft_holds_back_only_its_own_chat(store: Store) -> None:
    bob, carol = await store.chat_with("bob"), await store.chat_with("carol")
    draft = await store.enqueue(bob, None, '{"kept": {}}', 1)
    behind = await store.enqueue(bob, post("behind", "bob"), None, 2)
    free = await store.enqueue(carol, post("free", "carol"), None, 3)
    counters = {row.local: row.counter for row in await store.pending()}
    assert counters == {draft: None, behind: None, free: 1}
    await store.make_ready(draft, post("picture", "bob"))
    counters = {row.local: row.counter for row in await store.pending()}
    assert counters == {draft: 2, behind: 3, free: 1}


async def test_what_waits_behind_a_refused_draft_may_go(store: Store) -> None:
    bob = await store.chat_with("bob")
    draft = await store.enqueue(bob, None, '{"kept": {}}', 1)
    behind = await store.enqueue(bob, post("behind", "bob"), None, 2)
    await store.fail(draft, Code.TOO_LARGE, "too large")
    rows = {row.local: (row.counter, row.code) for row in await store.pending()}
    assert rows == {draft: (None, Code.TOO_LARGE), behind: (1, 0)}
    assert await store.discard(draft)
    assert [row.local for row in await store.pending()] == [behind]


async def test_a_result_turns_the_command_into_its_record_once(store: Store) -> None:
    await store.commit_events([created(ME, "bob")], 1)
    chat = await store.chat_of(ROOM)
    assert chat is not None
    local = await store.enqueue(chat, post("mine"), None, 1)
    result = Result(counter=1, value=2, at_ms=1002)
    (settled,) = await store.settle([result])
    assert (settled.local, settled.seq) == (local, 2)
    assert await store.settle([result]) == ()
    row = await store.message_by_local(local)
    assert row is not None
    assert (row.seq, row.sender) == (2, ME)
    assert await store.pending() == ()
    assert (await store.identity()).acked == 1


async def test_a_result_that_overtakes_events_is_shown_after_them(store: Store) -> None:
    await store.commit_events([created(ME, "bob")], 1)
    chat = await store.chat_of(ROOM)
    assert chat is not None
    await store.enqueue(chat, post("mine"), None, 1)
    await store.settle([Result(counter=1, value=4, at_ms=1004)])
    assert await feed_of(store) == [(Kind.CREATED, 1)]
    await store.commit_events([message(2, "a"), message(3, "b")], 4)
    assert await feed_of(store) == [(Kind.CREATED, 1), (0, 2), (0, 3), (0, 4)]


async def test_a_hole_is_no_gap_while_an_own_command_is_under_way(store: Store) -> None:
    await store.commit_events([created(ME, "bob")], 1)
    chat = await store.chat_of(ROOM)
    assert chat is not None
    await store.enqueue(chat, post("mine"), None, 1)
    await store.commit_events([message(3, "after mine")], 3)
    assert await feed_of(store) == [(Kind.CREATED, 1)]
    await store.settle([Result(counter=1, value=2, at_ms=1002)])
    assert await feed_of(store) == [(Kind.CREATED, 1), (0, 2), (0, 3)]


async def test_a_hole_that_nothing_can_fill_becomes_a_gap(store: Store) -> None:
    await store.commit_events([created(ME, "bob"), message(4, "later")], 4)
    assert await feed_of(store) == [(Kind.CREATED, 1), (GAP, 2), (0, 4)]


async def test_the_last_of_two_edits_wins_whatever_comes_first(store: Store) -> None:
    entries = [
        created(ME, "bob"),
        message(2, "v1"),
        change(Kind.EDITED, 3, [2, "v2"]),
        change(Kind.EDITED, 4, [2, "v3"]),
    ]
    await store.commit_events(entries, 4)
    chat = await store.chat_of(ROOM)
    assert chat is not None
    row = await store.message(chat, 2)
    assert row is not None
    assert (row.body, row.edited_ms) == (pack("v3"), 1004)


async def test_an_own_read_mark_shows_at_once_and_unread_is_counted_from_it(store: Store) -> None:
    await store.commit_events([created(ME, "bob"), *(message(n, "x") for n in range(2, 8))], 7)
    (before,) = await store.chats(1)
    assert before.unread == 6
    await store.enqueue(before.chat, MarkRead(conversation=ROOM, seq=5), None, 1)
    (after,) = await store.chats(1)
    assert (after.read, after.unread) == (5, 2)
    await store.commit_events([change(Kind.RECALLED, 8, [7])], 8)
    assert (await store.chats(1))[0].unread == 1


async def test_a_line_of_the_list_that_is_older_than_the_events_keeps_their_count(store: Store) -> None:
    await store.commit_events([created(ME, "bob"), *(message(n, "x") for n in range(2, 6))], 5)
    info = ConversationInfo(
        conversation=ROOM,
        type=ConversationType.GROUP,
        title="Team",
        peer="",
        role=Role.MEMBER,
        head=3,
        first=1,
        read=0,
        unread=2,
        members=2,
        changed_ms=1003,
    )
    await store.take_infos((info,))
    assert (await store.chats(1))[0].unread == 4


async def test_a_member_list_older_than_the_log_is_not_taken(store: Store) -> None:
    await store.commit_events([created(ME, "bob"), change(Kind.JOINED, 2, ["carol"])], 2)
    chat = await store.chat_of(ROOM)
    assert chat is not None
    old = [MemberInfo(user=user, role=Role.MEMBER, read=0, delivered=0) for user in (ME, "bob")]
    assert not await store.take_members(chat, old, 1)
    assert [row.user for row in await store.members(chat)] == [ME, "bob", "carol"]
    assert await store.take_members(chat, old, 2)
    assert [row.user for row in await store.members(chat)] == [ME, "bob"]


async def test_a_store_without_a_session_counts_on_behind_what_the_server_knows() -> None:
    store = MemoryStore()
    await store.open("phone")
    chat = await store.chat_with("bob")
    await store.enqueue(chat, post("one", "bob"), None, 1)
    await store.enqueue(chat, post("two", "bob"), None, 1)
    identity = await store.attach(connected(accepted=57))
    assert (identity.acked, identity.assigned) == (57, 59)
    assert [counter for counter, _ in await store.window(57, 10)] == [58, 59]
    identity = await store.attach(connected(accepted=58))
    assert (identity.acked, identity.assigned) == (57, 59), "a later login must not count anew"
    await store.close()


RECORDS = [
    created(ME, "bob", "carol"),
    message(2, "a"),
    message(3, "b", "carol"),
    message(4, "c"),
    change(Kind.EDITED, 5, [2, "a2"]),
    change(Kind.REACTED, 6, [3, "👍", True]),
    change(Kind.RECALLED, 7, [4]),
    change(Kind.REACTED, 8, [3, "👍", False]),
    change(Kind.EDITED, 9, [2, "a3"]),
    change(Kind.REMOVED, 10, ["carol"]),
    change(Kind.RENAMED, 11, ["Other"]),
    message(12, "d"),
]


async def _outcome(entries: list[Entry], pieces: int) -> tuple[object, ...]:
    store = MemoryStore()
    await store.open("phone")
    await store.attach(connected())
    size = max(1, len(entries) // pieces)
    for start in range(0, len(entries), size):
        await store.commit_events(entries[start : start + size], start + size)
    chat = await store.chat_of(ROOM)
    assert chat is not None
    history = await store.history(chat, 0, 100)
    (line,) = await store.chats(1)
    found = (
        [(m.seq, m.body, m.recalled, m.edited_ms, m.reactions) for m in history.messages],
        [m.user for m in await store.members(chat)],
        (line.unread, line.head),
    )
    await store.close()
    return found


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), pieces=st.integers(1, 12))
def test_the_outcome_does_not_depend_on_the_order_of_changes(seed: int, pieces: int) -> None:
    """History pages and results come out of order; edits, recalls and reactions end in the same state."""
    import trio

    shuffled = list(RECORDS[1:-2])
    random.Random(seed).shuffle(shuffled)
    ordered = trio.run(_outcome, RECORDS, 1)
    assert trio.run(_outcome, [RECORDS[0], *shuffled, *RECORDS[-2:]], pieces) == ordered


async def test_an_edit_of_an_own_message_may_come_before_its_result(store: Store) -> None:
    """Another device edits it while the result is lost."""
    await store.commit_events([created(ME, "bob")], 1)
    chat = await store.chat_of(ROOM)
    assert chat is not None
    await store.enqueue(chat, post("mine"), None, 1)
    await store.commit_events([change(Kind.EDITED, 3, [2, "better"], ME)], 3)
    await store.settle([Result(counter=1, value=2, at_ms=1002)])
    row = await store.message(chat, 2)
    assert row is not None
    assert row.body == pack("better")


async def test_a_refused_command_frees_the_way_and_keeps_its_reason(store: Store) -> None:
    chat = await store.chat_with("bob")
    action: Action = Edit(conversation="bob", target=9, body=Body(content=Text("x")))
    local = await store.enqueue(chat, action, None, 1)
    await store.settle([Result(counter=1, code=Code.NOT_FOUND, reason="no such message")])
    row = await store.outbox_row(local)
    assert row is not None
    assert (row.counter, row.code, row.reason) == (None, Code.NOT_FOUND, "no such message")
    assert await store.window(0, 10) == ()
