"""The adapter page: what a server needs to be measured beside the others."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from benchmarks.peers.device import Device
from benchmarks.peers.process import Server
from benchmarks.peers.rhythm import Rhythm, Steady

#: Where protocol and server leave it to the app: as seldom as most networks bear.
KEEPALIVE_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Promises:
    """What a server's own documentation promises, beside what it costs."""

    fsync_before_ack: bool
    resume_after_restart: bool
    once: bool  #: a sender's retry after a lost acknowledgement is not delivered twice

    def __str__(self) -> str:
        kept = {
            "durable before ack": self.fsync_before_ack,
            "resume after restart": self.resume_after_restart,
            "retries once": self.once,
        }
        return "; ".join(f"{'' if kept else 'not '}{name}" for name, kept in kept.items())

    @property
    def withheld(self) -> str:
        """What it does not promise, a letter each: durable before ack, resume after restart, retries once."""
        kept = {"D": self.fsync_before_ack, "R": self.resume_after_restart, "O": self.once}
        return "".join(letter for letter, is_kept in kept.items() if not is_kept)


class Peer(ABC):
    """A server that can be started, and the app for it."""

    key: ClassVar[str]  #: what the command line calls it
    title: ClassVar[str]
    configuration: ClassVar[str]  #: what differs from the defaults, for the report
    promises: ClassVar[Promises]
    pace: ClassVar[float] = 1.0  #: share of the usual number of messages, where the usual would take minutes
    shares: ClassVar[Mapping[str, float]] = {}  #: of that, in single workloads
    leaves_out: ClassVar[Mapping[str, str]] = {}  #: workloads that are not run on it, and why
    two_connections: ClassVar[bool] = False  #: an app sends over another connection than it receives over
    asks: ClassVar[bool] = True  #: keepalives are the app's; else the server's
    polls_s: ClassVar[float] = 0.0  #: an app asks for news this often; 0: it is told

    def rhythm(self) -> Rhythm:
        """Of an app's keepalives, on a network that it does not know yet."""
        return Steady(KEEPALIVE_S)

    @abstractmethod
    def missing(self) -> str:
        """Why it cannot be measured here; empty: it can."""

    @abstractmethod
    def version(self) -> str:
        """The version that is measured."""

    @abstractmethod
    def start(self, folder: Path) -> Server:
        """Start it on 127.0.0.1 with its data in `folder`, which may hold those of the run before.

        Raises:
            RuntimeError: it did not come up.
        """

    @abstractmethod
    def device(self, server: Server, name: str, *, sends: bool) -> Device:
        """A new user's app.

        Args:
            server: where it belongs.
            name: the user's id: a letter and digits.
            sends: it will only send; otherwise it will only receive. Some protocols connect twice for both.
        """
