"""Drafts: pictures, voice, video and files on their way into a message, before their bytes are uploaded.

`Image`, `Voice`, `Video` and `File` are the protocol's content classes with `from_file` and `from_bytes`;
what an app receives is of the same classes, so it matches on what it sends.
"""

import mimetypes
from collections.abc import Collection
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final

import improtocol
from improtocol import Content, Media, Unknown
from imsdk.media.keeping import keep_bytes, keep_file
from imsdk.media.probe import picture_facts, sound_facts
from imsdk.media_interface import Fact, KeptDraft, Uploaded

_ANY_MIME: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaDraft:
    """Content whose bytes are not on the server yet. Made by `Image.from_file` and its like, for `send`.

    Nothing is read before `send`; the source must stay until `send` has returned.

    Attributes:
        type: content type number.
        source: a file, or the bytes themselves.
        name: the name the receiver sees.
        mime: type as far as known; the server looks for itself.
        facts: what the content needs besides (`width`, `height`, `duration_ms`), as far as the app said it.
    """

    type: int
    source: Path | bytes
    name: str = ""
    mime: str = _ANY_MIME
    facts: dict[str, Fact] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Builds the content with a stand-in, so that a bad name or length shows now and not after the upload.
        facts = {"width": 1, "height": 1, "duration_ms": 0} | self.facts
        kept = KeptDraft(type=self.type, file="-", size=1, mime=self.mime, name=self.name, facts=facts)
        finish(kept, Uploaded(media=Media(id=bytes(32), size=1, mime=self.mime)))

    def keep(self, folder: Path) -> KeptDraft:
        """Copy the bytes into `folder`, durably. Blocking.

        Raises:
            StorageFull: there is no room; nothing is left behind.
            OSError: the source cannot be read.
            ValueError: it is no such media, empty or too large, or its length or sides must be said.
        """
        if isinstance(self.source, bytes):
            file, size, head = keep_bytes(self.source, folder)
        else:
            file, size, head = keep_file(self.source, folder)
        try:
            mime, facts = self._look(folder / file, head)
        except ValueError:
            (folder / file).unlink(missing_ok=True)
            raise
        return KeptDraft(type=self.type, file=file, size=size, mime=mime, name=self.name, facts=facts)

    def _look(self, path: Path, head: bytes) -> tuple[str, dict[str, Fact]]:
        if self.type == Image.TYPE:
            mime, facts = picture_facts(path, head)
            return mime, {**facts, **self.facts}
        if self.type == Voice.TYPE and "duration_ms" not in self.facts:
            return self.mime, sound_facts(path)
        return self.mime, self.facts


class Image(improtocol.Image):
    """A picture: PNG, JPEG, GIF or WebP."""

    __slots__ = ()

    @staticmethod
    def from_file(path: str | Path, *, name: str | None = None) -> MediaDraft:
        """A draft of the picture in a file, under its own name or another."""
        path = Path(path)
        shown = path.name if name is None else name
        return MediaDraft(type=Image.TYPE, source=path, name=shown, mime=_guess(shown))

    @staticmethod
    def from_bytes(data: bytes, *, name: str = "") -> MediaDraft:
        """A draft of the picture in `data`."""
        return MediaDraft(type=Image.TYPE, source=data, name=name, mime=_guess(name))


class Voice(improtocol.Voice):
    """A voice clip."""

    __slots__ = ()

    @staticmethod
    def from_file(path: str | Path, *, duration_ms: int | None = None, mime: str = "") -> MediaDraft:
        """A draft of the clip in a file. Its length may be left out for WAV, which tells it."""
        path = Path(path)
        return MediaDraft(
            type=Voice.TYPE, source=path, mime=mime or _guess(path.name), facts=_length(duration_ms)
        )

    @staticmethod
    def from_bytes(data: bytes, *, mime: str, duration_ms: int | None = None) -> MediaDraft:
        """A draft of the clip in `data`."""
        return MediaDraft(type=Voice.TYPE, source=data, mime=mime, facts=_length(duration_ms))


class Video(improtocol.Video):
    """A video clip. Its length and sides are the app's to say: reading them takes a decoder."""

    __slots__ = ()

    @staticmethod
    def from_file(
        path: str | Path, *, duration_ms: int, width: int, height: int, mime: str = ""
    ) -> MediaDraft:
        """A draft of the clip in a file."""
        path = Path(path)
        facts: dict[str, Fact] = {"duration_ms": duration_ms, "width": width, "height": height}
        return MediaDraft(type=Video.TYPE, source=path, mime=mime or _guess(path.name), facts=facts)

    @staticmethod
    def from_bytes(data: bytes, *, mime: str, duration_ms: int, width: int, height: int) -> MediaDraft:
        """A draft of the clip in `data`."""
        facts: dict[str, Fact] = {"duration_ms": duration_ms, "width": width, "height": height}
        return MediaDraft(type=Video.TYPE, source=data, mime=mime, facts=facts)


class File(improtocol.File):
    """Any file."""

    __slots__ = ()

    @staticmethod
    def from_file(path: str | Path, *, name: str | None = None, mime: str = "") -> MediaDraft:
        """A draft of a file, under its own name or another."""
        path = Path(path)
        shown = path.name if name is None else name
        return MediaDraft(type=File.TYPE, source=path, name=shown, mime=mime or _guess(shown))

    @staticmethod
    def from_bytes(data: bytes, *, name: str, mime: str = "") -> MediaDraft:
        """A draft of a file with these bytes."""
        return MediaDraft(type=File.TYPE, source=data, name=name, mime=mime or _guess(name))


_PRESENTED: Final[dict[type[Content], type[Content]]] = {
    improtocol.Image: Image,
    improtocol.Voice: Voice,
    improtocol.Video: Video,
    improtocol.File: File,
}


def present(content: Content | Unknown) -> Content | Unknown:
    """Received content as the class that an app sends it by."""
    shown = _PRESENTED.get(type(content))  # type: ignore[arg-type]
    if shown is None:
        return content
    return shown(**{item.name: getattr(content, item.name) for item in fields(content)})


def finish(kept: KeptDraft, uploaded: Uploaded) -> Content:
    """The content to post for an uploaded draft.

    The server's sides win over the draft's: it has decoded the picture.

    Raises:
        ValueError: the parts make no valid content.
    """
    media, facts = uploaded.media, kept.facts
    width, height = uploaded.width or facts.get("width"), uploaded.height or facts.get("height")
    if kept.type == Image.TYPE:
        return Image(
            media=media,
            width=width,  # type: ignore[arg-type]
            height=height,  # type: ignore[arg-type]
            thumbnail=uploaded.thumbnail,
            name=kept.name,
        )
    if kept.type == Voice.TYPE:
        return Voice(media=media, duration_ms=facts.get("duration_ms"))  # type: ignore[arg-type]
    if kept.type == Video.TYPE:
        return Video(
            media=media,
            duration_ms=facts.get("duration_ms"),  # type: ignore[arg-type]
            width=width,  # type: ignore[arg-type]
            height=height,  # type: ignore[arg-type]
            thumbnail=uploaded.thumbnail,
        )
    if kept.type == File.TYPE:
        return File(media=media, name=kept.name)
    raise ValueError(f"content of type {kept.type} has no media")


def sweep(folder: Path, wanted: Collection[str]) -> int:
    """Delete the copies in `folder` that no outbox row names: killed between the copy and the row.

    Returns:
        How many were deleted.
    """
    if not folder.is_dir():
        return 0
    gone = [path for path in folder.iterdir() if path.is_file() and path.name not in wanted]
    for path in gone:
        path.unlink(missing_ok=True)
    return len(gone)


def _guess(name: str) -> str:
    return mimetypes.guess_type(name, strict=False)[0] or _ANY_MIME


def _length(duration_ms: int | None) -> dict[str, Fact]:
    return {} if duration_ms is None else {"duration_ms": duration_ms}
