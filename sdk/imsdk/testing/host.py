"""What a connection of the fake server needs of the server it belongs to."""

from typing import TYPE_CHECKING, Protocol

from improtocol import Code, frames
from imsdk.testing.world import World

if TYPE_CHECKING:
    from imsdk.testing.peer import Peer


class Host(Protocol):
    """What a peer needs of the server it belongs to."""

    world: World
    peers: list["Peer"]

    def now_ms(self) -> int:
        """Milliseconds since 1970, by the test's clock."""
        ...

    def user_of(self, token: str) -> str:
        """Whose token this is; raises `Refused` with the code to close with."""
        ...

    def handshake_refusal(self) -> frames.Close | None:
        """The CLOSE that the test wants this handshake to get."""
        ...

    def command_refusal(self) -> tuple[Code, int] | None:
        """The code and retry time that the test wants this command to get."""
        ...

    def result_is_lost(self) -> bool:
        """Is this the result that the test wants lost on its way?"""
        ...

    def answer(self, user: str, query: frames.Query) -> bytes:
        """The packed reply to a query; raises `Refused`."""
        ...

    def ring(self) -> None:
        """Let every connection pull what its user's log holds by now."""
        ...
