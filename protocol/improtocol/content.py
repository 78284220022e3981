"""What a message can be: one frozen class a content type, each checked when it is built.

On the wire a content is `[type, [field, ...]]`; trailing fields that hold their default are left out, so one
content has one byte string. Plain text without reply or mention is just the string (see `improtocol.body`).
"""

from dataclasses import dataclass
from typing import ClassVar, Final, Self

from improtocol import limits
from improtocol.card import Button, Card
from improtocol.checks import check_line, check_name, check_text
from improtocol.fields import pad_fields, trim_fields
from improtocol.media_content import File, Image, Media, Video, Voice
from improtocol.values import Value, check_count, check_value, pack

__all__ = [
    "CONTENT_TYPES",
    "Button",
    "Card",
    "Content",
    "Custom",
    "File",
    "Image",
    "Location",
    "Media",
    "Notice",
    "Sticker",
    "Text",
    "Unknown",
    "Video",
    "Voice",
    "media_of",
]


@dataclass(frozen=True, slots=True)
class Text:
    """Plain text, emoji included: 1 to 32,768 bytes of UTF-8."""

    TYPE: ClassVar[int] = 1
    text: str

    def __post_init__(self) -> None:
        check_text("text", self.text, limits.TEXT_BYTES_MAX)

    def to_fields(self) -> list[Value]:
        return [self.text]

    @classmethod
    def from_fields(cls, fields: list[Value]) -> Self:
        return cls(fields[0])  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A point on Earth in WGS 84 degrees, with an optional place name and address."""

    TYPE: ClassVar[int] = 3
    latitude: float
    longitude: float
    name: str = ""
    address: str = ""

    def __post_init__(self) -> None:
        for label, value, bound in (("latitude", self.latitude, 90.0), ("longitude", self.longitude, 180.0)):
            if type(value) is not float:
                raise ValueError(f"{label} must be a float, not {type(value).__name__}")
            if not -bound <= value <= bound:
                raise ValueError(f"{label} must lie in -{bound}..{bound} degrees, not {value}")
        check_text("name", self.name, limits.NAME_BYTES_MAX, empty=True)
        check_text("address", self.address, limits.LABEL_BYTES_MAX, empty=True)

    def to_fields(self) -> list[Value]:
        return trim_fields([self.latitude, self.longitude, self.name, self.address], ["", ""])

    @classmethod
    def from_fields(cls, fields: list[Value]) -> Self:
        latitude, longitude, name, address = pad_fields(fields, 2, ["", ""])
        # JavaScript's encoders write 31.0 as the integer 31.
        latitude = float(latitude) if type(latitude) is int else latitude
        longitude = float(longitude) if type(longitude) is int else longitude
        return cls(latitude=latitude, longitude=longitude, name=name, address=address)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sticker:
    """A sticker of a pack that the app ships."""

    TYPE: ClassVar[int] = 7
    pack: str
    name: str

    def __post_init__(self) -> None:
        check_line("sticker pack", self.pack, limits.NAME_BYTES_MAX)
        check_line("sticker name", self.name, limits.NAME_BYTES_MAX)

    def to_fields(self) -> list[Value]:
        return [self.pack, self.name]

    @classmethod
    def from_fields(cls, fields: list[Value]) -> Self:
        pack_name, name = pad_fields(fields, 2, [])
        return cls(pack=pack_name, name=name)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Custom:
    """The app's own message: a kind ("com.shop.coupon") and data of JSON's types and bytes.

    The data has at most 32 KiB and 4,096 values, keys included.
    """

    TYPE: ClassVar[int] = 9
    kind: str
    data: Value

    def __post_init__(self) -> None:
        check_name("custom kind", self.kind, limits.NAME_BYTES_MAX)
        check_value("custom data", self.data, limits.CUSTOM_NESTING_MAX)
        packed = pack(self.data)
        size = len(packed)
        if size > limits.CUSTOM_BYTES_MAX:
            raise ValueError(
                f"custom data may have at most {limits.CUSTOM_BYTES_MAX} bytes packed, not {size}"
            )
        if size > limits.CUSTOM_VALUES_MAX:
            check_count("custom data", packed, limits.CUSTOM_VALUES_MAX)

    def to_fields(self) -> list[Value]:
        return [self.kind, self.data]

    @classmethod
    def from_fields(cls, fields: list[Value]) -> Self:
        kind, data = pad_fields(fields, 2, [])
        return cls(kind, data)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A grey line in the chat ("the agent has changed"); an app may style or translate it by its kind."""

    TYPE: ClassVar[int] = 10
    text: str
    kind: str = ""

    def __post_init__(self) -> None:
        check_text("notice text", self.text, limits.LABEL_BYTES_MAX)
        check_text("notice kind", self.kind, limits.NAME_BYTES_MAX, empty=True)

    def to_fields(self) -> list[Value]:
        return trim_fields([self.text, self.kind], [""])

    @classmethod
    def from_fields(cls, fields: list[Value]) -> Self:
        text, kind = pad_fields(fields, 1, [""])
        return cls(text=text, kind=kind)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Content of a type or form this version cannot read, kept whole so that nothing is silently missing.

    A client shows it as "not supported by this version"; a server refuses to accept one.
    """

    type: int
    fields: tuple[Value, ...]
    reason: str


Content = Text | Image | Location | Voice | Video | File | Sticker | Card | Custom | Notice
CONTENT_TYPES: Final[dict[int, type[Content]]] = {
    kind.TYPE: kind for kind in (Text, Image, Location, Voice, Video, File, Sticker, Card, Custom, Notice)
}


def media_of(content: Content | Unknown) -> tuple[bytes, ...]:
    """The ids of all blobs that `content` shows, thumbnails included."""
    if isinstance(content, Image | Video):
        return (content.media.id,) if content.thumbnail is None else (content.media.id, content.thumbnail)
    if isinstance(content, Voice | File):
        return (content.media.id,)
    return ()
