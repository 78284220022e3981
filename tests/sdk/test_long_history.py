"""Scrolling back past more records without a message than one call asks for."""

from trio.testing import MockClock

import imsdk
from improtocol.commands import React
from imsdk.history import HISTORY_TURNS_MAX
from imsdk.testing import Server
from tests.sdk.conftest import Open, texts


async def test_pages_without_a_message_are_got_over_by_asking_again(
    autojump_clock: MockClock, client: Open, server: Server
) -> None:
    server.post("bob", "alice", "first")
    server.post("bob", "alice", "second")
    for number in range(2 * 50 * HISTORY_TURNS_MAX):
        server.act("bob", React(conversation="alice", target=3, emoji="👍", on=not number % 2))
    server.post("bob", "alice", "last")
    server.trim_log("alice")
    async with client("alice", "phone") as im:
        await im.synced()
        chat = await im.conversation(with_user="bob")
        found: list[imsdk.Message] = []
        pages = [await chat.history(limit=1)]
        while not pages[-1].complete:
            assert len(pages) < 10
            found = [*pages[-1].messages, *found]
            pages.append(await chat.history(before=found[0], limit=1))
        assert texts([*pages[-1].messages, *found]) == ["first", "second", "last"]
        assert any(not page.messages and not page.offline for page in pages[:-1])
