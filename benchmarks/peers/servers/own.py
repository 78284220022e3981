"""Our own small servers, as peers: long polling over SQLite, and the floor."""

import platform
import select
import sqlite3
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from benchmarks.peers.device import Device
from benchmarks.peers.own import poll_server, relay_server
from benchmarks.peers.peer import Peer, Promises
from benchmarks.peers.process import Server, free_port, launch
from benchmarks.peers.protocols.floor import FloorDevice
from benchmarks.peers.protocols.longpoll import WAIT_S, PollDevice, PostDevice
from benchmarks.peers.rhythm import Rhythm, Steady
from benchmarks.peers.servers.mosquitto import PASSWORD


class LongPoll(Peer):
    """What most chats begin with."""

    key = "longpoll"
    title = "HTTP long poll + SQLite"
    configuration = (
        "own asyncio server (`benchmarks/peers/own/poll_server.py`), one thread, WAL, synchronous=FULL, "
        "a commit for each message, polls held 60 s; "
        "a resume is one poll without waiting, and the next one that is held"
    )
    promises = Promises(fsync_before_ack=True, resume_after_restart=True, once=True)
    pace: ClassVar[float] = 0.2
    two_connections: ClassVar[bool] = True

    def rhythm(self) -> Rhythm:
        """A poll without news is one, too."""
        return Steady(WAIT_S)

    def missing(self) -> str:
        return ""

    def version(self) -> str:
        return f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"

    def start(self, folder: Path) -> Server:
        port = free_port()
        command = [sys.executable, str(poll_server.__file__), str(port), str(folder / "chat.db")]
        return launch(command, folder=folder, port=port)

    def device(self, server: Server, name: str, *, sends: bool) -> Device:
        del server
        return PostDevice(name, PASSWORD) if sends else PollDevice(name, PASSWORD)


class Polling(LongPoll):
    """What many chats are: news are asked for again and again."""

    pace: ClassVar[float] = 1.0
    configuration = "the same server, news asked for over and over on one connection, without waiting"
    leaves_out: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("idle", "relay", "resume", "churn", "traffic", "fsyncs", "silent", "kills", "storm"),
        "the server is that of long polling; the hour is what differs",
    )

    def device(self, server: Server, name: str, *, sends: bool) -> Device:
        del server
        return PostDevice(name, PASSWORD) if sends else PollDevice(name, PASSWORD, wait_s=0)


class PollingEvery3s(Polling):
    """In the front, as many apps do."""

    key = "poll-3s"
    title = "HTTP polling every 3 s"
    polls_s: ClassVar[float] = 3.0


class PollingEvery5s(Polling):
    """More patient."""

    key = "poll-5s"
    title = "HTTP polling every 5 s"
    polls_s: ClassVar[float] = 5.0


class Floor(Peer):
    """A relay as one writes it with Python's standard library."""

    key = "floor"
    title = "bare asyncio relay (the floor)"
    configuration = (
        "own asyncio server (`benchmarks/peers/own/relay_server.py`): nothing stored, nothing checked"
    )
    promises = Promises(fsync_before_ack=False, resume_after_restart=False, once=False)
    arguments: ClassVar[tuple[str, ...]] = ()

    def missing(self) -> str:
        return ""

    def version(self) -> str:
        return f"Python {platform.python_version()}"

    def start(self, folder: Path) -> Server:
        port = free_port()
        command = [sys.executable, str(relay_server.__file__), str(port), *self.arguments]
        return launch(command, folder=folder, port=port)

    def device(self, server: Server, name: str, *, sends: bool) -> Device:
        del server, sends
        return FloorDevice(name, PASSWORD)


class EpollFloor(Floor):
    """Less cannot be done in Python: system calls, and a dictionary."""

    key = "epoll"
    title = "bare epoll relay"
    configuration = "the same without asyncio: sockets and `select.epoll`"
    arguments: ClassVar[tuple[str, ...]] = ("epoll",)

    def missing(self) -> str:
        return "" if hasattr(select, "epoll") else "no epoll on this system"
