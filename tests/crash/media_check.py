"""What every image of the media folder must be after a power cut, and that uploads go on from there."""

import hashlib
from pathlib import Path

from imserver.media import UploadNotFound
from imserver.media.disk import DiskBlobStore
from imserver.media.store import Staged
from imserver.media.workers import InlineWorkers
from tests.crash.promises import Promise, Promises, Violation


class Expected:
    """What calls begun and calls returned say about uploads and blobs."""

    def __init__(self, kept: list[Promise], begun: list[Promise]) -> None:
        self.content: dict[str, bytes] = {}
        self.least: dict[str, int] = {}
        self.most: dict[str, int] = {}
        self.ended: dict[str, str] = {}
        self.blobs: dict[bytes, bytes] = {}
        self.abandoned: set[str] = set()
        self.gone: set[str] = set()
        self.deleted: set[bytes] = set()
        for number, promise in enumerate(begun):
            for fact in promise.facts:
                self._take(*fact, kept=number < len(kept))

    def _take(self, kind: str, what: object, *more: object, kept: bool) -> None:
        match kind, what, more:
            case "stage", str(), (bytes(content),):
                self.content[what] = content
                self.most[what] = 0
                if kept:
                    self.least[what] = 0
            case "append", str(), (int(end),):
                self.most[what] = end
                if kept:
                    self.least[what] = end
            case "publish", str(), (bytes(content),):
                # A call under way may have made anew what was deleted before it.
                sha256 = hashlib.sha256(content).digest()
                self.deleted.discard(sha256)
                if kept:
                    self.ended[what] = "published"
                    self.blobs[sha256] = content
            case "refuse", str(), ():
                if kept:
                    self.ended[what] = "refused"
            case "abandon", str(), ():
                self.abandoned.add(what)
                if kept:
                    self.gone.add(what)
            case "put", bytes(), ():
                sha256 = hashlib.sha256(what).digest()
                self.deleted.discard(sha256)
                if kept:
                    self.blobs[sha256] = what
            case "delete", bytes(), ():
                self.blobs.pop(what, None)
                if kept:
                    self.deleted.add(what)
            case _:
                raise AssertionError(kind)


async def check(root: Path, promises: Promises, position: int) -> int:
    """Start on the image, hold it to all promises, then finish what was begun.

    Raises:
        Violation: a promise is broken.
    """
    kept, begun = promises.at(position)
    expected = Expected(promises.made[:kept], promises.made[:begun])
    store = DiskBlobStore(root, workers=InlineWorkers())
    found = {staged.id: staged for staged in await store.uploads()}
    for path in (root / "blobs").glob("*/*"):
        if hashlib.sha256(path.read_bytes()).hexdigest() != path.parent.name + path.name:
            raise Violation("a blob is not what its name says")
    for sha256, content in expected.blobs.items():
        if await store.size(sha256) != len(content) or not await store.verify(sha256):
            raise Violation("a reported blob is not there")
    for sha256 in expected.deleted:
        if store._path(sha256).exists():
            raise Violation("a deleted blob is back")
    for upload_id in expected.least:
        if upload_id not in expected.abandoned and upload_id not in found:
            raise Violation("a staged upload is gone")
    for upload_id in found.keys() & expected.gone:
        raise Violation(f"upload {upload_id} was abandoned and is back")
    for staged in found.values():
        check_upload(store, staged, expected)
        if not staged.refusal:
            await finish(store, staged, expected.content[staged.id])
    return kept - 1


def check_upload(store: DiskBlobStore, staged: Staged, expected: Expected) -> None:
    """Its offset is at least what was reported, and every byte before it is right."""
    outcome = expected.ended.get(staged.id)
    if outcome is not None and outcome != (
        "refused" if staged.refusal else "published" if staged.sha256 else ""
    ):
        raise Violation(f"upload was {outcome} and is {staged}")
    if staged.ended:
        return
    least, most = expected.least.get(staged.id, 0), expected.most[staged.id]
    if not least <= staged.offset_bytes <= most:
        raise Violation(f"offset {staged.offset_bytes}, reported {least}, appended {most}")
    with store.open_staged(staged.id) as file:
        if file.read(staged.offset_bytes) != expected.content[staged.id][: staged.offset_bytes]:
            raise Violation("bytes before the durable offset are wrong")


async def finish(store: DiskBlobStore, staged: Staged, content: bytes) -> None:
    """The client sends the rest, and the blob is whole."""
    if not staged.ended and staged.offset_bytes < len(content):
        await store.append(staged.id, staged.offset_bytes, content[staged.offset_bytes :])
    sha256 = await store.publish(staged.id)
    if sha256 != hashlib.sha256(content).digest() or not await store.verify(sha256):
        raise Violation("the resumed upload is another blob")
    await store.abandon(staged.id)
    try:
        await store.staged(staged.id)
    except UploadNotFound:
        return
    raise Violation("the upload was abandoned and is there")
