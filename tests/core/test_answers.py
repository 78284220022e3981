"""Answers to questions about what is long or much: each fits a frame, and the next one goes on."""

from improtocol import Body, Kind, Text, queries, unpack
from improtocol import commands as c
from improtocol.limits import PAGE_MAX
from tests.core.house import House, Phone, pair, post

LONG = "x" * 32_000


async def listed(phone: Phone, **page: int) -> queries.ConversationsPage:
    reply = await phone.ask(queries.Conversations(**page))
    assert reply.code == 0, reply
    return queries.ConversationsPage.from_value(unpack(reply.payload))


async def scrolled(phone: Phone, before: int, limit: int = PAGE_MAX) -> list[queries.HistoryPage]:
    """All pages from `before` down to the beginning of the phone's conversation."""
    pages = [await phone.history(phone.conversation, before=before, limit=limit)]
    while not pages[-1].complete:
        assert pages[-1].entries
        pages.append(await phone.history(phone.conversation, before=pages[-1].first, limit=limit))
    return pages


async def test_a_list_of_long_messages_comes_in_pages_by_activity_and_by_id(house: House) -> None:
    bob = await house.phone("bob").connect()
    for number in range(9):
        writer = await house.phone(f"writer{number}").connect()
        await writer.one(post("bob", LONG))
    pages = [await listed(bob)]
    while not pages[-1].complete:
        last = pages[-1].conversations[-1]
        pages.append(await listed(bob, before_ms=last.changed_ms, before_id=last.conversation))
    by_activity = {info.peer for page in pages for info in page.conversations}
    assert [len(page.conversations) for page in pages] == [6, 3]
    pages = [await listed(bob, after=0)]
    while not pages[-1].complete:
        pages.append(await listed(bob, after=pages[-1].conversations[-1].conversation))
    by_id = {info.peer for page in pages for info in page.conversations}
    assert by_activity == by_id == {f"writer{number}" for number in range(9)}


async def test_a_page_of_which_every_conversation_was_left_meanwhile_does_not_end_the_list(
    house: House,
) -> None:
    alice = await house.phone("alice").connect()
    bob = await house.phone("bob").connect()
    for id in (1, 2, 3):
        await house.group(alice, "bob", id=id)
    for question in (queries.Conversations(limit=1), queries.Conversations(limit=1, after=0)):
        house.store.hold("conversation_infos")
        asked = bob.ask_later(question)
        await house.store.held.wait()
        await alice.one(c.Remove(conversation=3 if question.after is None else 1, user="bob"))
        house.store.release()
        await bob.settle()
        page = queries.ConversationsPage.from_value(unpack(bob.reply(asked).payload))
        assert [info.conversation for info in page.conversations] == [2]


async def test_a_message_edited_with_long_texts_can_be_scrolled_past(house: House) -> None:
    alice, bob = await pair(house)
    await alice.one(post("bob", "second"))
    for number in range(9):
        body = Body(content=Text(f"{number}{LONG}"))
        await alice.one(c.Edit(conversation="bob", target=2, body=body))
    await bob.settle()
    for limit in (1, 50):
        pages = await scrolled(bob, before=4, limit=limit)
        edits = [entry for page in pages for entry in page.entries if entry.kind == Kind.EDITED]
        assert [entry.seq for entry in edits] == [12]


async def test_however_many_reactions_came_later_each_page_can_be_read(house: House) -> None:
    alice, bob = await pair(house)
    for _ in range(4):
        await alice.do(*(post("bob", "x") for _ in range(30)))
    for emoji in range(35):
        for first in range(2, 122, 30):
            reactions = [
                c.React(conversation="alice", target=target, emoji=f"{emoji}", on=True)
                for target in range(first, first + 30)
            ]
            await bob.do(*reactions)
    await alice.settle()
    pages = await scrolled(bob, before=122)
    assert len(pages) > 1
    targets = [
        (unpack(entry.payload)[0], unpack(entry.payload)[1])  # type: ignore[index]
        for page in pages
        for entry in page.entries
        if entry.kind == Kind.REACTED
    ]
    assert len(targets) == len(set(targets)) == 120 * 35
