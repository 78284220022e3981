"""Edit, recall, react: the final state is right for everybody, and what was recalled is given out no more."""

import pytest

from improtocol import Body, Code, Kind, Text, frames, read_entry, unpack
from improtocol import commands as c
from improtocol.content import Unknown
from improtocol.entries import Edited, Reacted
from tests.core.house import House, Phone, post, text_of


def edit(conversation: int | str, target: int, text: str) -> c.Edit:
    return c.Edit(conversation=conversation, target=target, body=Body(content=Text(text)))


async def trio_of_messages(house: House) -> tuple[Phone, Phone]:
    alice = await house.phone("alice").connect()
    bob = await house.phone("bob").connect()
    await alice.do(post("bob", "keep"), post("bob", "typo"), post("bob", "secret"))
    await bob.settle()
    return alice, bob


async def test_edited_and_recalled_while_away_the_final_state_is_right_everywhere(house: House) -> None:
    alice = await house.phone("alice").connect()
    bob = await house.phone("bob").connect()
    bob.drop()
    await alice.do(post("bob", "keep"), post("bob", "typo"), post("bob", "secret"))
    results = await alice.do(edit("bob", 3, "fixed"), c.Recall(conversation="bob", target=4))
    assert [result.value for result in results] == [5, 6]
    await bob.resume()
    assert bob.texts == ["keep", "typo", ""], "the recalled text is gone, also from memory"
    page = await bob.history("alice")
    assert [text_of(entry) for entry in page.entries if entry.kind == Kind.MESSAGE] == ["keep", "typo", ""]
    kinds = [entry.kind for entry in bob.entries]
    assert kinds[-2:] == [Kind.EDITED, Kind.RECALLED]
    edited = read_entry(bob.entries[-2])
    assert isinstance(edited, Edited)
    assert edited.body.content == Text("fixed")


async def test_an_edit_goes_with_its_message_when_that_is_recalled(house: House) -> None:
    alice = await house.phone("alice").connect()
    bob = await house.phone("bob").connect()
    bob.drop()
    await alice.one(post("bob", "a"))
    await alice.do(edit("bob", 2, "also secret"), c.Recall(conversation="bob", target=2))
    await bob.resume()
    assert b"also secret" not in b"".join(entry.payload for entry in bob.entries)
    assert [entry.seq for entry in bob.entries] == [1, 2, 3, 4]


async def test_a_recalled_message_cannot_be_edited_back_not_even_in_the_same_batch(house: House) -> None:
    alice, bob = await trio_of_messages(house)
    recall, same_batch = await alice.do(c.Recall(conversation="bob", target=4), edit("bob", 4, "back"))
    assert (recall.code, same_batch.code) == (0, Code.NOT_FOUND)
    later = await alice.one(edit("bob", 4, "back"))
    assert later.code == Code.NOT_FOUND
    await bob.settle()
    assert b"back" not in b"".join(entry.payload for entry in bob.entries)


async def test_whoever_left_gets_a_message_recalled_since_no_more(house: House) -> None:
    alice = await house.phone("alice").connect()
    bob = await house.phone("bob").connect()
    group = await house.group(alice, "bob", "carol")
    await bob.settle()
    bob.drop()
    await alice.do(post(group, "secret"), c.Remove(conversation=group, user="bob"))
    await alice.one(c.Recall(conversation=group, target=2))
    await bob.resume()
    assert [entry.kind for entry in bob.entries[1:]] == [Kind.MESSAGE, Kind.REMOVED]
    assert bob.texts == [""]


async def test_only_the_sender_may_edit_and_only_sender_or_admin_may_recall(house: House) -> None:
    alice = await house.phone("alice").connect()
    bob = await house.phone("bob").connect()
    group = await house.group(alice, "bob")
    await bob.one(post(group, "bob's"))
    await alice.one(post(group, "alice's"))
    assert (await alice.one(edit(group, 2, "no"))).code == Code.FORBIDDEN
    assert (await bob.one(c.Recall(conversation=group, target=3))).code == Code.FORBIDDEN
    assert (await alice.one(c.Recall(conversation=group, target=2))).code == 0, "she owns the group"


async def test_a_reaction_reaches_everybody(house: House) -> None:
    alice, bob = await trio_of_messages(house)
    await bob.one(c.React(conversation="alice", target=2, emoji="👍"))
    await alice.settle()
    assert read_entry(alice.entries[-1]) == Reacted(target=2, emoji="👍", on=True)


@pytest.mark.parametrize("target", [1, 99])
async def test_only_a_message_that_is_there_can_be_changed(house: House, target: int) -> None:
    alice, _ = await trio_of_messages(house)
    assert (await alice.one(edit("bob", target, "x"))).code == Code.NOT_FOUND
    assert (await alice.one(c.Recall(conversation="bob", target=target))).code == Code.NOT_FOUND


async def test_a_message_to_oneself_is_invalid(house: House) -> None:
    alice = await house.phone("alice").connect()
    assert (await alice.one(post("alice", "me"))).code == Code.INVALID


async def test_content_that_breaks_a_rule_is_refused_alone_however_long_its_complaint(house: House) -> None:
    alice, bob = await trio_of_messages(house)
    bad = c.Post(
        conversation="bob",
        body=Body(content=Unknown(type=99, fields=(1,), reason="ä" * 5000 + "\0")),
    )
    house_link = alice.link
    assert house_link is not None
    session = house_link.session
    assert session is not None
    alice.counter += 1
    house.core.receive(session, house_link, frames.Command(counter=alice.counter, action=bad))
    await alice.settle()
    assert alice.results[alice.counter].code == Code.INVALID
    assert (await alice.one(post("bob", "goes on"))).code == 0
    await bob.settle()
    assert bob.texts[-1] == "goes on"


async def test_a_read_mark_never_moves_back_nor_beyond_the_newest_message(house: House) -> None:
    _, bob = await trio_of_messages(house)
    assert (await bob.one(c.MarkRead(conversation="alice", seq=4))).value == 4
    assert (await bob.one(c.MarkRead(conversation="alice", seq=2))).value == 4
    assert (await bob.one(c.MarkRead(conversation="alice", seq=5))).code == Code.INVALID
    page = await bob.conversations()
    assert page.conversations[0].unread == 0


async def test_unread_counts_messages_of_others_that_are_not_recalled(house: House) -> None:
    alice, bob = await trio_of_messages(house)
    await bob.one(post("alice", "mine"))
    await alice.one(c.Recall(conversation="bob", target=3))
    page = await bob.conversations()
    assert page.conversations[0].unread == 2


async def test_a_clock_wrong_by_a_day_has_no_effect_on_order(house: House) -> None:
    alice, bob = await trio_of_messages(house)
    for jump_ms in (-86_400_000, 2 * 86_400_000, -86_400_000):
        house.clock.ms += jump_ms
        await alice.one(post("bob", str(jump_ms)))
    await bob.settle()
    assert [entry.seq for entry in bob.entries] == list(range(1, 8))
    bob.drop()
    await bob.resume()
    assert bob.resumed is not None
    assert bob.closed is None
    assert unpack(bob.entries[-1].payload) is not None
