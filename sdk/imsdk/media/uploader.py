"""Uploads by tus 1.0 (tus.io/protocols/resumable-upload): create, ask how far it is, go on, from any byte.

What is saved is the ticket before the first request, and the upload's own URL once it is known. A ticket
names one upload, so creating again after a lost answer finds what is there; and the server tells of a
finished upload what it became, so a lost last answer costs one question and no byte twice.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import httpx

from improtocol import Media
from improtocol.limits import MEDIA_ID_BYTES, SIDE_PIXELS_MAX
from imsdk.errors import TransferInterrupted, TransferRefused
from imsdk.media.web import Answer, Web, error_of
from imsdk.media.work import Worker, hash_file, read_at
from imsdk.media_interface import Fact, KeptDraft, ProgressStore, Report, SlotProvider, Uploaded

#: One PATCH carries at most this much. Whatever arrived of a broken one is kept by the server, so the size
#: only bounds what a server without that courtesy would ask for again.
CHUNK_BYTES: Final = 4 * 1024 * 1024
#: Read, sent and reported at once.
_PIECE_BYTES: Final = 64 * 1024
#: Tickets used up in one attempt before the caller is to wait.
_SLOTS_MAX: Final = 2
_CONFLICTS_MAX: Final = 3
_TUS: Final = {"Tus-Resumable": "1.0.0"}
_BODY: Final = {"Content-Type": "application/offset+octet-stream"}
#: The ticket or the upload is not known any more: begin anew.
_GONE: Final = frozenset({401, 403, 404, 410})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Saved:
    """One upload's progress: where it was created, by which ticket, its own URL, and earlier corruptions."""

    slot: str = ""
    ticket: str = field(default="", repr=False)
    location: str = ""
    mismatches: int = 0

    @classmethod
    def read(cls, facts: dict[str, Fact]) -> "_Saved":
        """What a store gave; anything that makes no sense counts as nothing."""
        slot, ticket, location = (facts.get(name) for name in ("slot", "ticket", "location"))
        mismatches = facts.get("mismatches")
        return cls(
            slot=slot if isinstance(slot, str) and isinstance(ticket, str) else "",
            ticket=ticket if isinstance(ticket, str) else "",
            location=location if isinstance(location, str) else "",
            mismatches=mismatches if isinstance(mismatches, int) else 0,
        )


@dataclass(frozen=True, slots=True)
class _Stand:
    """How far the server says an upload is, and what it became if it is finished."""

    offset: int
    uploaded: Uploaded | None


class _UploadGone(Exception):
    """The server does not know the ticket or the upload any more."""


class Upload:
    """One attempt at one upload; see `imsdk.media_interface.Transfers.upload`."""

    def __init__(
        self, web: Web, worker: Worker, path: Path, kept: KeptDraft, progress: ProgressStore, report: Report
    ) -> None:
        self._web = web
        self._worker = worker
        self._path = path
        self._kept = kept
        self._progress = progress
        self._report = report
        self._saved = _Saved()

    async def run(self, slots: SlotProvider) -> Uploaded:
        """Bring the bytes to the server. Raises as the interface says."""
        if await self._worker.run(_size, self._path) != self._kept.size:
            raise TransferRefused("the kept copy of this file is damaged")
        self._saved = _Saved.read(await self._progress.load())
        for _ in range(_SLOTS_MAX):
            fresh = not self._saved.slot
            if fresh:
                slot = await slots(self._kept.size, self._kept.mime, self._kept.name)
                await self._save(slot=slot.url, ticket=slot.ticket, location="")
            try:
                return await self._checked(await self._bring(fresh=fresh))
            except _UploadGone:
                await self._save(slot="", ticket="", location="")
        raise TransferInterrupted("the server forgets its uploads at once")

    async def _save(self, **changes: str | int) -> None:
        self._saved = _Saved(**{**asdict(self._saved), **changes})
        await self._progress.save(asdict(self._saved))

    async def _checked(self, uploaded: Uploaded) -> Uploaded:
        """What the server has is what was to be sent. If not: once more from the start, then never again."""
        digest = await self._worker.run(hash_file, self._path)
        if (uploaded.media.size, uploaded.media.id) == (self._kept.size, digest):
            return uploaded
        if self._saved.mismatches:
            raise TransferRefused("the server keeps other bytes than it is sent")
        await self._save(slot="", ticket="", location="", mismatches=1)
        raise TransferInterrupted("the bytes were damaged on their way")

    async def _bring(self, *, fresh: bool) -> Uploaded:
        stand = await (self._ask() if self._saved.location else self._create(whole=fresh))
        conflicts = 0
        while stand.uploaded is None:
            offset = stand.offset
            if offset >= self._kept.size:
                raise TransferInterrupted("the server has every byte but has not finished with them")
            self._report(offset, self._kept.size)
            after = await self._append(offset)
            if after is None:
                conflicts += 1
                if conflicts > _CONFLICTS_MAX:
                    raise TransferInterrupted("the server and this device disagree on how far the upload is")
                after = await self._ask()
            elif after.uploaded is None and after.offset <= offset:
                raise TransferInterrupted("the upload does not get on")
            stand = after
        self._report(self._kept.size, self._kept.size)
        return stand.uploaded

    async def _create(self, *, whole: bool) -> _Stand:
        """Create the upload, the first chunk along with it if the server takes one (one round trip less)."""
        headers = (
            _TUS | self._authorization() | {"Upload-Length": str(self._kept.size), "Content-Length": "0"}
        )
        body = _Chunk(self, 0) if whole else None
        if body is not None:
            headers |= _BODY | {"Content-Length": str(body.count)}
        async with self._web.request("POST", self._saved.slot, headers, body) as answer:
            await _check(answer, 201)
            location = _beside(self._saved.slot, answer.headers.get("Location", ""))
            stand = self._stand(answer, otherwise=0)
        await self._save(location=location)
        return stand

    async def _ask(self) -> _Stand:
        headers = _TUS | self._authorization()
        async with self._web.request("HEAD", self._saved.location, headers) as answer:
            await _check(answer, 200, 204)
            return self._stand(answer)

    async def _append(self, offset: int) -> _Stand | None:
        """Send the next chunk; None if the server is elsewhere."""
        chunk = _Chunk(self, offset)
        headers = _TUS | _BODY | self._authorization()
        headers |= {"Upload-Offset": str(offset), "Content-Length": str(chunk.count)}
        async with self._web.request("PATCH", self._saved.location, headers, chunk) as answer:
            if answer.status == 409:
                return None
            await _check(answer, 204, 200)
            return self._stand(answer)

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._saved.ticket}"}

    def _stand(self, answer: Answer, *, otherwise: int | None = None) -> _Stand:
        uploaded = _uploaded(answer.headers) if "Media-Id" in answer.headers else None
        offset = _number(answer.headers, "Upload-Offset", self._kept.size, otherwise)
        return _Stand(offset, uploaded)

    async def piece(self, offset: int, count: int) -> bytes:
        """Bytes for the body of a request, reported as they go out."""
        self._report(offset, self._kept.size)
        return await self._worker.run(read_at, self._path, offset, min(count, _PIECE_BYTES))

    def left(self, offset: int) -> int:
        """How many bytes the chunk from `offset` on has."""
        return min(CHUNK_BYTES, self._kept.size - offset)


class _Chunk(httpx.AsyncByteStream):
    """The body of one request, read piece by piece. No generator: an abandoned one is a warning to trio."""

    def __init__(self, upload: Upload, offset: int) -> None:
        self._upload = upload
        self._offset = offset
        self.count = upload.left(offset)
        self._end = offset + self.count

    def __aiter__(self) -> "_Chunk":
        return self

    async def __anext__(self) -> bytes:
        data = await self._upload.piece(self._offset, self._end - self._offset)
        if not data:
            raise StopAsyncIteration
        self._offset += len(data)
        return data


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1


async def _check(answer: Answer, *wanted: int) -> None:
    if answer.status in _GONE:
        raise _UploadGone
    if answer.status not in wanted:
        raise await error_of(answer)


def _beside(slot: str, location: str) -> str:
    """The upload's URL, which must be the slot's server's own: the ticket goes there."""
    try:
        base = httpx.URL(slot)
        target = base.join(location)
    except httpx.InvalidURL as error:
        raise TransferInterrupted(f"this is no answer of an upload server: {error}") from None
    if (target.scheme, target.host, target.port) != (base.scheme, base.host, base.port):
        raise TransferRefused("the server sends the upload to another place; its ticket stays here")
    return str(target)


def _number(headers: httpx.Headers, name: str, high: int, otherwise: int | None = None) -> int:
    text = headers.get(name)
    if text is None and otherwise is not None:
        return otherwise
    if text is None or not (text.isascii() and text.isdigit() and len(text) < 16 and int(text) <= high):
        raise TransferInterrupted(f"this is no answer of an upload server: {name} is {text!r:.40}")
    return int(text)


def _uploaded(headers: httpx.Headers) -> Uploaded:
    """What the server says the blob is, in the bounds of the protocol."""
    try:
        media = Media(
            id=bytes.fromhex(headers["Media-Id"]),
            size=_number(headers, "Media-Size", 2**53),
            mime=headers.get("Media-Type", ""),
        )
        thumbnail = headers.get("Media-Thumbnail")
        small = None if thumbnail is None else bytes.fromhex(thumbnail)
        if small is not None and len(small) != MEDIA_ID_BYTES:
            raise ValueError("a thumbnail's id has another length")
    except ValueError as error:
        raise TransferInterrupted(f"this is no answer of an upload server: {error}") from None
    return Uploaded(
        media=media,
        width=_number(headers, "Media-Width", SIDE_PIXELS_MAX, 0),
        height=_number(headers, "Media-Height", SIDE_PIXELS_MAX, 0),
        thumbnail=small,
    )
