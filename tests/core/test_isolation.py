"""Tenants share nothing, and who is not a member cannot tell "not yours" from "not there" (G10, G11)."""

from collections.abc import Callable

import pytest

from improtocol import Body, Code, Role, Text, queries
from improtocol import commands as c
from improtocol.queries import MediaLink, UploadSlot
from imserver.core import Core, TokenVerifier
from tests.core.house import House, Phone, post

GROUP, ELSEWHERE = 4711, 999_999
MEDIA = b"m" * 32


class OpenHandedDesk:
    """A media room that gives everybody everything: only the core stands before it."""

    async def upload_slot(self, *, app: int, user: str, size: int, mime: str, name: str) -> UploadSlot:
        return UploadSlot(url="http://x/uploads", ticket="t", expires_ms=1)

    async def link(self, *, app: int, user: str, conversation: int, media: bytes) -> MediaLink:
        return MediaLink(url="http://x/media", expires_ms=1)


@pytest.fixture
async def open_handed(house: House) -> House:
    house._scope.cancel()
    house.core = Core(
        house.store, TokenVerifier(), clock=house.clock, limits=house.limits, media=OpenHandedDesk()
    )
    assert house.nursery is not None
    await house.nursery.start(house._run)
    return house


COMMANDS: list[Callable[[int], c.Action]] = [
    lambda room: post(room, "x"),
    lambda room: c.Edit(conversation=room, target=2, body=Body(content=Text("x"))),
    lambda room: c.Recall(conversation=room, target=2),
    lambda room: c.React(conversation=room, target=2, emoji="x"),
    lambda room: c.MarkRead(conversation=room, seq=2),
    lambda room: c.Invite(conversation=room, users=("mallory",)),
    lambda room: c.Leave(conversation=room),
    lambda room: c.Remove(conversation=room, user="owner"),
    lambda room: c.SetRole(conversation=room, user="owner", role=Role.MEMBER),
    lambda room: c.Rename(conversation=room, title="x"),
]
QUESTIONS: list[Callable[[int], queries.Question]] = [
    lambda room: queries.History(conversation=room),
    lambda room: queries.Members(conversation=room),
    lambda room: queries.Conversation(conversation=room),
    lambda room: queries.Link(conversation=room, seq=2, media=MEDIA),
]


async def stranger(house: House, kind: str) -> Phone:
    """Somebody who must not get into the group."""
    owner = await house.phone("owner").connect()
    await house.group(owner, "removed", "left", id=GROUP)
    await owner.one(post(GROUP, "secret"))
    await owner.one(c.Remove(conversation=GROUP, user="removed"))
    left = await house.phone("left").connect()
    await left.one(c.Leave(conversation=GROUP))
    app = "rival" if kind == "owner of another tenant" else "shop"
    user = {"never a member": "mallory", "owner of another tenant": "owner"}.get(kind, kind)
    return await house.phone(user, "mallory's", app).connect()


@pytest.mark.parametrize("kind", ["never a member", "removed", "left", "owner of another tenant"])
async def test_every_command_and_query_answers_foreign_exactly_like_not_there(
    open_handed: House, kind: str
) -> None:
    house = open_handed
    phone = await stranger(house, kind)
    for make in COMMANDS:
        foreign, not_there = await phone.do(make(GROUP), make(ELSEWHERE))
        assert foreign.code == Code.NOT_FOUND, foreign
        assert (foreign.value, foreign.reason) == (not_there.value, not_there.reason)
    for ask in QUESTIONS:
        foreign_reply, other = await phone.ask(ask(GROUP)), await phone.ask(ask(ELSEWHERE))
        assert foreign_reply.code == Code.NOT_FOUND, foreign_reply
        assert (foreign_reply.payload, foreign_reply.reason) == (other.payload, other.reason)
    assert (await phone.conversations()).conversations == ()


async def test_a_link_is_given_to_members_for_what_a_record_shows_and_for_nothing_else(
    open_handed: House,
) -> None:
    house = open_handed
    owner = await house.phone("owner").connect()
    await house.group(owner, "bob", id=GROUP)
    await owner.one(post(GROUP, "no picture"))
    reply = await owner.ask(queries.Link(conversation=GROUP, seq=2, media=MEDIA))
    assert reply.code == Code.NOT_FOUND


async def test_tenants_with_equal_user_names_and_devices_share_nothing(house: House) -> None:
    alice = await house.phone("alice").connect()
    bob = await house.phone("bob").connect()
    rival_alice = await house.phone("alice", app="rival").connect()
    rival_bob = await house.phone("bob", app="rival").connect()
    await alice.one(post("bob", "for the shop's bob"))
    await rival_alice.one(post("bob", "for the rival's bob"))
    await bob.settle()
    await rival_bob.settle()
    assert (bob.texts, rival_bob.texts) == (["for the shop's bob"], ["for the rival's bob"])
    assert bob.conversation != rival_bob.conversation
    assert bob.session != rival_bob.session
    reply = await rival_alice.ask(queries.Presence(users=("bob", "alice")))
    assert reply.code == 0


async def test_a_stolen_session_id_without_its_secret_opens_nothing(house: House) -> None:
    alice = await house.phone("alice").connect()
    thief = await house.phone("mallory", app="rival").connect()
    thief.drop()
    thief.session = alice.session
    await thief.resume()
    assert thief.closed is not None
    assert thief.closed.code == Code.SESSION_UNKNOWN
    assert (await alice.one(post("bob", "still mine"))).code == 0


async def test_presence_and_signals_do_not_cross_tenants(house: House) -> None:
    await house.phone("bob").connect()
    rival = await house.phone("alice", app="rival").connect()
    reply = await rival.ask(queries.Presence(users=("bob",)))
    assert queries.PresenceList.from_value([]).to_payload() == reply.payload
