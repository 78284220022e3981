"""What the fake server makes of commands and questions: history, lists, roles, read marks, signals, media."""

from dataclasses import replace

import httpx
import pytest
import trio

from improtocol import (
    Body,
    Code,
    Image,
    Kind,
    Media,
    Role,
    Text,
    queries,
    unpack,
)
from improtocol import commands as c
from improtocol.entries import Edited, Erased, read_entry
from imsdk.testing import Refused, Server

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000020000000308020000003610" + "00" * 16)
GROUP = 77


def text(words: str) -> Body:
    return Body(content=Text(words))


OWNERS_ONLY: list[c.Action] = [
    c.Invite(conversation=GROUP, users=("carol",)),
    c.Remove(conversation=GROUP, user="bob"),
    c.SetRole(conversation=GROUP, user="alice", role=Role.OWNER),
    c.Rename(conversation=GROUP, title="mine"),
    c.Edit(conversation=GROUP, target=2, body=text("forged")),
    c.Recall(conversation=GROUP, target=2),
]


async def ask_history(client, ref, **arguments: int) -> queries.HistoryPage:
    reply = await client.ask(queries.History(conversation=ref, **arguments))
    assert reply.code == Code.OK
    return queries.HistoryPage.from_value(unpack(reply.payload))


async def test_history_pages_are_dense_and_say_when_they_are_complete(server, client, autojump_clock) -> None:
    alice = client("alice")
    await alice.connect()
    for number in range(12):
        server.post("bob", "alice", str(number))
    seqs: list[int] = []
    before = 0
    while True:
        page = await ask_history(alice, "bob", before=before, limit=5)
        seqs = [entry.seq for entry in page.entries] + seqs
        before = page.first
        if page.complete:
            break
    assert seqs == list(range(1, 14))


async def test_old_page_brings_later_changes_along(server, client, autojump_clock) -> None:
    """A page that ends before an edit was made still tells it, behind its records."""
    alice = client("alice")
    await alice.connect()
    for number in range(3):
        server.post("bob", "alice", str(number))
    server.act("bob", c.Edit(conversation="alice", target=2, body=text("edited")))
    page = await ask_history(alice, "bob", before=3)
    assert [entry.seq for entry in page.entries] == [1, 2, 5]
    assert read_entry(page.entries[-1]) == Edited(target=2, body=text("edited"))


async def test_recalled_body_is_given_out_no_more(server, client, autojump_clock) -> None:
    """Neither the log nor history nor the list shows it, edits of it included."""
    alice = client("alice")
    server.post("bob", "alice", "secret")
    server.act("bob", c.Edit(conversation="alice", target=2, body=text("secret too")))
    server.act("bob", c.Recall(conversation="alice", target=2))
    await alice.connect()
    await alice.drain()
    page = await ask_history(alice, "bob")
    for entries in (alice.entries, page.entries):
        assert [type(read_entry(entry)) for entry in entries][1:3] == [Erased, Erased]
        assert all(b"secret" not in entry.payload for entry in entries)
    assert b"secret" not in (await alice.ask(queries.Conversations())).payload
    assert server.messages("alice", "bob") == []


async def test_list_shows_unread_and_the_last_message_as_it_stands(server, client, autojump_clock) -> None:
    alice = client("alice")
    await alice.connect()
    server.post("bob", "alice", "1")
    server.post("bob", "alice", "2")
    server.act("bob", c.Edit(conversation="alice", target=3, body=text("2, edited")))
    await alice.act(c.MarkRead(conversation="bob", seq=2))
    reply = await alice.ask(queries.Conversation(conversation="bob"))
    info = queries.ConversationInfo.from_value(unpack(reply.payload))
    assert (info.peer, info.head, info.read, info.unread) == ("bob", 4, 2, 1)
    assert unpack(info.last.payload) == "2, edited"


async def test_list_pages_cover_every_conversation_once(server, client, autojump_clock) -> None:
    alice = client("alice")
    await alice.connect()
    for number in range(7):
        server.post(f"user{number}", "alice", "hi")
        await trio.sleep(1)
    peers: list[str] = []
    question = queries.Conversations(limit=3)
    while True:
        page = queries.ConversationsPage.from_value(unpack((await alice.ask(question)).payload))
        peers += [info.peer for info in page.conversations]
        if page.complete:
            break
        last = page.conversations[-1]
        question = queries.Conversations(before_ms=last.changed_ms, before_id=last.conversation, limit=3)
    assert peers == [f"user{number}" for number in reversed(range(7))]


async def test_read_mark_never_moves_back_and_reaches_the_other_devices(
    server, client, autojump_clock
) -> None:
    phone, laptop = client("alice", "phone"), client("alice", "laptop")
    await phone.connect()
    await laptop.connect()
    for number in range(5):
        server.post("bob", "alice", str(number))
    assert (await phone.act(c.MarkRead(conversation="bob", seq=4))).value == 4
    assert (await phone.act(c.MarkRead(conversation="bob", seq=2))).value == 4
    assert (await phone.act(c.MarkRead(conversation="bob", seq=900))).code == Code.INVALID
    assert (await phone.act(c.MarkRead(conversation="bob", seq=6))).value == 6
    await laptop.drain()
    marks = [entry.seq for entry in laptop.entries if entry.kind == Kind.READ]
    assert marks == [4, 6]


async def test_removed_member_gets_that_record_last_and_then_nothing(server, client, autojump_clock) -> None:
    server.act("owner", c.Create(conversation=GROUP, title="team", members=("alice", "bob")))
    alice = client("alice")
    await alice.connect()
    server.act("owner", c.Remove(conversation=GROUP, user="alice"))
    server.post("owner", GROUP, "among us")
    await alice.drain()
    assert alice.entries[-1].kind == Kind.REMOVED
    for question in (
        queries.History(conversation=GROUP),
        queries.Conversation(conversation=GROUP),
        queries.Members(conversation=GROUP),
    ):
        assert (await alice.ask(question)).code == Code.NOT_FOUND
    assert (await alice.act(c.Leave(conversation=GROUP))).code == Code.NOT_FOUND
    assert (await alice.act(c.Leave(conversation=GROUP + 1))).code == Code.NOT_FOUND


async def test_invited_member_sees_from_the_joining_on(server, client, autojump_clock) -> None:
    server.act("owner", c.Create(conversation=GROUP, title="team"))
    server.post("owner", GROUP, "before")
    server.act("owner", c.Invite(conversation=GROUP, users=("alice",)))
    server.post("owner", GROUP, "after")
    alice = client("alice")
    await alice.connect()
    await alice.drain()
    page = await ask_history(alice, GROUP)
    assert [entry.seq for entry in page.entries] == [3, 4]
    assert page.complete
    assert alice.texts() == ["after"]
    assert (await alice.act(c.React(conversation=GROUP, target=2, emoji="👍"))).code == Code.NOT_FOUND


@pytest.mark.parametrize("action", OWNERS_ONLY, ids=lambda action: type(action).__name__)
async def test_stranger_is_told_that_nothing_is_there(action: c.Action, autojump_clock) -> None:
    server = Server()
    server.act("owner", c.Create(conversation=GROUP, members=("bob",)))
    server.post("owner", GROUP, "words")
    with pytest.raises(Refused, match="no such conversation") as missing:
        server.act("alice", action)
    assert missing.value.code == Code.NOT_FOUND


@pytest.mark.parametrize("action", OWNERS_ONLY, ids=lambda action: type(action).__name__)
async def test_plain_member_may_not_what_an_owner_may(action: c.Action, autojump_clock) -> None:
    server = Server()
    server.act("owner", c.Create(conversation=GROUP, members=("alice", "bob")))
    server.post("owner", GROUP, "words")
    with pytest.raises(Refused) as refused:
        server.act("alice", action)
    assert refused.value.code == Code.FORBIDDEN
    server.act("owner", action)


async def test_group_is_never_without_an_owner(server, autojump_clock) -> None:
    """Handing over makes the former owner an admin; an owner who goes is followed by the highest role."""
    server.act("olga", c.Create(conversation=GROUP, members=("alice", "bob", "carl")))
    server.act("olga", c.SetRole(conversation=GROUP, user="bob", role=Role.ADMIN))
    server.act("olga", c.SetRole(conversation=GROUP, user="alice", role=Role.OWNER))
    with pytest.raises(Refused, match="owners"):
        server.act("olga", c.SetRole(conversation=GROUP, user="carl", role=Role.ADMIN))
    with pytest.raises(Refused, match="hands the group over"):
        server.act("alice", c.SetRole(conversation=GROUP, user="alice", role=Role.MEMBER))
    server.act("alice", c.Leave(conversation=GROUP))
    server.act("olga", c.Leave(conversation=GROUP))
    server.act("bob", c.SetRole(conversation=GROUP, user="carl", role=Role.OWNER))


@pytest.mark.parametrize(
    "action",
    [
        c.Leave(conversation=1),
        c.Invite(conversation=1, users=("carl",)),
        c.Remove(conversation=1, user="bob"),
        c.Rename(conversation=1, title="ours"),
    ],
    ids=lambda action: type(action).__name__,
)
async def test_direct_conversation_keeps_its_two_members(action: c.Action, server, autojump_clock) -> None:
    server.post("alice", "bob", "hi")
    (number,) = server._host.world.conversations
    with pytest.raises(Refused) as refused:
        server.act("alice", replace(action, conversation=number))
    assert refused.value.code == Code.FORBIDDEN


async def test_inviting_members_again_is_a_conflict(server, autojump_clock) -> None:
    server.act("olga", c.Create(conversation=GROUP, members=("alice",)))
    with pytest.raises(Refused) as refused:
        server.act("olga", c.Invite(conversation=GROUP, users=("alice", "olga")))
    assert refused.value.code == Code.CONFLICT


async def upload(server, client, data: bytes) -> httpx.Response:
    reply = await client.ask(queries.Upload(size=len(data), mime="image/png"))
    slot = queries.UploadSlot.from_value(unpack(reply.payload))
    async with httpx.AsyncClient(transport=server.http_transport()) as http:
        headers = {"Authorization": f"Bearer {slot.ticket}", "Upload-Length": str(len(data))}
        created = await http.post(slot.url, headers=headers)
        return await http.patch(created.headers["location"], headers={"Upload-Offset": "0"}, content=data)


async def test_uploaded_picture_is_shown_to_members_only(server, client, autojump_clock) -> None:
    alice, bob, eve = client("alice"), client("bob"), client("eve")
    for one in (alice, bob, eve):
        await one.connect()
    done = await upload(server, alice, PNG)
    assert (done.headers["media-type"], done.headers["media-width"], done.headers["media-height"]) == (
        "image/png",
        "2",
        "3",
    )
    media = Media(id=bytes.fromhex(done.headers["media-id"]), size=len(PNG), mime="image/png")
    picture = c.Post(conversation="bob", body=Body(content=Image(media=media, width=2, height=3)))
    stolen = c.Post(conversation="bob", body=picture.body)
    assert (await eve.act(stolen)).code == Code.NOT_FOUND
    seq = (await alice.act(picture)).value
    question = queries.Link(conversation="alice", seq=seq, media=media.id)
    link = queries.MediaLink.from_value(unpack((await bob.ask(question)).payload))
    async with httpx.AsyncClient(transport=server.http_transport()) as http:
        assert (await http.get(link.url)).content == PNG
        tail = await http.get(link.url, headers={"Range": "bytes=10-"})
        assert (tail.status_code, tail.content) == (206, PNG[10:])
        await bob.act(c.Recall(conversation="alice", target=seq))
        await alice.act(c.Recall(conversation="bob", target=seq))
        assert (await http.get(link.url)).status_code == 404


async def test_logout_ends_the_session(client, autojump_clock) -> None:
    alice = client("alice")
    await alice.connect()
    assert (await alice.act(c.Logout())).code == Code.OK
    assert (await alice.next()).code == Code.SESSION_ENDED
    assert (await alice.resume()).code == Code.SESSION_ENDED


async def test_group_id_is_taken_once(client, autojump_clock) -> None:
    alice = client("alice")
    await alice.connect()
    assert (await alice.act(c.Create(conversation=GROUP))).value == 1
    assert (await alice.act(c.Create(conversation=GROUP))).code == Code.CONFLICT
