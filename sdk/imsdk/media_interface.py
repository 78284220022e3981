"""What the client core asks of media drafts and transfers, on one page.

A `Draft` is content whose bytes are not on the server yet. Its life:

1. `draft.keep(folder)` copies the bytes into the client's own folder, durably, and returns a `KeptDraft`:
   a few JSON-able facts that the outbox row holds. From then on the source may vanish and the process may be
   killed at any time.
2. `transfers.upload(...)` is one attempt to bring the kept bytes to the server, from wherever the last
   attempt stopped. What it needs to go on later it saves through `progress`; the client calls again after
   `TransferInterrupted`, also in a later process.
3. `finish(kept, uploaded)` builds the content that is posted.

`imsdk.drafts` implements drafts: `Image`, `Voice`, `Video` and `File` are subclasses (without fields of their
own) of improtocol's content classes with `from_file` and `from_bytes` class methods that return a `Draft`;
besides them `finish` and `present(content)`, which turns received improtocol content into those subclasses,
so that what an app matches on is what it sends. `imsdk.media` implements `Transfers` over HTTP, as
`HttpTransfers`.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol, Self, TypeAlias

from improtocol import Content, Media
from improtocol.queries import MediaLink, UploadSlot

#: JSON's scalar types: what a draft's facts and an upload's progress are made of.
Fact: TypeAlias = str | int | float | bool | None

#: Bytes done so far, bytes in all. Called from the task that runs the transfer; must not block.
Report: TypeAlias = Callable[[int, int], None]

#: Asks the server for a place to upload `size` bytes of `mime` named `name`. Raises `Refused` or
#: `Unavailable`.
SlotProvider: TypeAlias = Callable[[int, str, str], Awaitable[UploadSlot]]

#: Asks the server for a fresh link to the blob to download. Raises `Refused` or `Unavailable`.
LinkProvider: TypeAlias = Callable[[], Awaitable[MediaLink]]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDraft:
    """A draft whose bytes lie in the client's folder.

    Attributes:
        type: content type number (`improtocol.Image.TYPE`, ...).
        file: name of the copy inside the folder.
        size: bytes.
        mime: type as far as the sender knows it.
        name: the file's own name, or "".
        facts: what else the content needs (`width`, `height`, `duration_ms`), as the kind of draft likes.
    """

    type: int
    file: str
    size: int
    mime: str
    name: str = ""
    facts: dict[str, Fact] = field(default_factory=dict)

    def to_json(self) -> str:
        """The text that the outbox row holds."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls(**json.loads(text))


class Draft(Protocol):
    """Content that still has to be uploaded."""

    def keep(self, folder: Path) -> KeptDraft:
        """Copy the bytes into `folder` under a fresh name and make them durable (fsync).

        Blocking; runs in a thread.

        Raises:
            StorageFull: there is no room; nothing is left behind.
            OSError: the source cannot be read.
            ValueError: the source is no such media, is empty or is larger than `limits.MEDIA_BYTES_MAX`.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded:
    """What the server found an uploaded blob to be.

    Sides are 0 and `thumbnail` None where they do not apply.
    """

    media: Media
    width: int = 0
    height: int = 0
    thumbnail: bytes | None = None


class ProgressStore(Protocol):
    """Keeps one upload's progress durably: a small JSON-able dict that only the uploader understands."""

    async def load(self) -> dict[str, Fact]:
        """The last progress saved, or {}."""
        ...

    async def save(self, progress: dict[str, Fact]) -> None:
        """Replace the progress. Durable when it returns."""
        ...


class Transfers(Protocol):
    """Moves blobs.

    One object serves a client; several transfers may run at once; every method may be cancelled at any time.
    """

    async def upload(
        self, path: Path, kept: KeptDraft, *, slots: SlotProvider, progress: ProgressStore, report: Report
    ) -> Uploaded:
        """One attempt to upload the bytes at `path`, from where the last attempt stopped.

        Raises:
            TransferInterrupted: may be tried again; the caller waits first.
            TransferRefused: never will be accepted.
            Refused, Unavailable: as the slot provider raises them.
        """
        ...

    async def download(
        self, media: Media, folder: Path, *, link: LinkProvider, report: Report, exact: bool = True
    ) -> Path:
        """The path of the blob in `folder`, named by its SHA-256 in hex; fetched unless it is there already.

        Not `exact`: `media.size` is only the most it may have (a thumbnail's size is not said anywhere).

        Raises:
            TransferInterrupted: may be tried again and goes on where it was.
            TransferRefused: the bytes that came are not the blob, or the server says it is gone.
            Refused, Unavailable: as the link provider raises them.
        """
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


class Finish(Protocol):
    """`imsdk.drafts.finish`."""

    def __call__(self, kept: KeptDraft, uploaded: Uploaded) -> Content:
        """The content to post."""
        ...
