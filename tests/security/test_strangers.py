"""Every command and query by everybody who must not: refused, and "foreign" is byte for byte "not there"."""

from dataclasses import replace

import pytest

from improtocol import Code, Connection, RemoteProtocolError, Side, frames, queries
from improtocol import commands as c
from improtocol.action_codec import action_to_values
from imserver.storage.blobs import Blob
from tests.core.house import House, Phone, post
from tests.core.test_isolation import OpenHandedDesk
from tests.security.lines import Line
from tests.security.requests import ABOUT_A_ROOM, COMMANDS, ELSEWHERE, GROUP, QUERIES, Target

#: Who tries, as which user of which tenant.
STRANGERS = {
    "never a member": ("mallory", "shop"),
    "removed": ("removed", "shop"),
    "left": ("left", "shop"),
    "the owner's name at another tenant": ("owner", "rival"),
    "the same group id's maker at another tenant": ("maker", "rival"),
}
MEDIA, OTHER_MEDIA = b"m" * 32, b"n" * 32


@pytest.fixture
async def owner(house: House) -> Phone:
    """The owner of a group with a secret in it, from which one was removed and one has left."""
    owner = await house.phone("owner").connect()
    await house.group(owner, "removed", "left", "bob", id=GROUP)
    await owner.one(post(GROUP, "the secret"))
    await owner.one(c.Remove(conversation=GROUP, user="removed"))
    left = await house.phone("left").connect()
    await left.one(c.Leave(conversation=GROUP))
    return owner


async def twins(house: House, kind: str) -> tuple[Line, Line]:
    """Two devices of the stranger whose connections stand at exactly the same point."""
    user, app = STRANGERS[kind]
    lines = [await Line(house, user, device, app).connect() for device in ("one", "two")]
    for line in lines:
        connected = line.connected
        assert connected is not None
        if connected.head:
            await line.exchange(frames.Ack(count=connected.head))
    return lines[0], lines[1]


def test_the_tables_name_every_command_and_every_query() -> None:
    sample = Target(GROUP)
    said = {action_to_values(make(sample))[0] for make in COMMANDS.values()}
    assert said == {int(op) for op in c.Op} - {c.Op.CREATE, c.Op.LOGOUT}
    assert {make(sample).OP for make in QUERIES.values()} == set(queries.QueryOp)


@pytest.mark.parametrize("kind", STRANGERS)
async def test_every_command_on_a_foreign_conversation_is_answered_byte_for_byte_like_none(
    house: House, owner: Phone, kind: str
) -> None:
    one, two = await twins(house, kind)
    head = (await owner.history(GROUP)).entries[-1].seq
    for name, make in COMMANDS.items():
        foreign, not_there = await one.do(make(Target(GROUP))), await two.do(make(Target(ELSEWHERE)))
        assert foreign == not_there, name
        assert one.link.arrived[-1].code == Code.NOT_FOUND, name  # type: ignore[union-attr]
    assert (await owner.history(GROUP)).entries[-1].seq == head, "and none of them did anything"


@pytest.mark.parametrize("kind", STRANGERS)
async def test_every_query_on_a_foreign_conversation_is_answered_byte_for_byte_like_none(
    house: House, owner: Phone, kind: str
) -> None:
    house.core._answerer._media = OpenHandedDesk()  # only the core stands before it
    one, two = await twins(house, kind)
    for name in ABOUT_A_ROOM:
        foreign = await one.ask(QUERIES[name](Target(GROUP)))
        assert foreign == await two.ask(QUERIES[name](Target(ELSEWHERE))), name
        assert one.link.arrived[-1].code == Code.NOT_FOUND, name  # type: ignore[union-attr]
    assert await one.ask(QUERIES["presence"](Target(0, user="owner"))) == await two.ask(
        QUERIES["presence"](Target(0, user="nobody"))
    )


@pytest.mark.parametrize("kind", STRANGERS)
async def test_signals_into_a_foreign_conversation_reach_nobody_and_are_answered_with_nothing(
    house: House, owner: Phone, kind: str
) -> None:
    one, two = await twins(house, kind)
    await owner.settle()
    heard = len(owner.other)
    for room, line in ((GROUP, one), (ELSEWHERE, two)):
        typing = frames.Signal(kind=frames.SignalKind.TYPING, conversation=room, value=1, text="hello")
        watch = frames.Signal(kind=frames.SignalKind.WATCH, user="owner" if room == GROUP else "nobody")
        forged = frames.Signal(kind=frames.SignalKind.DELIVERED, conversation=room, user="bob", value=2)
        assert await line.exchange(typing, watch, forged) == b""
    await owner.settle()
    assert owner.other[heard:] == []


def request(name: str) -> frames.Frame:
    if name in COMMANDS:
        return frames.Command(counter=1, action=COMMANDS[name](Target(GROUP)))
    question = QUERIES[name](Target(GROUP))
    return frames.Query(id=1, op=question.OP, arguments=question.arguments())


NOBODY = frames.Resume(session=12345, secret=b"?" * 16, epoch=77, cursor=0, next=1)


@pytest.mark.parametrize("name", [*COMMANDS, *QUERIES])
async def test_a_request_as_the_first_frame_of_a_connection_is_no_request(house: House, name: str) -> None:
    sender = Connection(Side.CLIENT)
    sender.send(NOBODY)
    line = Line(house, "mallory")
    line.link.server.receive_data(sender.send(request(name)))
    with pytest.raises(RemoteProtocolError, match="not allowed in state NEW"):
        line.link.read_on()
    assert house.core.statistics().commands_pending == 0


@pytest.mark.parametrize("name", [*COMMANDS, *QUERIES])
async def test_a_request_pipelined_behind_a_resume_of_no_session_is_not_carried_out(
    house: House, owner: Phone, name: str
) -> None:
    line = Line(house, "mallory")
    for secret, session in ((b"?" * 16, 12345), (b"?" * 16, owner.session)):
        line = Line(house, "mallory")
        await line.exchange(replace(NOBODY, secret=secret, session=session), request(name))
        assert line.close_code == Code.SESSION_UNKNOWN
        assert len(line.link.arrived) == 1
    assert (await owner.history(GROUP)).entries[-1].seq == 4


@pytest.mark.parametrize("taken_by", ["shop", "rival"])
async def test_a_taken_conversation_id_says_that_it_is_taken_and_nothing_else(
    house: House, owner: Phone, taken_by: str
) -> None:
    """Ids are drawn by clients from 2^53: this is the one answer that tells "there" from "not there"."""
    line = await Line(house, "mallory", app=taken_by).connect()
    await line.do(c.Create(conversation=GROUP, title="mine", members=("mallory2",)))
    result = line.heard(frames.Result)[-1]
    assert isinstance(result, frames.Result)
    assert (result.code, result.value) == (Code.CONFLICT, 0)
    await line.do(post(GROUP, "now it is mine?"))
    assert line.heard(frames.Result)[-1].code == Code.NOT_FOUND  # type: ignore[union-attr]
    assert [e.sender for e in (await owner.history(GROUP)).entries].count("mallory") == 0


async def test_another_members_message_is_neither_edited_nor_recalled(house: House, owner: Phone) -> None:
    bob = await house.phone("bob").connect()
    for action in (COMMANDS["edit"](Target(GROUP)), COMMANDS["recall"](Target(GROUP))):
        assert (await bob.one(action)).code == Code.FORBIDDEN
    assert b"the secret" in (await bob.history(GROUP)).entries[1].payload


async def test_what_was_said_before_one_joined_is_like_not_there(house: House, owner: Phone) -> None:
    """A late member's requests for older records, and for records that never were, get the same bytes."""
    await owner.one(c.Invite(conversation=GROUP, users=("late",)))
    one = await Line(house, "late", "one").connect()
    two = await Line(house, "late", "two").connect()
    for line in (one, two):
        await line.exchange(frames.Ack(count=1))
    for name in ("edit", "recall", "react"):
        said = await one.do(COMMANDS[name](Target(GROUP, seq=2)))
        other = await two.do(COMMANDS[name](Target(GROUP, seq=9)))
        assert said.replace(b"message 2", b"message 9") == other, name
    early, never = (QUERIES["link"](Target(GROUP, seq=seq)) for seq in (2, 9))
    assert await one.ask(early) == await two.ask(never)
    assert b"the secret" not in await one.ask(QUERIES["history"](Target(GROUP)))


@pytest.mark.parametrize("app", ["shop", "rival"])
async def test_somebody_elses_blob_is_posted_exactly_like_one_that_is_not_there(
    house: House, app: str
) -> None:
    """A guessed or overheard media id gives no access to the blob."""
    shop = next(found for found in await house.store.apps() if found.name == "shop")
    uploader = (await house.store.ensure_users(shop.id, ["uploader"]))["uploader"]
    await house.store.put_blob(shop.id, Blob(sha256=MEDIA, size_bytes=1, mime="image/png"))
    await house.store.note_upload(uploader, [MEDIA])
    one = await Line(house, "mallory", "one", app).connect()
    two = await Line(house, "mallory", "two", app).connect()
    room = 77
    await one.do(c.Create(conversation=room, title="own"))
    await two.exchange(frames.Ack(count=1))
    await two.do(c.Rename(conversation=room, title="own"))
    await one.exchange(frames.Ack(count=1))
    for name in ("post an image", "edit to an image"):
        foreign = await one.do(COMMANDS[name](Target(room, seq=2, media=MEDIA)))
        not_there = await two.do(COMMANDS[name](Target(room, seq=2, media=OTHER_MEDIA)))
        assert foreign == not_there, name
