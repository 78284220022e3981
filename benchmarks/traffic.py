"""Posts from some clients to others, each with a window of unanswered ones."""

from collections.abc import Callable, Sequence

from benchmarks.clients import Client, Crowd
from improtocol import frames
from improtocol.frames import Frame


class Traffic:
    """Each sender writes to its receiver.

    Args:
        crowd: on whose selector all of them are.
        senders, receivers: those of one index belong together; without receivers, nobody there hears it.
        window: posts of a sender that wait for their result.
        aim: called before each post, to change the sender's `peer`.
    """

    def __init__(
        self,
        crowd: Crowd,
        senders: Sequence[Client],
        receivers: Sequence[Client],
        window: int,
        aim: Callable[[Client], None] | None = None,
    ) -> None:
        self._crowd = crowd
        self._senders = senders
        self._receivers = receivers
        self._window = window
        self._aim = aim
        for sender, receiver in zip(senders, receivers, strict=False):
            sender.peer = receiver.user

    def send(self, each: int) -> None:
        """Each sender posts `each` messages; returns once all are durable and received.

        Raises:
            RuntimeError: one was lost, doubled or out of order, or the server fell silent.
        """
        for receiver in self._receivers:
            receiver.wanted = receiver.received + each
        for sender in self._senders:
            sender.goal = sender.counter + each
            sender.on_frame = self._keep_window
            for _ in range(min(self._window, each)):
                self._post(sender)
            sender.flush()
        self._crowd.until(
            lambda: (
                all(s.results == s.goal for s in self._senders)
                and all(r.received == r.wanted for r in self._receivers)
            )
        )

    def _keep_window(self, client: Client, frame: Frame) -> None:
        if type(frame) is frames.Result:
            while client.in_flight < self._window and client.counter < client.goal:
                self._post(client)

    def _post(self, client: Client) -> None:
        if self._aim is not None:
            self._aim(client)
        client.post()
