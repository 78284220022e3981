"""The fake server answers as the real core does: the same dialogues through both, compared step by step."""

from random import Random

import pytest
import trio

from improtocol import Body, Code, Custom, Entry, Kind, Role, Text, frames, queries, read_entry, unpack
from improtocol import commands as c
from improtocol.entries import Erased
from improtocol.queries import ConversationInfo
from tests.core.house import House
from tests.core.phones import Phone

USERS = ("alice", "bob", "olga")
GROUPS = (101, 102)
#: Beyond anything that a dialogue here makes.
NOWHERE = 999


def draw(rng: Random) -> tuple[str, c.Action]:
    """Somebody asks for something, sensible or not."""
    user = rng.choice(USERS)
    where = rng.choice([*GROUPS, *GROUPS, *USERS, NOWHERE])
    group = rng.choice([*GROUPS, *GROUPS, NOWHERE])
    other = rng.choice([*USERS, "stranger"])
    target = rng.randrange(1, 12)
    body = Body(content=rng.choice([Text(f"words {rng.random()}"), Custom("app.kind", {"n": 1})]))
    actions: list[c.Action] = [
        *([c.Post(conversation=where, body=body)] * 3),
        c.Edit(conversation=where, target=target, body=body),
        c.Recall(conversation=where, target=target),
        c.React(conversation=where, target=target, emoji="👍", on=rng.random() < 0.7),
        c.MarkRead(conversation=where, seq=target),
        c.Create(conversation=rng.choice(GROUPS), title="team", members=tuple(rng.sample(USERS, 2))),
        c.Invite(conversation=group, users=tuple(rng.sample(USERS, rng.randrange(1, 3)))),
        c.Leave(conversation=group),
        c.Remove(conversation=group, user=other),
        c.SetRole(conversation=group, user=other, role=rng.choice(list(Role))),
        c.Rename(conversation=group, title=f"title {target}"),
    ]
    return user, rng.choice(actions)


class Names:
    """Ids of direct conversations are drawn at random; here they are numbered as they appear."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}

    def of(self, number: int) -> int:
        return number if number in GROUPS else -1 - self._known.setdefault(number, len(self._known))

    def entry(self, entry: Entry) -> tuple[object, ...]:
        meaning = read_entry(entry)
        if isinstance(meaning, Erased):
            meaning = Erased()  # its digest depends on ids and times
        return Kind(entry.kind).name, entry.sender, self.of(entry.conversation), entry.seq, meaning

    def line(self, info: ConversationInfo) -> tuple[object, ...]:
        last = None if info.last is None else self.entry(info.last)
        numbers = (info.head, info.first, info.read, info.unread, info.members)
        return self.of(info.conversation), info.type, info.title, info.peer, info.role, numbers, last


async def look(client: object, names: Names) -> list[object]:
    """Everything one user can ask for."""
    seen: list[object] = [[names.entry(entry) for entry in client.entries]]
    page = queries.ConversationsPage.from_value(unpack((await client.ask(queries.Conversations())).payload))
    seen.append(sorted((names.line(info) for info in page.conversations), key=repr))
    for ref in (*GROUPS, *USERS, NOWHERE):
        for before, limit in ((0, 50), (5, 3)):
            question = queries.History(conversation=ref, before=before, limit=limit)
            reply = await client.ask(question)
            seen.append((ref, before, reply.code))
            if not reply.code:
                history = queries.HistoryPage.from_value(unpack(reply.payload))
                seen += [[names.entry(e) for e in history.entries], history.first, history.complete]
        reply = await client.ask(queries.Members(conversation=ref))
        seen.append((ref, reply.code))
        if not reply.code:
            members = queries.MembersPage.from_value(unpack(reply.payload))
            seen.append([(m.user, m.role, m.read) for m in members.members])
    return seen


class OnCore:
    """A phone of the real core, with the raw client's verbs."""

    def __init__(self, phone: Phone) -> None:
        self._phone = phone
        self.ask = phone.ask
        self.act = phone.one
        self.drain = phone.settle

    @property
    def entries(self) -> list[Entry]:
        return self._phone.entries


class OnFake:
    """A raw client of the fake server that acknowledges what it takes, as the phone does."""

    def __init__(self, raw: object) -> None:
        self._raw = raw
        self.ask = raw.ask
        self.act = raw.act

    @property
    def entries(self) -> list[Entry]:
        return self._raw.entries

    async def drain(self) -> None:
        before = self._raw.cursor
        await self._raw.drain()
        if self._raw.cursor > before:
            await self._raw.send(frames.Ack(count=self._raw.cursor - before))


async def play(clients: dict[str, object], seed: int) -> list[object]:
    """One dialogue: what each command got, then what everybody sees."""
    rng, names = Random(seed), Names()
    seen: list[object] = []
    for _ in range(120):
        user, action = draw(rng)
        result = await clients[user].act(action)
        seen.append((user, action, Code(result.code).name, result.value))
        for client in clients.values():
            await client.drain()
    for user, client in clients.items():
        seen += [user, *await look(client, names)]
    return seen


@pytest.mark.parametrize("seed", range(12))
async def test_same_dialogue_same_answers(
    seed: int, client, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    house = await House().open(nursery)
    on_core, on_fake = {}, {}
    for user in USERS:
        on_core[user] = OnCore(await house.phone(user).connect())
        raw = client(user)
        await raw.connect()
        on_fake[user] = OnFake(raw)
    theirs, ours = await play(on_core, seed), await play(on_fake, seed)
    for real, fake in zip(theirs, ours, strict=True):
        assert fake == real
