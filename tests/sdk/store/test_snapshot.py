"""A snapshot in place of the log: what it says stands against older records, and only against those."""

from improtocol import ConversationType, Entry, Kind, Role
from improtocol import commands as ask
from improtocol.frames import Result
from improtocol.queries import ConversationInfo, HistoryPage, MemberInfo
from imsdk.store import Store
from imsdk.store.rows import ChatRow, GapReason
from tests.sdk.store.conftest import ME, ROOM, change, created, message


def line(
    *, head: int, read: int = 0, unread: int = 0, role: Role = Role.MEMBER, members: int = 2
) -> ConversationInfo:
    return ConversationInfo(
        conversation=ROOM,
        type=ConversationType.GROUP,
        title="Today's",
        peer="",
        role=role,
        head=head,
        first=1,
        read=read,
        unread=unread,
        members=members,
        changed_ms=head,
    )


def listed(**roles: Role) -> list[MemberInfo]:
    return [MemberInfo(user=user, role=role, read=0, delivered=0) for user, role in roles.items()]


async def snapshot(
    store: Store, info: ConversationInfo, *entries: Entry, reason: GapReason = GapReason.RETENTION
) -> int:
    """Take the conversation's line and its newest page; returns its key."""
    ((key, _),) = await store.take_infos([info], all_pages=reason == GapReason.RESTORED)
    page = HistoryPage(entries=entries, first=entries[0].seq, complete=entries[0].seq == 1)
    await store.take_newest(key, page, reason)
    return key


async def chat_of(store: Store) -> ChatRow:
    (chat,) = await store.chats(1)
    return chat


async def test_old_pages_bring_back_no_title_no_role_and_nobody_who_has_gone(store: Store) -> None:
    """What undid them lies in a hole between the page and the snapshot, and may never be asked for."""
    key = await snapshot(store, line(head=90, role=Role.OWNER), message(90, "newest"))
    assert await store.take_members(key, listed(alice=Role.OWNER, bob=Role.MEMBER), 90)
    old = [
        created("bob", ME, "carol"),
        change(Kind.RENAMED, 2, ["Before"]),
        change(Kind.ROLE, 3, [ME, 1]),
        change(Kind.JOINED, 4, ["dave"]),
    ]
    await store.take_history(key, HistoryPage(entries=tuple(old), first=1, complete=True), 5)
    chat = await chat_of(store)
    assert (chat.title, chat.role) == ("Today's", Role.OWNER)
    assert [row.user for row in await store.members(key)] == [ME, "bob"]
    await store.commit_events([change(Kind.RENAMED, 91, ["New"]), change(Kind.JOINED, 92, ["dave"])], 2)
    assert (await chat_of(store)).title == "New"
    assert [row.user for row in await store.members(key)] == [ME, "bob", "dave"]


async def test_an_earlier_title_that_comes_after_ones_own_result_does_not_stay(store: Store) -> None:
    await store.commit_events([created(ME, "bob")], 1)
    chat = await chat_of(store)
    await store.enqueue(chat.chat, ask.Rename(conversation=ROOM, title="Mine"), None, 1)
    await store.settle([Result(counter=1, value=3, at_ms=3)])
    await store.commit_events([change(Kind.RENAMED, 2, ["Bob's"])], 3)
    assert (await chat_of(store)).title == "Mine"


async def test_a_new_group_keeps_the_title_it_was_given_before_its_making_was_heard_of(store: Store) -> None:
    create = ask.Create(conversation=ROOM, title="Team", members=())
    key, _ = await store.new_group(ROOM, "Team", 1, create)
    await store.enqueue(key, ask.Rename(conversation=ROOM, title="Better"), None, 1)
    await store.settle([Result(counter=1, value=1, at_ms=1), Result(counter=2, value=2, at_ms=2)])
    await store.commit_events([created(ME)], 2)
    assert (await chat_of(store)).title == "Better"


async def test_a_line_says_the_title_and_role_also_where_other_records_are_newer(store: Store) -> None:
    """One's own result is ahead of the events that would have told them."""
    await store.commit_events([created("bob", ME)], 1)
    chat = await chat_of(store)
    await store.enqueue(chat.chat, ask.React(conversation=ROOM, target=1, emoji="👍"), None, 1)
    await store.settle([Result(counter=1, value=9, at_ms=9)])
    await store.take_infos([line(head=8, role=Role.ADMIN)])
    chat = await chat_of(store)
    assert (chat.title, chat.role) == ("Today's", Role.ADMIN)


async def test_whoever_hands_a_group_over_is_its_admin(store: Store) -> None:
    entry = Entry(Kind.CREATED, 1, ME, ROOM, 1, b"\x93\x02\xa1T\x92\x92\xa5alice\x02\x92\xa3bob\x00")
    await store.commit_events([entry, change(Kind.ROLE, 2, ["bob", 2], ME)], 2)
    chat = await chat_of(store)
    assert chat.role == Role.ADMIN
    assert [row.role for row in await store.members(chat.chat)] == [Role.ADMIN, Role.OWNER]
    await store.commit_events([change(Kind.LEFT, 3, None, "bob")], 3)
    assert await store.stale_chats(1) == ((chat.chat, ROOM),), "who inherits is asked for"


async def test_whoever_is_taken_in_again_asks_for_title_and_members(store: Store) -> None:
    await store.commit_events([created("bob", ME), change(Kind.REMOVED, 2, [ME])], 2)
    assert await store.stale_chats(1) == ()
    await store.commit_events([change(Kind.JOINED, 9, [ME])], 3)
    assert await store.stale_chats(1) == (((await chat_of(store)).chat, ROOM),)


async def test_members_are_asked_for_until_they_came_when_a_snapshot_leaves_a_hole(store: Store) -> None:
    """As many as before: one may have gone and another come."""
    await store.commit_events([created(ME, "bob")], 1)
    key = await snapshot(store, line(head=90), message(90, "newest"))
    await store.take_infos([line(head=90)])
    assert await store.stale_chats(1) == ((key, ROOM),)
    assert await store.take_members(key, listed(alice=Role.MEMBER, carol=Role.MEMBER), 90)
    assert await store.stale_chats(1) == ()


async def test_only_a_restore_takes_marks_back(store: Store) -> None:
    await store.commit_events([created(ME, "bob"), *(message(n, "x") for n in range(2, 8))], 7)
    key = (await chat_of(store)).chat
    marks = [change(Kind.READ, 7, None, user) for user in (ME, "bob")]
    await store.commit_events(marks, 9)
    await store.take_infos([line(head=7, read=2, unread=5)])
    chat = await chat_of(store)
    assert (chat.read, chat.unread) == (7, 0)
    kept = (created(ME, "bob"), *(message(n, "x") for n in range(2, 5)))
    await snapshot(store, line(head=4, read=2, unread=2), *kept, reason=GapReason.RESTORED)
    chat = await chat_of(store)
    members = {row.user: (row.read, row.delivered) for row in await store.members(key)}
    assert (chat.head, chat.read, chat.unread, members["bob"]) == (4, 2, 2, (4, 4))
    await store.commit_events([message(5, "new")], 1)
    assert (await chat_of(store)).unread == 3


async def test_a_mark_the_server_has_not_heard_of_counts_against_its_word(store: Store) -> None:
    await store.commit_events([created(ME, "bob"), *(message(n, "x") for n in range(2, 22))], 21)
    await store.enqueue((await chat_of(store)).chat, ask.MarkRead(conversation=ROOM, seq=21), None, 1)
    await store.take_infos([line(head=31, unread=30)])
    assert (await chat_of(store)).unread == 10, "before its page came"
    page = [message(n, "y") for n in range(28, 32)]
    await snapshot(store, line(head=31, unread=30), *page)
    assert (await chat_of(store)).unread == 10, "some of them in a hole"


async def test_a_mark_above_a_hole_leaves_what_lies_after_it(store: Store) -> None:
    await snapshot(store, line(head=405, unread=400), *(message(n, "x") for n in range(206, 406)))
    chat = await chat_of(store)
    assert chat.unread == 400
    await store.enqueue(chat.chat, ask.MarkRead(conversation=ROOM, seq=205), None, 1)
    assert (await chat_of(store)).unread == 200
    await store.enqueue(chat.chat, ask.MarkRead(conversation=ROOM, seq=305), None, 1)
    assert (await chat_of(store)).unread == 100


async def test_a_mark_in_a_hole_leaves_no_more_than_there_are(store: Store) -> None:
    await snapshot(store, line(head=405, unread=400), message(405, "newest"))
    await store.enqueue((await chat_of(store)).chat, ask.MarkRead(conversation=ROOM, seq=400), None, 1)
    assert (await chat_of(store)).unread == 5


async def test_a_recall_before_the_snapshot_counts_once(store: Store) -> None:
    """The server does not count what was recalled, and the page says so again."""
    await store.commit_events([created(ME, "bob"), *(message(n, "x") for n in range(2, 12))], 11)
    await snapshot(store, line(head=90, unread=50), change(Kind.RECALLED, 90, [3]))
    assert (await chat_of(store)).unread == 50
