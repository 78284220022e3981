"""A client and a server `Connection` that talk to each other, so tests read as dialogues, as h11's do."""

from improtocol import NEED_DATA, Connection, Frame, Side, State
from improtocol import frames as f

SESSION = 2**53 - 2
EPOCH = 2**52 + 99
SECRET = b"0123456789abcdef"
CONVERSATION = 2**52 + 12_345
#: 2026-01-01, in ms: as wide on the wire as every real time.
AT_MS = 1_767_225_600_000


class Pair:
    """Both ends. `say` carries one frame across and returns it as the other end understood it."""

    def __init__(self) -> None:
        self.ends = {side: Connection(side) for side in Side}
        self.client = self.ends[Side.CLIENT]
        self.server = self.ends[Side.SERVER]

    def say(self, side: Side, frame: Frame) -> Frame:
        """What the peer of `side` receives for `frame`; both ends must come out in the same state."""
        received = self.carry(side, self.ends[side].send(frame))
        assert len(received) == 1, received
        assert self.client.state is self.server.state
        return received[0]

    def carry(self, side: Side, data: bytes) -> list[Frame]:
        """Everything the peer of `side` understands from `data`."""
        peer = self.ends[side.peer]
        peer.receive_data(data)
        received = []
        while (event := peer.next_event()) is not NEED_DATA:
            received.append(event)
        return received

    def resumed(self, *, next_counter: int = 40_001, accepted: int = 40_000, head: int = 40_000) -> "Pair":
        """This pair, with a session resumed where one stands after a while."""
        resume = f.Resume(session=SESSION, secret=SECRET, epoch=EPOCH, cursor=head, next=next_counter)
        self.say(Side.CLIENT, resume)
        self.say(Side.SERVER, f.Resumed(accepted=accepted, head=head))
        assert self.client.state is State.OPEN
        return self


def pair_in(state: State) -> Pair:
    """A pair whose ends both are in `state`."""
    pair = Pair()
    if state is State.CONNECTING:
        pair.say(Side.CLIENT, f.Connect(token="t", device="d"))
    elif state is State.RESUMING:
        pair.say(Side.CLIENT, f.Resume(session=1, secret=SECRET, epoch=1, cursor=0, next=1))
    elif state is State.OPEN:
        pair.resumed()
    elif state is State.CLOSED:
        pair.say(Side.CLIENT, f.Close(code=103))
    assert pair.client.state is pair.server.state is state
    return pair
