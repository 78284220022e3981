"""What the log does not tell of a group is asked for, whatever becomes of other groups."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from improtocol import Code, Role
from improtocol.commands import Create, Invite, Leave, Remove
from improtocol.queries import ConversationInfo
from imsdk import resync
from imsdk.testing import Server, commands, questions
from tests.sdk.conftest import Open

GROUP = 4711


@pytest.mark.parametrize("removed", [False, True])
async def test_the_heir_of_an_owner_who_goes_learns_of_it_at_once(
    autojump_clock: MockClock, client: Open, server: Server, removed: bool
) -> None:
    server.act("bob", Create(conversation=GROUP, title="group", members=("alice",)))
    async with client("alice") as im:
        await im.synced()
        group = await im.conversation(id=GROUP)
        server.act("bob", Remove(conversation=GROUP, user="bob") if removed else Leave(conversation=GROUP))
        await trio.sleep(2)
        await group.refresh()
        assert group.role == Role.OWNER
        rows = await im.engine.store.members(group.key)
        assert [(row.user, row.role) for row in rows] == [("alice", Role.OWNER)]


async def test_groups_that_are_refused_keep_no_other_stale_however_many_there_are(
    autojump_clock: MockClock, client: Open, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resync, "STALE_MAX", 2)
    answer, refused = questions.info, {GROUP, GROUP + 1, GROUP + 3}

    def answering(conversation: Any, user: str) -> ConversationInfo:
        if conversation.id in refused:
            raise commands.Refused(
                Code.UNAVAILABLE if conversation.id == GROUP else Code.FORBIDDEN, "not this"
            )
        return answer(conversation, user)

    monkeypatch.setattr(questions, "info", answering)
    for number in range(GROUP, GROUP + 6):
        server.act("bob", Create(conversation=number, title=f"{number}", members=()))
        server.act("bob", Invite(conversation=number, users=("alice",)))
    async with client("alice") as im:
        await im.synced()
        await trio.sleep(60)
        titles = {chat.id: chat.title for chat in await im.conversations()}
    assert titles == {number: "" if number in refused else f"{number}" for number in range(GROUP, GROUP + 6)}
