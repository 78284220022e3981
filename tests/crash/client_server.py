"""The server as the client's store needs it: one group, dense numbers, a retry gets the original result."""

from dataclasses import dataclass, field

from improtocol import Body, Entry, Kind, Text, pack, pack_body
from improtocol import commands as ask
from improtocol.commands import Action
from improtocol.frames import Connected, Result

ME = "alice"
ROOM = 77
AT_MS = 1_000


@dataclass
class ModelServer:
    """Alice's log and the group's records. `log` holds (entry, whether alice's device caused it)."""

    log: list[tuple[Entry, bool]] = field(default_factory=list)
    results: list[tuple[Action, Result]] = field(default_factory=list)
    seq: int = 0

    def __post_init__(self) -> None:
        if not self.log:
            self._record(Kind.CREATED, ME, pack([2, "Team", [[ME, 1], ["bob", 0]]]), own=False)

    def copy_at(self, log_length: int, accepted: int) -> "ModelServer":
        """As it was then."""
        log = self.log[:log_length]
        return ModelServer(
            log=log, results=self.results[:accepted], seq=sum(e.kind != Kind.READ for e, _ in log)
        )

    def connected(self, session: int) -> Connected:
        """The answer to a log-in."""
        return Connected(session=session, secret=b"s" * 16, epoch=1, accepted=len(self.results),
                         head=len(self.log), user=ME)  # fmt: skip

    def bob_posts(self, text: str) -> None:
        self._record(Kind.MESSAGE, "bob", pack_body(Body(content=Text(text))), own=False)

    def bob_reads(self) -> None:
        self.log.append((Entry(Kind.READ, AT_MS, "bob", ROOM, self.seq, pack(None)), False))

    def accept(self, counter: int, action: Action) -> Result:
        """Decide, or give the original result again (G2)."""
        assert 1 <= counter <= len(self.results) + 1, f"counter {counter} after {len(self.results)}"
        if counter <= len(self.results):
            before, result = self.results[counter - 1]
            assert before == action, f"counter {counter} came again as another command: {action} for {before}"
            return result
        match action:
            case ask.MarkRead(seq=seq):
                self.log.append((Entry(Kind.READ, AT_MS, ME, ROOM, seq, pack(None)), True))
                value = seq
            case ask.Post(body=body):
                value = self._record(Kind.MESSAGE, ME, pack_body(body), own=True)
            case ask.Edit(target=target, body=body):
                value = self._record(Kind.EDITED, ME, pack([target, body.to_value()]), own=True)
            case ask.Recall(target=target):
                value = self._record(Kind.RECALLED, ME, pack([target]), own=True)
            case ask.React(target=target, emoji=emoji, on=on):
                value = self._record(Kind.REACTED, ME, pack([target, emoji, on]), own=True)
            case _:
                raise AssertionError(action)
        result = Result(counter=counter, value=value, at_ms=AT_MS + value)
        self.results.append((action, result))
        return result

    def events(self, cursor: int, end: int) -> list[Entry]:
        """What alice's device is sent of (cursor, end]."""
        return [entry for entry, own in self.log[cursor:end] if not own]

    def _record(self, kind: Kind, sender: str, payload: bytes, *, own: bool) -> int:
        self.seq += 1
        self.log.append((Entry(kind, AT_MS + self.seq, sender, ROOM, self.seq, payload), own))
        return self.seq
