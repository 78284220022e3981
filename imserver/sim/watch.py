"""What a phone makes durable, looked at the moment it does, and what its app is shown."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from improtocol import Entry, pack_body
from improtocol import commands as ask
from imsdk import Gap
from imsdk.message import Message
from imsdk.store.rows import GAP, GapReason, Settled
from imserver.sim.model import Model, Violation, require

if TYPE_CHECKING:
    from imserver.sim.phone import Phone
    from imserver.sim.world import World


class Watch:
    """One phone's witness: survives the phone's processes."""

    def __init__(self, world: "World", phone: "Phone") -> None:
        self._world = world
        self._phone = phone
        self.cursor = 0
        self.epoch = 0
        self.user_id = self.device_id = 0
        self.resynced = False
        self.restored = False
        self.trimmed = False  #: it had a snapshot in place of a stretch that it had never compared
        self.sent: dict[int, ask.Action] = {}  #: local id -> what was asked for
        self.settled: dict[int, tuple[int, Settled]] = {}  #: local id -> epoch, end
        self.journal: dict[int, tuple[int, int]] = {}  #: position -> chat, seq: what the app was shown
        self._last = 0
        self._done = 0
        self._fresh = True

    @property
    def model(self) -> Model:
        """The epoch this phone is in."""
        return self._world.models[self.epoch]

    # What the store does -----------------------------------------------------------------------------

    def before(self, name: str, args: tuple[Any, ...]) -> None:
        """A transaction is about to run."""
        if name == "_commit_events":
            _, entries, end, *_ = args
            self._know()
            self.model.check_range(self.user_id, self.device_id, self.cursor, end, entries)

    def after(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        """A transaction is durable."""
        match name:
            case "_commit_events":
                self.cursor = args[2]
                self._world.trace.note("applied", self._phone.name, self.cursor, len(args[1]))
            case "_rewind":
                require(args[0] <= self.cursor, "G4", "rewinds from", self.cursor, "to", args[0])
                self.cursor = args[0]
                self._world.trace.note("rewound", self._phone.name, self.cursor)
            case "enqueue":
                self.sent[result] = args[2]
            case "make":
                self.sent[result[1]] = ask.Create(conversation=1, title="", members=())
            case "settle":
                self._settled(args[1], result)
            case "_attach":
                self.epoch = self.epoch or result.epoch
                self._know()
            case "end_resync":
                self._end_resync(kwargs)
            case "take_newest" | "take_history":
                # The first page after a restore shows new messages under numbers that were shown before.
                self.restored = self.restored or (name, args[3]) == ("take_newest", GapReason.RESTORED)
                self._check_page(args[2].entries)
            case _:
                pass

    def _know(self) -> None:
        """The server's ids of this phone; they stay, also in a restored backup that is younger than it."""
        found = self._world.device_ids(self._phone.user, self._phone.name, self.epoch)
        if found is not None:
            self.user_id, self.device_id = found

    def _check_page(self, entries: Sequence[Entry]) -> None:
        """A page comes from the server of today, or, on its last bytes, from the one before a restore."""
        self._know()
        server = self._world.server.model
        ids = self._world.device_ids(self._phone.user, self._phone.name, server.epoch)
        try:
            server.check_page(ids[0] if ids else 0, entries)
        except Violation:
            if self.epoch in (0, server.epoch):
                raise
            self.model.check_page(self.user_id, entries)

    def _end_resync(self, kwargs: dict[str, Any]) -> None:
        self.epoch, self.cursor = kwargs["epoch"], kwargs["cursor"]
        self.resynced = True
        self.restored = self.restored or kwargs["restored"]
        self.trimmed = self.trimmed or not kwargs["restored"]
        head = len(self.model.logs.get(self.user_id, []))
        require(self.cursor <= head, "G6", "seeks to", self.cursor, "of", head)
        self._world.trace.note("resynced", self._phone.name, self.epoch, self.cursor)

    def _settled(self, results: Any, ends: tuple[Settled, ...]) -> None:
        self._know()
        model = self.model
        for result in results:
            outcome = model.outcomes.get((self.device_id, result.counter))
            require(outcome is not None, "G6", self._phone.name, "has a result of no commit:", result)
            require(outcome == (result.code, result.value), "G2", "outcome", outcome, "result", result)
        for end in ends:
            self.settled[end.local] = (self.epoch, end)
            action = self.sent.get(end.local)
            if isinstance(action, ask.Post) and not end.code:
                place = model.posted.get(pack_body(action.body))
                require(place is not None, "G1", "acked and not there:", action)
                assert place is not None
                require(place[1] == end.seq, "G1", "acked as", end.seq, "stored as", place)
            self._world.trace.note("acked", self._phone.name, end.local, end.seq, end.code)

    # What the app sees -------------------------------------------------------------------------------

    def begin_life(self) -> None:
        """A new process: it is shown again what it had not done with."""
        self._fresh = True

    def shown(self, message: Message) -> None:
        """The app is given a message."""
        position = message.position
        if self._fresh:
            self._fresh = False
            require(position > self._done, "G4", "shown again:", position, "was done with", self._done)
        else:
            require(position > self._last, "G4", "shown", position, "after", self._last)
        missed = [p for p in self.journal if self._done < p < position and p > self._last]
        missed = [p for p in missed if not self._told_differently(p)]
        require(not missed, "G4", "shown", position, "and not", missed)
        self._last = position
        place = (message.chat, message.seq)
        known = self.journal.get(position)
        require(known in (None, place), "G4", "at", position, "now", place, "before", known)
        if known is None and not isinstance(message.content, Gap) and not self.restored:
            require(place not in self.journal.values(), "G4", self._phone.name, "shown twice:", place)
        self.journal[position] = place

    def _told_differently(self, position: int) -> bool:
        """Whether what was shown there is gone by a restore, and a gap that comes later stands for it."""
        chat, seq = self.journal[position]
        found = self._phone.database.execute(
            "SELECT 1 FROM feed WHERE position > ? AND chat = ? AND seq <= ? AND kind = ?",
            (position, chat, seq, GAP),
        )
        return self.restored and found.fetchone() is not None

    def done(self, message: Message) -> None:
        """The app has done with it, durably."""
        self._done = message.position

    def stopped(self, reason: str, *, expected: bool) -> None:
        """The client connects no more."""
        require(expected, "G9", self._phone.name, "has stopped for good:", reason)
