"""The store against a model of a group: the log, snapshots in its place, pages, member lists, one's own
results and marks, in any order.

Whatever came first: in the end title, members, roles, read mark and unread count are the server's."""

from collections import deque
from copy import deepcopy
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from improtocol import Body, Role, Text
from improtocol import commands as ask
from improtocol import queries as q
from improtocol.frames import Result
from imsdk.store import MemoryStore
from imsdk.store.rows import ChatRow, GapReason
from imsdk.testing import commands, questions
from imsdk.testing.world import World
from tests.sdk.conftest import run
from tests.sdk.store.conftest import ME, ROOM, connected

PHONE = (ME, "phone")
OTHERS = ("bob", "carol", "dave")
Count = st.integers(1, 12)
Share = st.floats(0, 1)


class Group(RuleBasedStateMachine):
    """Four people, one of whom has this phone and another device."""

    @initialize(before=st.integers(0, 30))
    def begin(self, before: int) -> None:
        self.world = World(epoch=1, rng=Random(0))
        self.at_ms = 0
        self.results: deque[Result] = deque()
        self.accepted = 0
        self.line: q.ConversationInfo | None = None
        self.backup: tuple[World, int] | None = None
        self.store = MemoryStore()
        run(self.store.open("phone"))
        run(self.store.attach(connected()))
        self.act("bob", ask.Create(conversation=ROOM, title="0", members=(ME, "carol", "dave")))
        for _ in range(before):
            self.posts("bob", 1)

    @property
    def room(self) -> q.ConversationInfo:
        return questions.info(self.world.conversations[ROOM], ME)

    @property
    def owner(self) -> str:
        members = self.world.conversations[ROOM].members
        return next(user for user, role in members.items() if role is Role.OWNER)

    @property
    def known(self) -> bool:
        return run(self.store.chat_of(ROOM)) is not None

    @property
    def chat(self) -> ChatRow:
        key = run(self.store.chat_of(ROOM))
        assert key is not None
        chat = run(self.store.chat(key))
        assert chat is not None
        return chat

    def act(self, user: str, action: ask.Action, device: str = "") -> int:
        self.at_ms += 1
        try:
            return commands.carry_out(self.world, (user, device), action, self.at_ms)
        except commands.Refused:
            return 0

    # What the others do, and one's own tablet ---------------------------------------------------------

    @rule(user=st.sampled_from([*OTHERS, ME]), count=Count)
    def posts(self, user: str, count: int) -> None:
        for _ in range(count):
            body = Body(content=Text(f"{user} {self.at_ms}"))
            self.act(user, ask.Post(conversation=ROOM, body=body))

    @rule(user=st.sampled_from(OTHERS), at=Share)
    def recalls(self, user: str, at: float) -> None:
        self.act(user, ask.Recall(conversation=ROOM, target=self.place(at)))

    @rule(title=st.integers(1, 9))
    def renames(self, title: int) -> None:
        self.act(self.owner, ask.Rename(conversation=ROOM, title=str(title)))

    @rule(user=st.sampled_from([*OTHERS, ME]), role=st.sampled_from(Role))
    def sets_a_role(self, user: str, role: Role) -> None:
        self.act(self.owner, ask.SetRole(conversation=ROOM, user=user, role=role))

    @rule(user=st.sampled_from(OTHERS))
    def removes_or_invites(self, user: str) -> None:
        if user in self.world.conversations[ROOM].members:
            self.act(self.owner, ask.Remove(conversation=ROOM, user=user))
        else:
            self.act(self.owner, ask.Invite(conversation=ROOM, users=(user,)))

    @rule(at=Share)
    def tablet_marks(self, at: float) -> None:
        self.act(ME, ask.MarkRead(conversation=ROOM, seq=self.place(at)))

    def place(self, at: float) -> int:
        return 1 + int(at * (self.room.head - 1))

    # What the phone does ------------------------------------------------------------------------------

    @precondition(lambda self: self.known)
    @rule(at=Share)
    def marks(self, at: float) -> None:
        chat = self.chat
        seq = 1 + int(at * (chat.head - 1))
        if seq > chat.read:
            run(self.store.enqueue(chat.chat, ask.MarkRead(conversation=ROOM, seq=seq), None, 0))

    @precondition(lambda self: self.known)
    @rule(title=st.integers(11, 19))
    def renames_here(self, title: int) -> None:
        run(self.store.enqueue(self.chat.chat, ask.Rename(conversation=ROOM, title=str(title)), None, 0))

    # What comes ---------------------------------------------------------------------------------------

    @rule()
    def commands_go(self) -> None:
        for counter, action in run(self.store.window(self.accepted, 32)):
            self.at_ms += 1
            self.accepted = counter
            try:
                value = commands.carry_out(self.world, PHONE, action, self.at_ms)
                self.results.append(Result(counter=counter, value=value, at_ms=self.at_ms))
            except commands.Refused as error:
                self.results.append(Result(counter=counter, code=error.code))

    @rule()
    def results_come(self) -> None:
        run(self.store.settle(tuple(self.results)))
        self.results.clear()

    @rule(count=st.integers(1, 60))
    def events_come(self, count: int) -> None:
        end, entries = self.world.pull(PHONE, run(self.store.identity()).cursor, count)
        run(self.store.commit_events(entries, end))

    @rule(limit=Count)
    def a_snapshot_comes(self, limit: int) -> None:
        self.results_come()
        self.resync(limit, GapReason.RETENTION)

    @rule()
    def a_backup_is_made(self) -> None:
        self.backup = deepcopy((self.world, self.accepted))

    @precondition(lambda self: self.backup is not None)
    @rule(limit=Count)
    def the_backup_is_restored(self, limit: int) -> None:
        assert self.backup is not None
        self.world, self.accepted = deepcopy(self.backup)
        self.results.clear()
        self.line = None
        self.resync(limit, GapReason.RESTORED)

    def resync(self, limit: int, reason: GapReason) -> None:
        restored = reason == GapReason.RESTORED
        head = self.world.log(ME).head
        for chat, _ in run(self.store.take_infos([self.room], all_pages=restored)):
            run(self.store.take_newest(chat, self.page(0, limit), reason))
        run(
            self.store.end_resync(
                cursor=head,
                head=head,
                epoch=1,
                present=[ROOM],
                accepted=self.accepted,
                forgotten=run(self.store.identity()).acked > self.accepted,
                restored=restored,
            )
        )

    def page(self, before: int, limit: int) -> q.HistoryPage:
        return questions.history(self.world, ME, q.History(conversation=ROOM, before=before, limit=limit))

    @precondition(lambda self: self.known)
    @rule(at=Share, limit=Count)
    def a_page_of_history_comes(self, at: float, limit: int) -> None:
        before = self.place(at)
        run(self.store.take_history(self.chat.chat, self.page(before, limit), before))

    @rule()
    def the_line_is_asked_for(self) -> None:
        self.line = self.room

    @precondition(lambda self: self.line is not None and self.known)
    @rule()
    def the_line_comes(self) -> None:
        assert self.line is not None
        run(self.store.take_infos([self.line]))
        self.line = None

    @precondition(lambda self: self.known)
    @rule()
    def the_member_list_comes(self) -> None:
        chat = self.chat
        page = questions.members(self.world, ME, q.Members(conversation=ROOM))
        assert run(self.store.take_members(chat.chat, page.members, chat.head))

    # What must hold -----------------------------------------------------------------------------------

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.commands_go()
        self.results_come()
        self.events_come(10_000)
        if run(self.store.stale_chats(1)):
            run(self.store.take_infos([self.room]))
            self.the_member_list_comes()
        chat = self.chat
        told = self.room
        assert (chat.title, chat.role, chat.head) == (told.title, told.role, told.head)
        members = {row.user: row.role for row in run(self.store.members(self.chat.chat))}
        assert members == self.world.conversations[ROOM].members
        assert chat.read == told.read
        if run(self.store.history(self.chat.chat, 0, 10_000)).first <= chat.read + 1:
            assert chat.unread == told.unread
        else:
            assert 0 <= chat.unread <= told.head - told.read
        run(self.store.close())


Group.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestGroup = Group.TestCase
