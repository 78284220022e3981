"""What the core needs of a connection.

The gateway provides it for sockets, tests and simulations for anything else.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from improtocol.event_codec import Line
from improtocol.frames import Close, Frame

if TYPE_CHECKING:
    from imserver.core.sessions import Session


class Link(Protocol):
    """One connection, seen from the core. All calls are synchronous and never block.

    Bytes wait in the link until `flush`.

    Attributes:
        session: the session attached to it. The core sets it, and takes it back when the link is `lost`.
    """

    session: "Session | None"

    @property
    def closing(self) -> bool:
        """True once it was closed or is gone: what is sent is dropped, and what it says counts no more."""

    @property
    def blocked(self) -> bool:
        """True while bytes wait for the transport: do not pull more from the log."""

    def send(self, frame: Frame) -> None:
        """Queue `frame`. Ignored when the link is closed."""

    def send_result(self, counter: int, value: int, at_ms: int) -> None:
        """Queue the RESULT of a command that was carried out. As `send`, for the most frequent frame."""

    def send_events(self, start: int, end: int, lines: Sequence[Line]) -> int:
        """Queue EVENTS (start, end]; returns the bytes it takes."""

    def attached(self) -> None:
        """`session` is set (CONNECTED or RESUMED is queued): read on once that is written."""

    def close(self, frame: Close) -> None:
        """Queue `frame` and hang up once it is written."""

    def flush(self) -> None:
        """Write what waits, as far as the transport takes it."""


class Flushable(Protocol):
    """Something with bytes to write."""

    def flush(self) -> None:
        """See `Link.flush`."""


class FlushList:
    """Links with bytes to write. Frames for one connection collect here and leave in one system call."""

    def __init__(self) -> None:
        self._links: list[Flushable] = []

    def add(self, link: Flushable) -> None:
        """`link` has something to write; it says so once until it is flushed."""
        self._links.append(link)

    def flush(self) -> None:
        """Write what waits on all of them, and what that gave rise to."""
        while self._links:
            links, self._links = self._links, []
            for link in links:
                link.flush()
