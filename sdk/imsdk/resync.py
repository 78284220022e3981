"""After a RESYNC: takes a snapshot by queries, then seeks to the log's head.

Nothing is missing silently (G5).
"""

from typing import TYPE_CHECKING, Final

from improtocol import NextAction, ResyncReason, limits
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
from imsdk.errors import ImError, Refused
from imsdk.store.rows import GapReason

if TYPE_CHECKING:
    from imsdk.engine import Engine
    from imsdk.link import Link

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
    present: list[int] = []
    head: int | None = None
    before_ms = before_id = 0
    # What this device did before the snapshot is then in the store before it, and no result can come later
    # for a conversation that the snapshot no longer lists.
    await engine.bell.wait_until(lambda: not session.in_flight)
    try:
        while True:
            link.count_round_trip()
            question = Conversations(before_ms=before_ms, before_id=before_id, limit=50)
            page = ConversationsPage.from_value(await engine.query(question))
            head = page.head if head is None else head
            present += [info.conversation for info in page.conversations]
            for chat, conversation in await store.take_infos(page.conversations, all_pages=not retention):
                link.count_round_trip()
                newest = History(conversation=conversation, before=0, limit=limits.PAGE_MAX)
                try:
                    value = await engine.query(newest)
                except Refused:
                    continue  # removed from it meanwhile
                await store.take_newest(chat, HistoryPage.from_value(value), reason)
                engine.changed()
            if page.complete or not page.conversations:
                break
            last = page.conversations[-1]
            before_ms, before_id = last.changed_ms, last.conversation
    except (ImError, ValueError) as error:
        link.finish(Ended(action=NextAction.RETRY_AFTER, reason=f"resync: {error}"))
        return
    # Counters that a server back from a backup has accepted mean the same commands as before, so they stay.
    # Only when it has forgotten some that were acked would the next one not be dense.
    forgotten = link.forgotten
    await store.end_resync(
        head=head,
        epoch=frame.epoch,
        present=present,
        accepted=link.accepted if forgotten else None,
        restored=not retention,
    )
    session.end_resync(await store.identity())
    if forgotten:
        # Counters travel truncated, relative to the last one; far smaller ones need a fresh connection.
        link.finish(Ended(action=NextAction.RETRY_NOW, reason="counted anew after a restore"))
        return
    link.send(Seek(position=head))
    engine.outbox_changed()
    await link.check_consistent(head)
    engine.changed()


async def refresh_stale(engine: "Engine") -> None:
    """Ask for title and members of conversations the log did not tell them of."""
    try:
        for chat, conversation in await engine.store.stale_chats(50):
            info = ConversationInfo.from_value(await engine.query(AskConversation(conversation=conversation)))
            await engine.store.take_infos((info,))
            await refresh_members(engine, chat, conversation)
            engine.changed()
    except (ImError, ValueError):
        pass  # they stay stale and are asked for at the next resume


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
