"""One user's app as a peer's protocol sees it: bytes in, bytes out, no I/O. It outlives its connections."""

from abc import ABC, abstractmethod


class Device(ABC):
    """A client of the kind that the peer's documentation asks for.

    It keeps what an app would keep on its disk: what was not acknowledged (and sends that again on the next
    connection), and how far it has received. It does not tell messages apart by their bodies: what the
    protocol gives twice is received twice.

    Args:
        name: the user's id. Its inbox has the same name.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.out = bytearray()  #: to be written to the connection there is
        self.attached = False  #: the peer has answered: the inbox is open on this connection
        self.outbox: dict[
            int, tuple[str, bytes]
        ] = {}  #: (to, body) sent or to be sent, without acknowledgement
        self.acked: list[bytes] = []  #: bodies, in the order of their acknowledgements
        self.received: list[bytes] = []  #: bodies, as they came
        self.pongs = 0
        self.unreadable = (
            ""  #: why this connection must be dropped and the next one begun; empty: it need not
        )
        self.retry_after_s = 0.0  #: what the peer asked for when it sent us away

    def connected(self) -> None:
        """A new connection is up: say hello, then everything that was not acknowledged."""
        self.out.clear()
        self.attached = False
        self.unreadable = ""
        self.greet()

    def lost(self) -> None:
        """The connection is gone."""
        self.out.clear()
        self.attached = False

    @abstractmethod
    def greet(self) -> None:
        """Begin on a fresh connection: whatever leads to `attached`, first login or resume."""

    @abstractmethod
    def receive(self, data: bytes) -> None:
        """Take bytes that came; answers are left in `out`."""

    @abstractmethod
    def send(self, to: str, body: bytes) -> None:
        """Post a message to a user's inbox, into the outbox and, when attached, into `out`."""

    @abstractmethod
    def ping(self) -> None:
        """Ask for a sign of life; `pongs` counts the answers."""

    def acknowledge(self) -> None:  # noqa: B027 - most protocols let nothing wait
        """Acknowledge all that was received, where the protocol lets that wait."""
