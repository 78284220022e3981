"""Content that shows an uploaded blob: image, voice, video, file."""

from dataclasses import dataclass
from typing import ClassVar, Self

from improtocol import limits
from improtocol.checks import check_bytes, check_int, check_line, check_name, check_text
from improtocol.fields import pad_fields, trim_fields
from improtocol.values import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """An uploaded blob: its SHA-256, which is its id, its size in bytes, its type as the server found it."""

    id: bytes
    size: int
    mime: str

    def __post_init__(self) -> None:
        check_bytes("media id", self.id, limits.MEDIA_ID_BYTES, limits.MEDIA_ID_BYTES)
        check_int("media size", self.size, 1, limits.MEDIA_BYTES_MAX)
        check_name("media type", self.mime, limits.MIME_BYTES_MAX)

    def to_value(self) -> Value:
        return [self.id, self.size, self.mime]

    @classmethod
    def from_value(cls, value: Value) -> Self:
        if not isinstance(value, list) or len(value) < 3:
            raise ValueError("media must be a list of id, size and type")
        return cls(id=value[0], size=value[1], mime=value[2])  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A picture: width and height in pixels as shown, `thumbnail` the id of its small version."""

    TYPE: ClassVar[int] = 2
    media: Media
    width: int
    height: int
    thumbnail: bytes | None = None
    name: str = ""

    def __post_init__(self) -> None:
        _check_media(self.media)
        check_int("width", self.width, 1, limits.SIDE_PIXELS_MAX)
        check_int("height", self.height, 1, limits.SIDE_PIXELS_MAX)
        _check_thumbnail(self.thumbnail)
        check_text("name", self.name, limits.NAME_BYTES_MAX, empty=True)

    def to_fields(self) -> list[Value]:
        return trim_fields(
            [self.media.to_value(), self.width, self.height, self.thumbnail, self.name], [None, ""]
        )

    @classmethod
    def from_fields(cls, fields: list[Value]) -> Self:
        media, width, height, thumbnail, name = pad_fields(fields, 3, [None, ""])
        return cls(media=Media.from_value(media), width=width, height=height, thumbnail=thumbnail, name=name)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """A voice clip and its length in milliseconds."""

    TYPE: ClassVar[int] = 4
    media: Media
    duration_ms: int

    def __post_init__(self) -> None:
        _check_media(self.media)
        check_int("duration_ms", self.duration_ms, 0, limits.DURATION_MS_MAX)

    def to_fields(self) -> list[Value]:
        return [self.media.to_value(), self.duration_ms]

    @classmethod
    def from_fields(cls, fields: list[Value]) -> Self:
        media, duration_ms = pad_fields(fields, 2, [])
        return cls(media=Media.from_value(media), duration_ms=duration_ms)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """A video clip: length in milliseconds, sides in pixels, `thumbnail` the id of a still."""

    TYPE: ClassVar[int] = 5
    media: Media
    duration_ms: int
    width: int
    height: int
    thumbnail: bytes | None = None

    def __post_init__(self) -> None:
        _check_media(self.media)
        check_int("duration_ms", self.duration_ms, 0, limits.DURATION_MS_MAX)
        check_int("width", self.width, 1, limits.SIDE_PIXELS_MAX)
        check_int("height", self.height, 1, limits.SIDE_PIXELS_MAX)
        _check_thumbnail(self.thumbnail)

    def to_fields(self) -> list[Value]:
        fields = [self.media.to_value(), self.duration_ms, self.width, self.height, self.thumbnail]
        return trim_fields(fields, [None])

    @classmethod
    def from_fields(cls, fields: list[Value]) -> Self:
        media, duration_ms, width, height, thumbnail = pad_fields(fields, 4, [None])
        return cls(
            media=Media.from_value(media),
            duration_ms=duration_ms,  # type: ignore[arg-type]
            width=width,  # type: ignore[arg-type]
            height=height,  # type: ignore[arg-type]
            thumbnail=thumbnail,  # type: ignore[arg-type]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """Any file, under the name its sender gave it (a plain name, no path)."""

    TYPE: ClassVar[int] = 6
    media: Media
    name: str

    def __post_init__(self) -> None:
        _check_media(self.media)
        check_line("file name", self.name, limits.NAME_BYTES_MAX)
        if "/" in self.name or "\\" in self.name:
            raise ValueError("file name must be a plain name without a path")

    def to_fields(self) -> list[Value]:
        return [self.media.to_value(), self.name]

    @classmethod
    def from_fields(cls, fields: list[Value]) -> Self:
        media, name = pad_fields(fields, 2, [])
        return cls(media=Media.from_value(media), name=name)  # type: ignore[arg-type]


def _check_thumbnail(thumbnail: bytes | None) -> None:
    if thumbnail is not None:
        check_bytes("thumbnail", thumbnail, limits.MEDIA_ID_BYTES, limits.MEDIA_ID_BYTES)


def _check_media(media: object) -> None:
    if type(media) is not Media:
        raise ValueError(f"media must be a Media, not {type(media).__name__}")
