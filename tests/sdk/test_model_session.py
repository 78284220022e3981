"""Session and outbox against a model server: drops, lost and repeated results, refusals, crashes between any
two steps.

Whatever happened: once faults stop, every text was stored exactly once, in the order it was sent, and the
feed shows the conversation dense and in order."""

from collections import deque
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from improtocol import Body, Code, ConversationType, Entry, Kind, Text, pack, pack_body, read_body, unpack
from improtocol.commands import Post
from improtocol.frames import Connect, Connected, Events, Result, Resume, Resumed
from imsdk.session import Session, Verdict
from imsdk.store import MemoryStore
from tests.sdk.conftest import run

ROOM = 9


@dataclass
class ModelServer:
    """One conversation, one device of alice, and bob."""

    accepted: int = 0
    results: dict[int, Result] = field(default_factory=dict)
    texts: list[tuple[str, str]] = field(default_factory=list)
    log: list[Entry | None] = field(default_factory=list)  #: None: the device's own, not sent back to it
    session: int = 0

    def post(self, sender: str, text: str, *, own: bool) -> int:
        if not self.texts:
            self.texts.append(("", "created"))
            members = pack([int(ConversationType.DIRECT), "", [["alice", 0], ["bob", 0]]])
            self.log.append(Entry(Kind.CREATED, 1, sender, ROOM, 1, members))
        self.texts.append((sender, text))
        seq = len(self.texts)
        entry = Entry(Kind.MESSAGE, seq, sender, ROOM, seq, pack_body(Body(content=Text(text))))
        self.log.append(None if own else entry)
        return seq

    def command(self, counter: int, text: str) -> Result:
        if counter <= self.accepted:
            assert counter > self.accepted - 32, "sent again beyond the window"
            return self.results[counter]
        if counter > self.accepted + 1:
            return Result(counter=counter, code=Code.OUT_OF_TURN, retry_after_ms=10)
        self.accepted = counter
        seq = self.post("alice", text, own=True)
        self.results[counter] = Result(counter=counter, value=seq, at_ms=seq)
        return self.results[counter]


class Dialogue(RuleBasedStateMachine):
    """A client that may crash and a network that may break at any step."""

    @initialize(refused=st.sets(st.integers(1, 30), max_size=6))
    def begin(self, refused: set[int]) -> None:
        self.server = ModelServer()
        self.store = MemoryStore()
        self.now = 0.0
        self.sent: list[str] = []
        self.refused = (
            refused  #: counters that are turned away once, each with all that follows it in its flight
        )
        self.session = Session(run(self.store.open("phone")))
        self.trying = False  #: refused for now, and nothing was settled since
        self.hang_up()

    # What may happen --------------------------------------------------------------------------------

    @rule()
    def hang_up(self) -> None:
        self.to_server: deque[tuple[int, str]] = deque()
        self.to_client: deque[Result | Events | Connected | Resumed] = deque()
        self.connected = False
        self.pushed = 0
        self.session.attached = False

    @rule()
    def crash(self) -> None:
        self.session = Session(run(self.store.identity()))
        self.trying = False
        self.hang_up()

    @rule(count=st.integers(1, 40))
    def send(self, count: int) -> None:
        chat = run(self.store.chat_with("bob"))
        for _ in range(count):
            text = f"a{len(self.sent)}"
            self.sent.append(text)
            run(self.store.enqueue(chat, Post(conversation="bob", body=Body(content=Text(text))), None, 0))

    @rule(count=st.integers(1, 5))
    def bob_posts(self, count: int) -> None:
        for _ in range(count):
            self.server.post("bob", f"b{len(self.server.texts)}", own=False)

    @rule(seconds=st.sampled_from([0.1, 1.0, 30.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def session_expires(self) -> None:
        self.server.session = 0

    @precondition(lambda self: not self.connected)
    @rule()
    def connect(self) -> None:
        self.hang_up()
        frame = self.session.open("token", 0)
        facts = {"accepted": self.server.accepted, "head": len(self.server.log)}
        if isinstance(frame, Resume):
            if frame.session != self.server.session:
                self.session.forget()
                run(self.store.detach())
                return
            self.to_client.append(Resumed(**facts))
        else:
            assert isinstance(frame, Connect)
            self.server.session += 100 + len(self.sent)
            self.to_client.append(
                Connected(session=self.server.session, secret=b"s" * 16, epoch=1, user="alice", **facts)
            )
        self.connected = True
        self.pushed = frame.cursor
        self.put_commands()

    @precondition(lambda self: self.connected)
    @rule()
    def put_commands(self) -> None:
        after, limit = self.session.sendable(self.now)
        if limit > 0:
            for counter, action in run(self.store.window(after, limit)):
                assert isinstance(action, Post)
                assert isinstance(action.body.content, Text)
                self.to_server.append((counter, action.body.content.text))
                self.session.sent(counter)
            assert self.session.in_flight <= 1 or not self.trying, "one command is enough to try"
        assert self.session.in_flight <= 32

    @precondition(lambda self: self.connected and self.to_server)
    @rule()
    def server_takes_a_command(self) -> None:
        counter, text = self.to_server.popleft()
        if counter in self.refused and counter == self.server.accepted + 1:
            self.refused.discard(counter)
            self.to_client.append(Result(counter=counter, code=Code.DISK_FULL, retry_after_ms=500))
        else:
            self.to_client.append(self.server.command(counter, text))

    @precondition(lambda self: self.connected)
    @rule(count=st.integers(1, 4))
    def server_pushes(self, count: int) -> None:
        end = min(len(self.server.log), self.pushed + count)
        if end > self.pushed:
            entries = tuple(entry for entry in self.server.log[self.pushed : end] if entry is not None)
            self.to_client.append(Events(start=self.pushed, end=end, entries=entries))
            self.pushed = end

    @precondition(lambda self: self.connected and self.to_client)
    @rule(
        crash=st.sampled_from(["no", "no", "no", "before the commit", "while it commits", "after the commit"])
    )
    def client_takes_a_frame(self, crash: str) -> None:
        frame = self.to_client.popleft()
        if crash == "before the commit":
            self.crash()
            return
        match frame:
            case Events():
                self.session.check(frame)
                run(self.store.commit_events(frame.entries, frame.end))
            case Result():
                verdict = self.session.judge(frame, self.now)
                self.trying = verdict is Verdict.PAUSED or (self.trying and verdict is Verdict.STALE)
                if crash == "while it commits":
                    # The writer goes on meanwhile, and the server with what it says.
                    self.put_commands()
                    while self.to_server:
                        self.server_takes_a_command()
                    self.crash()
                    return
                if verdict is Verdict.SETTLED:
                    run(self.store.settle([frame]))
            case Connected() | Resumed():
                attached = self.session.attach(frame)
                if attached.fresh is not None:
                    identity = run(self.store.attach(attached.fresh))
                    if crash != "after the commit":
                        self.session.renew(identity)
        if crash == "after the commit":
            self.crash()
        elif isinstance(frame, Events):
            self.session.committed(frame.end, self.now)
        elif isinstance(frame, Result):
            self.session.settled()

    @rule(steps=st.integers(1, 60), late=st.booleans(), log_first=st.booleans(), end=st.booleans())
    def go_on(self, steps: int, late: bool, log_first: bool, end: bool) -> None:
        """Many steps, so that runs get far, and perhaps a drop after them.

        `late`: frames wait for the client meanwhile; `log_first`: events overtake results.
        """
        for _ in range(steps):
            if not self.step(late=late, log_first=log_first):
                break
        if end:
            self.hang_up()

    def step(self, *, late: bool = False, log_first: bool = False) -> bool:
        """One step forward; False when there is nothing to do."""
        if not self.connected:
            self.connect()
        elif self.to_client and not (late and self.session.attached):
            self.client_takes_a_frame("no")
        elif log_first and self.pushed < len(self.server.log):
            self.server_pushes(4)
        elif self.to_server:
            self.server_takes_a_command()
        elif self.pushed < len(self.server.log):
            self.server_pushes(4)
        elif run(self.store.pending()) and not late:
            self.now += 1
            self.put_commands()
        else:
            return False
        return True

    # What must hold ---------------------------------------------------------------------------------

    def teardown(self) -> None:
        if not hasattr(self, "server"):
            return
        for _ in range(10_000):
            if not self.step():
                break
        else:
            raise AssertionError("it never came to rest")
        assert [text for sender, text in self.server.texts if sender == "alice"] == self.sent
        rows = run(self.store.feed(0, 100_000, messages=True))
        shown = []
        for row in rows:
            assert row.kind == Kind.MESSAGE, "nothing may be missing"
            assert row.message is not None
            assert row.message.body is not None
            content = read_body(unpack(row.message.body)).content
            assert isinstance(content, Text)
            shown.append((row.sender, content.text))
        assert shown == self.server.texts[1:]
        identity = run(self.store.identity())
        assert identity.cursor == len(self.server.log)
        assert identity.acked == identity.assigned == len(self.sent)
        run(self.store.close())


Dialogue.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestDialogue = Dialogue.TestCase
