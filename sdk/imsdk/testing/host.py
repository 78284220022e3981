"""What the parts of the fake server share: the world, the connections, the clock and the faults to come."""

from random import Random
from typing import TYPE_CHECKING, Final

import trio

from improtocol import Code, frames
from imsdk.testing.commands import Refused
from imsdk.testing.world import World

if TYPE_CHECKING:
    from imsdk.testing.peer import Peer

#: The server's clock starts here (2026-01-01 00:00 UTC) and runs with trio's.
START_MS: Final = 1_767_225_600_000


class Host:
    """The inside of one fake server. Faults are set from outside and used up by what they befall."""

    def __init__(self, seed: int) -> None:
        self.world = World(epoch=1, rng=Random(seed))  # noqa: S311 - repeatable on purpose; guards nothing
        self.peers: list[Peer] = []
        self.tokens: dict[str, str | Code] = {}
        self.handshake_refusals: list[frames.Close] = []
        self.command_refusals: list[tuple[Code, int]] = []
        self.lose_result = False
        self.bytes_left: int | None = None
        self.online = trio.Event()
        self.online.set()
        self.silent = False
        self._started_s: float | None = None

    @property
    def is_offline(self) -> bool:
        """Is there no network?"""
        return not self.online.is_set()

    def now_ms(self) -> int:
        """Milliseconds since 1970, by trio's clock."""
        now_s = trio.current_time()
        if self._started_s is None:
            self._started_s = now_s
        return START_MS + round((now_s - self._started_s) * 1000)

    def allow(self, count: int) -> int:
        """How many of the next `count` bytes pass."""
        if self.bytes_left is None:
            return count
        passing = min(count, self.bytes_left)
        self.bytes_left = self.bytes_left - passing if passing == count else None
        return passing

    def user_of(self, token: str) -> str:
        """Whose token this is; raises `Refused` with the code to close with."""
        user = self.tokens.get(token, Code.TOKEN_INVALID)
        if isinstance(user, Code):
            raise Refused(
                user, "this token is not good any more" if token in self.tokens else "unknown token"
            )
        return user

    def handshake_refusal(self) -> frames.Close | None:
        """The CLOSE that the test wants this handshake to get."""
        return self.handshake_refusals.pop(0) if self.handshake_refusals else None

    def command_refusal(self) -> tuple[Code, int] | None:
        """The code and retry time that the test wants this command to get."""
        return self.command_refusals.pop(0) if self.command_refusals else None

    def result_is_lost(self) -> bool:
        """Is this the result that the test wants lost on its way?"""
        lost, self.lose_result = self.lose_result, False
        return lost

    def ring(self) -> None:
        """Let every connection of a user whose log grew pull what is there by now."""
        touched, self.world.touched = self.world.touched, set()
        for peer in list(self.peers):
            if peer.device and peer.device.user in touched:
                peer.pump()
