"""Data directories with many stored messages, as a server would have left them, for scenarios to start from.

They are written by the store's own `append`, in batches as under load. Customers write to one of 50 agents,
some 20 dialogues of an agent at a time; half of the answers come with a read mark; a quarter of the dialogues
are with somebody who was there before. At the end a sample of customers goes away, and misses 20 messages.
"""

import hashlib
import json
import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import trio

from imload.server import running
from improtocol.action_codec import digest_of
from improtocol.body import Body
from improtocol.commands import Post
from improtocol.content import Text
from improtocol.entries import ConversationType, Kind, Role
from improtocol.values import pack
from imserver.core.logins import hash_secret
from imserver.storage.sqlite import open_sqlite
from imserver.storage.store import Login, MemberChange, NewConversation, Store, Write

AGENTS: Final = 50
MISSED: Final = 20
AWAY_MAX: Final = 1000
DEVICE: Final = "bench"
_BATCH: Final = 2048
_RAM_DISK: Final = Path("/dev/shm")
#: A message in the database, all that goes with it included.
_MESSAGE_BYTES: Final = 200
_AT_A_TIME_MAX: Final = 20 * AGENTS
_DAYS: Final = 60
_DAY_MS: Final = 86_400_000
#: What a device lets the server compare when it comes back.
_SPAN: Final = 32
_WORDS: Final = tuple("hello please when does my order arrive the parcel is too small thank you".split())  # noqa: SIM905


@dataclass(frozen=True, slots=True)
class Away:
    """A device with `MISSED` messages behind its cursor, and what it says to go on."""

    user: str
    session: int
    secret: str
    epoch: int
    cursor: int
    accepted: int
    digest: int
    span: int


@dataclass(frozen=True, slots=True)
class Filled:
    """A data directory: how many messages and users are in it, and those who are away."""

    folder: str
    messages: int
    users: int
    conversations: int
    pairs: list[list[str]]
    away: list[Away]


def fill(root: Path, messages: int) -> Filled:
    """A data directory with so many messages below `root`, made unless it is there already."""
    folder = root / f"messages-{messages}"
    note = folder / "filled.json"
    if not note.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with TemporaryDirectory(prefix="filling-", dir=_scratch(folder, messages)) as scratch:
            data = Path(scratch) / "data"
            # The server makes its own files, app and key.
            with running(data_dir=data, end_within_s=10):
                pass
            found = trio.run(_fill, data, messages)
            shutil.move(data, folder / "data")
        note.write_text(json.dumps(asdict(found)))
    noted = json.loads(note.read_text())
    return Filled(**{**noted, "folder": str(folder), "away": [Away(**one) for one in noted["away"]]})


def _scratch(folder: Path, messages: int) -> Path:
    """Where to write it: in RAM if there is room, else ten million messages wait for the disk for long."""
    fits = os.access(_RAM_DISK, os.W_OK) and shutil.disk_usage(_RAM_DISK).free > 4 * _MESSAGE_BYTES * messages
    return _RAM_DISK if fits else folder


@contextmanager
def copy_of(filled: Filled) -> Iterator[Path]:
    """A copy of a filled data directory for the length of a block: what one run adds, no other sees."""
    with TemporaryDirectory(prefix="copy-", dir=filled.folder) as copy:
        data = Path(copy) / "data"
        shutil.copytree(Path(filled.folder) / "data", data, ignore=shutil.ignore_patterns("*.sock"))
        os.sync()  # what is still to be written would be written while something is measured
        yield data


def size_bytes(filled: Filled) -> int:
    """The size of the database and what lies beside it."""
    return sum(path.stat().st_size for path in (Path(filled.folder) / "data").glob("im.db*"))


async def _fill(data_dir: Path, messages: int) -> Filled:
    async with open_sqlite(data_dir) as store:
        (app,) = await store.apps()
        return await Filler(store, app.id, messages).run()


class _Person:
    """A user with one device."""

    __slots__ = ("counter", "device", "id", "name", "number")

    def __init__(self, number: int, name: str, id: int, device: int) -> None:
        self.number = number
        self.name = name
        self.id = id
        self.device = device
        self.counter = 0

    @property
    def secret(self) -> bytes:
        return hashlib.sha256(self.name.encode()).digest()[:16]


class _Dialogue:
    """A conversation of a customer and an agent; `left` messages are still to come before it rests."""

    __slots__ = ("agent", "customer", "head", "id", "last", "left", "recipients")

    def __init__(self, id: int, customer: _Person, agent: _Person) -> None:
        self.id = id
        self.customer = customer
        self.agent = agent
        self.last = agent
        self.head = 0
        self.left = 0
        self.recipients = (customer.id, agent.id)


class Filler:
    """Writes `messages` into `store`."""

    def __init__(self, store: Store, app: int, messages: int) -> None:
        self._store = store
        self._app = app
        self._messages = messages
        self._rng = random.Random(messages)
        self._now_ms = 1_795_000_000_000
        self._step_ms = _DAYS * _DAY_MS / messages
        self._made = 0
        self._agents: list[_Person] = []
        self._dialogues: list[_Dialogue] = []
        self._active: list[_Dialogue] = []
        self._batch: list[Write] = []
        texts = [" ".join(self._rng.choices(_WORDS, k=self._rng.randint(1, 16))) for _ in range(1000)]
        self._texts = [
            (pack(text), digest_of(Post(conversation=1, body=Body(content=Text(text))))) for text in texts
        ]

    async def run(self) -> Filled:
        """Write everything; returns what is to be known of it."""
        self._agents = [await self._person(n, f"agent{n}") for n in range(AGENTS)]
        away_count = min(AWAY_MAX, self._messages // 200)
        while self._made < self._messages - away_count * MISSED:
            while len(self._active) < min(_AT_A_TIME_MAX, self._messages // 40):
                self._active.append(await self._begin())
            self._say(self._rng.randrange(len(self._active)))
            if len(self._batch) >= _BATCH:
                await self._append()
        away = self._dialogues[:: max(1, len(self._dialogues) // away_count)][:away_count]
        for _ in range(MISSED):
            for dialogue in away:
                self._post(dialogue, dialogue.agent)
            await self._append()
        pairs = [[f"customer{n}", f"agent{n}"] for n in range(AGENTS)]
        known = [await self._gone(dialogue) for dialogue in away]
        users = AGENTS + len(self._dialogues)
        return Filled("", self._made, users, len(self._dialogues), pairs, known)

    async def _gone(self, dialogue: _Dialogue) -> Away:
        person = dialogue.customer
        head = (await self._store.log_heads([person.id]))[person.id].head
        cursor = head - MISSED
        span = min(_SPAN, cursor)
        (digest,) = await self._store.log_sums([(person.id, person.device, cursor - span, cursor)])
        secret, epoch = person.secret.hex(), self._store.epoch
        return Away(person.name, 1 + person.number, secret, epoch, cursor, person.counter, digest, span)

    async def _person(self, number: int, name: str) -> _Person:
        person = _Person(number, name, 0, 0)
        login = Login(
            app=self._app,
            user=name,
            device=DEVICE,
            session=1 + number,
            secret_hash=hash_secret(person.secret),
            now_ms=self._at_ms,
            expires_ms=self._at_ms + 400 * _DAY_MS,
        )
        (device,) = await self._store.log_in([login])
        person.id, person.device = device.user, device.id
        return person

    @property
    def _at_ms(self) -> int:
        return int(self._now_ms)

    async def _begin(self) -> _Dialogue:
        """A dialogue that begins, or goes on after a rest."""
        if len(self._dialogues) > 4 * AGENTS and self._rng.random() < 0.25:
            dialogue = self._rng.choice(self._dialogues)
        else:
            number = len(self._dialogues)
            customer = await self._person(AGENTS + number, f"customer{number}")
            dialogue = _Dialogue(self._rng.randint(1, 2**53 - 1), customer, self._agents[number % AGENTS])
            self._dialogues.append(dialogue)
            self._create(dialogue)
        dialogue.left += self._rng.randint(10, 70)
        return dialogue

    def _create(self, dialogue: _Dialogue) -> None:
        direct = ConversationType.DIRECT
        people = (dialogue.customer, dialogue.agent)
        ids = (min(dialogue.recipients), max(dialogue.recipients))
        listed = [[person.name, int(Role.MEMBER)] for person in people]
        dialogue.head = 1
        self._batch.append(
            Write(
                device=0,
                at_ms=self._at_ms,
                author=dialogue.customer.id,
                author_name=dialogue.customer.name,
                conversation=dialogue.id,
                create=NewConversation(
                    id=dialogue.id, app=self._app, type=direct, title="", direct_users=ids
                ),
                kind=Kind.CREATED,
                payload=pack([int(direct), "", listed]),
                recipients=dialogue.recipients,
                members=[MemberChange(user=person.id, role=Role.MEMBER) for person in people],
            )
        )

    def _say(self, index: int) -> None:
        dialogue = self._active[index]
        other = dialogue.customer if dialogue.last is dialogue.agent else dialogue.agent
        author = other if self._rng.random() < 0.6 else dialogue.last
        if author is other and dialogue.head > 1 and self._rng.random() < 0.5:
            self._read(dialogue, author)
        self._post(dialogue, author)
        dialogue.left -= 1
        if dialogue.left <= 0:
            self._active[index] = self._active[-1]
            self._active.pop()

    def _post(self, dialogue: _Dialogue, author: _Person) -> None:
        payload, digest = self._rng.choice(self._texts)
        write = self._write(dialogue, author)
        write.kind, write.payload, write.digest = Kind.MESSAGE, payload, digest
        dialogue.head += 1
        dialogue.last = author
        self._made += 1
        self._now_ms += self._step_ms

    def _read(self, dialogue: _Dialogue, reader: _Person) -> None:
        write = self._write(dialogue, reader)
        write.kind, write.value = Kind.READ, dialogue.head

    def _write(self, dialogue: _Dialogue, author: _Person) -> Write:
        author.counter += 1
        write = Write(
            device=author.device,
            counter=author.counter,
            at_ms=self._at_ms,
            author=author.id,
            author_name=author.name,
            conversation=dialogue.id,
            recipients=dialogue.recipients,
        )
        self._batch.append(write)
        return write

    async def _append(self) -> None:
        batch, self._batch = self._batch, []
        await self._store.append(batch)
