"""What `send` and every other command return, for callers that block."""

from collections.abc import Iterator

import imsdk
from imsdk.blocking.portal import Portal


class Sent:
    """As `imsdk.Sent`: something that is durable here and on its way."""

    def __init__(self, portal: Portal, sent: imsdk.Sent) -> None:
        self._portal = portal
        self._sent = sent

    @property
    def local_id(self) -> int:
        """Names it for ever in this client; `im.sent(local_id)` finds it again after a restart."""
        return self._sent.local_id

    def acked(self, *, timeout_s: float | None = None) -> int:
        """Wait until the server has made it durable; returns its sequence number.

        Raises:
            TimeoutError: not within `timeout_s`; it goes on.
            Refused: it will never be carried out.
            Discarded: it was taken back.
            LookupError: nothing was ever sent under this id.
            Stopped: the client connects no more, or is closed; it stays in the outbox.
        """
        return self._portal.call_within(timeout_s, self._sent.acked)

    def progress(self) -> Iterator[tuple[int, int]]:
        """Bytes done and bytes in all of its upload as they change; ends with the upload."""
        return self._portal.iterate(lambda: aiter(self._sent.progress))

    def discard(self) -> bool:
        """Take it back if its upload is not finished, or forget it if it was refused."""
        return self._portal.call(self._sent.discard)
