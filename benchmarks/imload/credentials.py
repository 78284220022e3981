"""What a device keeps to come back: its session, the resume secret, the log's epoch."""

from collections.abc import Callable

from improtocol import ClientMode, frames


class Credentials:
    """Of one device.

    Args:
        user: its name in this run.
        device: the device's own id.
        token_of: makes a token when there is no session.
    """

    __slots__ = ("_device", "_secret", "_session", "_token_of", "_user", "epoch")

    def __init__(self, user: str, device: str, token_of: Callable[[str], str]) -> None:
        self._user = user
        self._device = device
        self._token_of = token_of
        self._session = 0
        self._secret = b""
        self.epoch = 0

    @property
    def known(self) -> bool:
        """Whether there is a session to resume."""
        return bool(self._session)

    def hello(
        self, cursor: int, following: int, mode: ClientMode, claim: tuple[int | None, int]
    ) -> frames.Connect | frames.Resume:
        """RESUME, or CONNECT without a session.

        Args:
            cursor: where the log goes on.
            following: the counter of the next command.
            mode: of the app.
            claim: digest and span of what was received up to the cursor.
        """
        digest, span = claim
        if not self._session:
            token = self._token_of(self._user)
            return frames.Connect(
                token=token,
                device=self._device,
                epoch=self.epoch,
                cursor=cursor,
                mode=mode,
                digest=digest,
                span=span,
            )
        return frames.Resume(
            session=self._session,
            secret=self._secret,
            epoch=self.epoch,
            cursor=cursor,
            next=following,
            mode=mode,
            digest=digest,
            span=span,
        )

    def take(self, connected: frames.Connected) -> None:
        """Keep what CONNECTED gave."""
        self._session, self._secret = connected.session, connected.secret
        self.epoch = self.epoch or connected.epoch

    def forget(self) -> None:
        """The server asked for a token: CONNECT next time. The streams go on."""
        self._session = 0
