"""A server in memory for devices of the load tool, honest unless it is given a fault. No sockets, no time."""

from collections.abc import Callable

from imload.book import Book
from imload.device import Device
from imload.ledger import Ledger
from imload.people import Person
from imload.player import group_id
from imload.radio import Radio
from imload.schedule import Schedule
from imload.tally import Tally
from improtocol import NEED_DATA, Connection, Entry, Side, frames, pack, pack_body
from improtocol.answers import UploadSlot
from improtocol.commands import Post
from improtocol.digest import sum_terms

#: What of an entry goes into a user's log: none, one, or several.
Fault = Callable[[str, Entry], list[Entry]]


def honest(_: str, entry: Entry) -> list[Entry]:
    return [entry]


class Relay:
    """Keeps a log for each user, and devices' connections."""

    def __init__(self, fault: Fault = honest) -> None:
        self.fault = fault
        self.logs: dict[str, list[tuple[Device | None, Entry]]] = {}
        self.conversations: dict[frozenset[str], int] = {}
        self.members: dict[int, frozenset[str]] = {}
        self.seqs: dict[int, int] = {}
        self.accepted: dict[Device, int] = {}
        self.results: dict[tuple[Device, int], int] = {}
        self.ends: dict[Device, Connection] = {}
        self.sent: dict[Device, int] = {}
        #: By device, on this connection: where it began, and up to where it is acknowledged.
        self.begun: dict[Device, int] = {}
        self.acked: dict[Device, int] = {}
        self.forgetful = False  #: it stores a command that is sent again once more
        self.now_s = 1.0

    def connect(self, device: Device) -> None:
        self.ends[device] = Connection(Side.SERVER)
        device.hello(self.now_s)
        self.settle()

    def cut(self, device: Device) -> None:
        del self.ends[device]
        device.lost()

    def settle(self, *, answer: bool = True) -> None:
        """Move bytes until nobody has any; with `answer` False nothing comes back to the devices."""
        moved = True
        while moved:
            moved = False
            for device, end in list(self.ends.items()):
                data = device.take(self.now_s)
                moved = moved or bool(data)
                end.receive_data(data)
                back = b""
                while (frame := end.next_event()) is not NEED_DATA:
                    back += self._answer(device, end, frame)
                if not answer:
                    continue
                back += self._events(device, end)
                if back:
                    device.receive(back, self.now_s)
                    moved = True

    def _answer(self, device: Device, end: Connection, frame: frames.Frame) -> bytes:
        log = self.logs.setdefault(device.user, [])
        accepted = self.accepted.setdefault(device, 0)
        match frame:
            case frames.Connect():
                self._attach(device, frame)
                return end.send(
                    frames.Connected(session=1, secret=b"s" * 16, epoch=1, accepted=accepted, head=len(log))
                )
            case frames.Resume():
                self._attach(device, frame)
                head = 0 if len(log) == frame.cursor else len(log)
                return end.send(frames.Resumed(accepted=accepted, head=head))
            case frames.Command(action=Post() as post):
                return end.send(self._post(device, frame.counter, post))
            case frames.Ack():
                self.acked[device] += frame.count
                assert frame.digest == self._sum(device, self.begun[device], self.acked[device])
            case frames.Ping():
                return end.send(frames.Pong())
            case frames.Query(op=4):
                slot = UploadSlot(url="http://127.0.0.1:1/uploads", ticket="ticket", expires_ms=1)
                return end.send(frames.Reply(id=frame.id, payload=slot.to_payload()))
        return b""

    def _attach(self, device: Device, frame: frames.Connect | frames.Resume) -> None:
        self.sent[device] = self.begun[device] = self.acked[device] = frame.cursor
        assert (frame.digest or 0) == self._sum(device, frame.cursor - frame.span, frame.cursor)

    def _sum(self, device: Device, after: int, upto: int) -> int:
        """What a device that has received these positions must claim."""
        log = self.logs.get(device.user, [])
        return sum_terms(entry for author, entry in log[after:upto] if author is not device)

    def _post(self, device: Device, counter: int, post: Post) -> frames.Result:
        if counter <= self.accepted[device] and not self.forgetful:
            return frames.Result(counter=counter, value=self.results[device, counter], at_ms=1)
        if isinstance(post.conversation, str):
            users = frozenset({device.user, post.conversation})
            if users not in self.conversations:
                self._create(users)
            conversation = self.conversations[users]
        else:
            conversation = post.conversation
        seq = self.seqs[conversation] = self.seqs[conversation] + 1
        entry = Entry(0, 1, device.user, conversation, seq, pack_body(post.body))
        for user in sorted(self.members[conversation]):
            self.logs.setdefault(user, []).extend((device, each) for each in self.fault(user, entry))
        self.accepted[device] = max(counter, self.accepted[device])
        self.results[device, counter] = seq
        return frames.Result(counter=counter, value=seq, at_ms=1)

    def _create(self, users: frozenset[str]) -> None:
        id = len(self.conversations) + 1
        self.conversations[users], self.members[id], self.seqs[id] = id, users, 1
        payload = pack([1, "", [[user, 0] for user in sorted(users)]])
        for user in users:
            self.logs.setdefault(user, []).append((None, Entry(5, 1, "", id, 1, payload)))

    def _events(self, device: Device, end: Connection) -> bytes:
        log, start = self.logs.get(device.user, []), self.sent.get(device, 0)
        if not device.attached or start == len(log):
            return b""
        self.sent[device] = len(log)
        return end.send_events(
            start, len(log), [entry for author, entry in log[start:] if author is not device]
        )


class Stage:
    """Devices of a schedule on a relay."""

    def __init__(self, schedule: Schedule, fault: Fault = honest) -> None:
        self.schedule = schedule
        self.relay = Relay(fault)
        self.ledger = Ledger.of_size(len(schedule.postings))
        self.tally = Tally()
        self.book = Book(
            people=schedule.people,
            tally=self.tally,
            ledger=self.ledger,
            name_of=lambda user: user,
            group_id=lambda chat: group_id("test", chat),
            sender_of=lambda number: schedule.postings[number].device,
            upload=lambda _blob, _slot, done: done("", self.relay.now_s),
            token_of=lambda user: f"token of {user}",
            keepalive_s=60.0,
            ack_after_s=1.0,
        )
        self.devices = [self._device(person) for person in schedule.people.persons]

    def _device(self, person: Person) -> Device:
        return Device(person, self.book, Radio(11.6, 1.0))

    def connect_all(self) -> None:
        for device in self.devices:
            self.relay.connect(device)

    def post(self, number: int) -> None:
        posting = self.schedule.postings[number]
        self.relay.now_s += 0.01
        self.devices[posting.device].post(posting, self.relay.now_s)

    def post_all(self) -> None:
        for posting in self.schedule.postings:
            self.post(posting.number)
            self.relay.settle()
