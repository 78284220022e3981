"""A session in memory: two resumable streams, and the connection (if any) that carries them at the moment."""

from collections import deque

from improtocol.digest import DIGEST_MAX
from improtocol.frames import ClientMode, Frame
from improtocol.limits import EVENT_BYTES_IN_FLIGHT_MAX, EVENTS_IN_FLIGHT_MAX, SECRET_BYTES
from imserver.core.links import Link
from imserver.core.users import User
from imserver.storage.outcomes import Ring
from imserver.storage.store import Device, Outcome


class InFlight:
    """EVENTS sent and not acknowledged, oldest first.

    Each is its end position, its bytes, what it delivers (conversation -> seq), and the sum of all terms sent
    up to its end.
    """

    __slots__ = ("bytes", "frames")

    def __init__(self) -> None:
        self.frames: deque[tuple[int, int, dict[int, int], int]] = deque()
        self.bytes = 0


class Session:
    """One device's session.

    Client to server: `decided` is the last counter the commit loop has taken, `accepted` the last one
    durable; they differ only while a batch is under way. Server to client: `scanned` is the last log
    position looked at, `sent` the end of the last EVENTS frame, `acked` the last position the client has
    committed; acked <= sent <= scanned. `digest` is the sum of the terms of what was sent on this connection
    since it was attached, or since the last SEEK, `acked_digest` that at `acked` (None: inside of a frame),
    and `verified` the last position compared and found equal, or where the sum began. `secret_half` are as
    many bytes of the secret's hash as the secret has: the rest would prove no more.
    """

    __slots__ = (
        "accepted",
        "acked",
        "acked_digest",
        "decided",
        "device",
        "digest",
        "ended",
        "expires_ms",
        "id",
        "in_flight",
        "link",
        "mode",
        "outcomes",
        "pending",
        "queries",
        "quoted",
        "reading",
        "resyncing",
        "revoked",
        "ride_along",
        "scanned",
        "secret_half",
        "sent",
        "unanswered",
        "user",
        "verified",
        "watching",
    )

    def __init__(self, device: Device, user: User) -> None:
        self.device = device.id
        self.user = user
        self.renew(device)
        self.accepted = self.decided = device.accepted
        self.outcomes: Ring | None = None
        if device.outcomes:
            self.outcomes = Ring(device.outcomes)
        self.acked = self.sent = self.scanned = self.verified = device.acked
        self.digest = 0
        self.acked_digest: int | None = 0
        #: The head quoted to the client when it attached: it waits to hear that it stands there.
        self.quoted = 0
        self.link: Link | None = None
        #: A `ClientMode`, as the number that it is.
        self.mode = int(ClientMode.FOREGROUND)
        #: Commands waiting for their commit, and those of them that came over the present connection.
        self.pending = self.unanswered = 0
        self.queries = 0
        self.reading = False
        #: The reason of a RESYNC that the client has not ended by SEEK: no events until then (0: none).
        self.resyncing = 0
        self.in_flight: InFlight | None = None
        self.ride_along: dict[tuple[int, int | str | None, str], Frame] | None = None
        self.watching: set[int] | None = None

    def renew(self, device: Device) -> None:
        """The device's session as it is stored, by a login perhaps."""
        self.id = device.session
        self.secret_half = device.secret_hash[:SECRET_BYTES]
        self.expires_ms = device.expires_ms
        #: Ended: by its own logout, from the moment that is decided, or `revoked` by the shop, durably.
        self.ended = self.revoked = False

    def remember(self, digest: int, code: int, value: int, at_ms: int) -> None:
        """The outcome of the next command is durable; keep it for a retry."""
        self.accepted += 1
        if self.outcomes is None:
            self.outcomes = Ring()
        self.outcomes.append(digest, code, value, at_ms)

    def outcome(self, counter: int) -> Outcome | None:
        """The original outcome of `counter`, if it is among the last ones."""
        return None if self.outcomes is None else self.outcomes.find(self.accepted, counter)

    @property
    def window_open(self) -> bool:
        """Whether more events may be sent before the client acknowledges."""
        in_flight = self.in_flight
        if in_flight is None:
            return True
        return self.sent - self.acked < EVENTS_IN_FLIGHT_MAX and in_flight.bytes < EVENT_BYTES_IN_FLIGHT_MAX

    def note_sent(self, end: int, size: int, delivers: dict[int, int], digest: int) -> None:
        """EVENTS up to `end` were queued, whose terms sum up to `digest`."""
        self.digest = self.digest + digest & DIGEST_MAX
        if self.in_flight is None:
            self.in_flight = InFlight()
        self.in_flight.frames.append((end, size, delivers, self.digest))
        self.in_flight.bytes += size
        self.sent = end

    def note_acked(self, count: int) -> dict[int, int]:
        """The client has committed `count` more positions.

        Returns what was delivered by that (conversation -> seq).

        Raises:
            ValueError: it acknowledges what was never sent.
        """
        position = self.acked + count
        if position > self.sent:
            raise ValueError(f"position {position} is acknowledged, but only {self.sent} was sent")
        if count:
            self.acked = position
            self.acked_digest = None
        delivered: dict[int, int] = {}
        in_flight = self.in_flight
        while in_flight is not None and in_flight.frames and in_flight.frames[0][0] <= position:
            end, size, delivers, digest = in_flight.frames.popleft()
            if end == position:
                self.acked_digest = digest
            in_flight.bytes -= size
            for conversation, seq in delivers.items():
                delivered[conversation] = max(seq, delivered.get(conversation, 0))
        if in_flight is not None and not in_flight.frames:
            self.in_flight = None
        return delivered

    def agrees(self, digest: int) -> bool:
        """Whether the client has what was sent up to `acked`; then that is verified.

        Raises:
            ValueError: it acknowledged inside of a frame, where there is nothing to compare with.
        """
        if self.acked_digest is None:
            raise ValueError("an ACK with a digest must end where a frame of events ended")
        if digest != self.acked_digest:
            return False
        self.verified = self.acked
        return True

    def seek(self, position: int, quoted: int = 0) -> None:
        """Events go on after `position`; what was in flight counts no more. `quoted`: see above."""
        self.quoted = quoted or self.quoted
        self.acked = self.sent = self.scanned = self.verified = position
        self.digest = self.acked_digest = 0
        self.in_flight = None
