"""Dialers: how a client gets a byte stream to a server."""

from typing import Protocol

import trio


class Dialer(Protocol):
    """Opens byte streams to a server. A simulated network is one more dialer."""

    async def dial(self, url: str) -> trio.abc.Stream:
        """A connected stream. The client sets the time limit, by cancelling.

        The stream's `send_all`, `receive_some` and `aclose` are all the client uses.

        Raises:
            OSError, trio.BrokenResourceError: the server cannot be reached.
            ValueError: this dialer does not know such a URL.
        """
        ...
