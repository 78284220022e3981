"""Notices when the peer is gone: a PING after silence, and the end when nothing comes back."""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

import trio

from improtocol import NextAction
from improtocol.frames import Frame, Ping
from imsdk.ending import Ended
from imsdk.errors import StorageFull
from imsdk.wakeup import Bell

if TYPE_CHECKING:
    from imsdk.engine import Engine

#: A PING unanswered for this long means that the peer is gone.
PONG_S_MAX: Final = 10.0
#: While an answer is due, silence of this length is worth a PING.
SUSPICIOUS_S: Final = 5.0


class Watched(Protocol):
    """The connection that is watched."""

    said: Bell  #: rung when something was sent, so an answer may be due
    heard_s: float  #: when anything was last heard
    #: When a PING went out after a whole silent interval, while nothing answers it. Where the stream breaks
    #: then, silence of that length was too much.
    probed_s: float | None

    @property
    def answer_due(self) -> bool:
        """The peer owes an answer."""
        ...

    def send(self, frame: Frame) -> None:
        """Queue a frame."""
        ...

    def finish(self, ended: Ended) -> None:
        """End the connection."""
        ...


async def keep_alive(engine: "Engine", link: Watched) -> None:
    """Watch `link` until it ends. Teaches the heartbeat by pings that followed a whole silent interval."""
    heartbeat = engine.heartbeat
    while True:
        said = link.said.listen()
        answer_due = link.answer_due
        silence_s = min(heartbeat.interval_s, SUSPICIOUS_S) if answer_due else heartbeat.interval_s
        with trio.move_on_at(link.heard_s + silence_s) as scope:
            await said.wait()
        if not scope.cancelled_caught or trio.current_time() < link.heard_s + silence_s:
            continue
        link.send(Ping())
        engine.bell.ring()
        asked_s = trio.current_time()
        link.probed_s = None if answer_due else asked_s
        with trio.move_on_after(PONG_S_MAX) as scope:
            await engine.bell.wait_until(_heard_since(link, asked_s))
        link.probed_s = None
        if not answer_due:
            await learn(engine, answered=not scope.cancelled_caught)
        if scope.cancelled_caught:
            link.finish(Ended(action=NextAction.RETRY_NOW, reason="the server does not answer"))
            return


async def learn(engine: "Engine", *, answered: bool) -> None:
    """A PING that followed a whole silent interval was answered, or was not: keep what that teaches."""
    heartbeat = engine.heartbeat
    before = heartbeat.interval_s
    if answered:
        heartbeat.succeeded()
    else:
        heartbeat.failed()
    if heartbeat.interval_s != before:
        with suppress(StorageFull):  # learned again
            await engine.save_heartbeat()


def _heard_since(link: Watched, at_s: float) -> Callable[[], bool]:
    return lambda: link.heard_s >= at_s
