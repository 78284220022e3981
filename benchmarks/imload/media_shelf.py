"""What one device has uploaded: each blob once it is needed. Messages that show it wait for it."""

from collections.abc import Callable
from itertools import count
from typing import Final

from imload.blob import Blob
from imload.book import Book
from imload.parcels import BLOBS, ContentKind
from imload.schedule import Posting
from improtocol import frames, unpack
from improtocol.answers import UploadSlot
from improtocol.questions import Upload

#: Refusals and failures of one blob's upload; then it gives up, and the messages stay unposted.
TRIES_MAX: Final = 3
_IDS = count(2**40)


class MediaShelf:
    """The uploads of one device, one after the other.

    Args:
        book: who uploads, and where it is counted.
    """

    __slots__ = ("_asked", "_began_s", "_book", "_there", "_tries", "_under_way", "_uploading", "_waiting")

    def __init__(self, book: Book) -> None:
        self._book = book
        self._asked = 0
        self._tries = 0
        self._began_s = 0.0
        self._under_way = self._uploading = False
        self._waiting: list[Posting] = []
        self._there: set[str] = set()

    @property
    def holds(self) -> int:
        """How many messages wait for the upload."""
        return len(self._waiting)

    def has(self, kind: ContentKind) -> bool:
        """Whether a message of this kind need not wait for its blob."""
        blob = BLOBS.get(kind)
        return blob is None or blob.name in self._there

    def hold(self, posting: Posting) -> None:
        """Keep `posting` until its upload, or that of one before it, is there."""
        self._waiting.append(posting)

    def ask(self, send: Callable[[frames.Query], object], now_s: float) -> None:
        """Ask for a slot if messages wait for one."""
        if self._waiting and not self._under_way and self._tries < TRIES_MAX:
            self._under_way = True
            self._began_s = self._began_s or now_s
            self._asked = next(_IDS)
            blob = self._wanted
            question = Upload(size=len(blob.data), mime=blob.mime, name=blob.name)
            send(frames.Query(id=self._asked, op=question.OP, arguments=question.arguments()))

    def lost(self) -> None:
        """The connection is gone: what was asked on it is asked again, unless the upload has begun."""
        self._under_way = self._uploading

    def reply(self, reply: frames.Reply, done: Callable[[float], None]) -> None:
        """Take a reply; `done` is called with the moment once the upload is there."""
        if reply.id != self._asked or not self._under_way:
            return
        counts = self._book.tally.counts
        if reply.code:
            counts["uploads_refused"] += 1
            self._tries += 1
            self._under_way = False
            return
        counts["uploads"] += 1
        self._uploading = True
        blob = self._wanted

        def finished(failure: str, now_s: float) -> None:
            self._under_way = self._uploading = False
            if failure:
                self._tries += 1
                counts[f"upload failed: {failure}"] += 1
            else:
                self._there.add(blob.name)
                self._book.tally.took("upload", now_s - self._began_s)
                self._began_s, self._tries = 0.0, 0
            done(now_s)

        self._book.upload(blob, UploadSlot.from_value(unpack(reply.payload)), finished)

    def release(self) -> list[Posting]:
        """The messages that waited, to be posted or kept once more."""
        waiting, self._waiting = self._waiting, []
        return waiting

    @property
    def _wanted(self) -> Blob:
        # The first that waits waits for its own; those behind it may wait for nothing but their turn.
        return BLOBS[self._waiting[0].kind]
