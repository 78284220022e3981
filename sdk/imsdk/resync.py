"""After a RESYNC: takes a snapshot by queries, then seeks to the log's head, or to where it began to differ.

Nothing is missing silently (G5).
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from improtocol import Code, NextAction, ResyncReason, limits
from improtocol.frames import Resync, Seek
from improtocol.queries import Conversation as AskConversation
from improtocol.queries import (
    ConversationInfo,
    Conversations,
    ConversationsPage,
    History,
    HistoryPage,
    MemberInfo,
    Members,
    MembersPage,
)
from imsdk.ending import Ended
from imsdk.errors import Refused, StorageError, Unavailable
from imsdk.store.rows import GapReason

if TYPE_CHECKING:
    from imsdk.engine import Engine
    from imsdk.link import Link

#: Conversations asked for at once.
LIST_MAX: Final = 50
#: Stale conversations read from the store at once.
STALE_MAX: Final = 50
#: In a lively group the log always moves; then what the log says has to do until the next time.
MEMBERS_TURNS_MAX: Final = 3


async def resync(engine: "Engine", link: "Link", frame: Resync) -> None:
    """Take over conversation list and newest pages, then the head.

    Idempotent: a kill in between begins it anew.

    After RETENTION the own records are still right, and what the server no longer kept becomes gap rows. In
    all other cases the server's history may differ from ours, so every conversation is compared.
    """
    retention = frame.reason == ResyncReason.RETENTION
    reason = GapReason.RETENTION if retention else GapReason.RESTORED
    store, session = engine.store, engine.session
    present: dict[int, None] = {}
    if not retention:  # the watermarks of before may lie above what there is now
        engine.signals.delivered.clear()
    # What this device did before the snapshot is then in the store before it. Not all of it: what was refused
    # here for now may have been carried out as an older connection had said it (see `passed` in the store).
    await engine.bell.wait_until(lambda: not session.in_flight)
    try:
        head = await _take_list(engine, link, reason, present)
    except (Refused, Unavailable, ValueError) as error:
        link.finish(Ended(action=NextAction.RETRY_AFTER, reason=f"resync: {error}"))
        return
    # Counters that a server back from a backup has accepted mean the same commands as before, so they stay.
    # Only when it has forgotten some that were acked would the next one not be dense.
    forgotten = link.forgotten
    cursor = head
    if frame.reason == ResyncReason.DIVERGED and frame.oldest - 1 <= frame.verified < head:
        # Conversations that one has left have no page any more, but the log has what one saw of them.
        cursor = session.proof.rewound_to = frame.verified
    await store.end_resync(
        cursor=cursor,
        head=head,
        epoch=frame.epoch,
        present=tuple(present),
        accepted=link.accepted,
        forgotten=forgotten,
        restored=not retention,
    )
    session.end_resync(await store.identity())
    if forgotten:
        # Counters travel truncated, relative to the last one; far smaller ones need a fresh connection.
        link.finish(Ended(action=NextAction.RETRY_NOW, reason="counted anew after a restore"))
        return
    link.send(Seek(position=cursor))
    engine.outbox_changed()
    await link.check_consistent(head)
    engine.changed()


async def _take_list(engine: "Engine", link: "Link", reason: GapReason, present: dict[int, None]) -> int:
    """Take over the conversations with their newest pages, and put their ids into `present`.

    The last active ones come first. If there are more, all are gone through by id: by activity, what changes
    between two pages moves to the front, from a page still to be asked for to one that was. Returns the
    log's head of the beginning. If one was put out of a conversation before its page came, that is between
    the list and the end of the log: all is asked for anew.
    """
    while True:
        present.clear()
        page, whole = await _take_page(engine, link, reason, Conversations(limit=LIST_MAX), present)
        head, after = page.head, 0
        while whole and not page.complete and page.conversations:
            question = Conversations(after=after, limit=LIST_MAX)
            page, whole = await _take_page(engine, link, reason, question, present)
            after = max((info.conversation for info in page.conversations), default=after)
        if whole:
            return head


async def _take_page(
    engine: "Engine", link: "Link", reason: GapReason, question: Conversations, present: dict[int, None]
) -> tuple[ConversationsPage, bool]:
    """Ask for a page of the list and take over what is not `present` yet; tells if all of that was there."""
    link.count_round_trip()
    page = ConversationsPage.from_value(await engine.query(question))
    new = [info for info in page.conversations if info.conversation not in present]
    present.update((info.conversation, None) for info in page.conversations)
    return page, await _take_new(engine, link, reason, new)


async def _take_new(
    engine: "Engine", link: "Link", reason: GapReason, infos: Sequence[ConversationInfo]
) -> bool:
    """Take over lines of the list, and the newest pages of those that need one.

    False: one was put out of one of them meanwhile.
    """
    wanted = await engine.store.take_infos(infos, all_pages=reason == GapReason.RESTORED)
    for chat, conversation in wanted:
        link.count_round_trip()
        newest = History(conversation=conversation, before=0, limit=limits.PAGE_MAX)
        try:
            value = await engine.query(newest)
        except Refused as error:
            if error.code != Code.NOT_FOUND:
                raise
            return False
        await engine.store.take_newest(chat, HistoryPage.from_value(value), reason)
        engine.changed()
    return True


async def refresh_stale(engine: "Engine") -> None:
    """Ask for title and members of conversations the log did not tell them of.

    Those that are refused stay stale and are asked for at the next resume, as are all once the connection has
    gone.
    """
    last = 0
    with suppress(StorageError):
        while chats := await engine.store.stale_chats(STALE_MAX, last):
            for last, conversation in chats:
                if not engine.synced:
                    return
                with suppress(Refused, Unavailable, ValueError):
                    await _refresh(engine, last, conversation)


async def _refresh(engine: "Engine", chat: int, conversation: int) -> None:
    info = ConversationInfo.from_value(await engine.query(AskConversation(conversation=conversation)))
    await engine.store.take_infos((info,))
    await refresh_members(engine, chat, conversation)
    engine.changed()


async def refresh_members(engine: "Engine", chat: int, conversation: int) -> None:
    """Take over the server's member list, asking again when the log moves on meanwhile."""
    for _ in range(MEMBERS_TURNS_MAX):
        row = await engine.store.chat(chat)
        members: list[MemberInfo] = []
        while True:
            after = members[-1].user if members else ""
            value = await engine.query(Members(conversation=conversation, after=after))
            page = MembersPage.from_value(value)
            members += page.members
            if page.complete or not page.members:
                break
        if row is None or await engine.store.take_members(chat, members, row.head):
            return
