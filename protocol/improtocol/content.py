"""What a message can be: one frozen class a content type, each checked when it is built.

On the wire a content is `[type, [field, ...]]`; trailing fields that hold their default are left out, so one content has
one byte string. Plain text without reply or mention is just the string (see `improtocol.body`).
"""

from dataclasses import dataclass
from typing import ClassVar, Final, Self

from improtocol import limits
from improtocol.checks import check_bytes, check_int, check_name, check_text
from improtocol.values import Value, check_value, pack

_CARD_KINDS: Final = ("generic", "order", "product")


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """A reference to an uploaded blob: its SHA-256, which is its id, its size in bytes and its type as the server found it."""

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
class Image:
    """A picture: width and height in pixels as shown, `thumbnail` the id of its small version."""

    TYPE: ClassVar[int] = 2
    media: Media
    width: int
    height: int
    thumbnail: bytes | None = None
    name: str = ""

    def __post_init__(self) -> None:
        check_int("width", self.width, 1, limits.SIDE_PIXELS_MAX)
        check_int("height", self.height, 1, limits.SIDE_PIXELS_MAX)
        _check_thumbnail(self.thumbnail)
        check_text("name", self.name, limits.NAME_BYTES_MAX, empty=True)

    def to_fields(self) -> list[Value]:
        return _trim([self.media.to_value(), self.width, self.height, self.thumbnail, self.name], [None, ""])

    @classmethod
    def from_fields(cls, fields: list[Value]) -> Self:
        media, width, height, thumbnail, name = _pad(fields, 3, [None, ""])
        return cls(media=Media.from_value(media), width=width, height=height, thumbnail=thumbnail, name=name)  # type: ignore[arg-type]


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
        return _trim([self.latitude, self.longitude, self.name, self.address], ["", ""])

    @classmethod
    def from_fields(cls, fields: list[Value]) -> Self:
        latitude, longitude, name, address = _pad(fields, 2, ["", ""])
        # JavaScript's encoders write 31.0 as the integer 31.
        latitude = float(latitude) if type(latitude) is int else latitude
        longitude = float(longitude) if type(longitude) is int else longitude
        return cls(latitude=latitude, longitude=longitude, name=name, address=address)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """A voice clip and its length in milliseconds."""

    TYPE: ClassVar[int] = 4
    media: Media
    duration_ms: int

    def __post_init__(self) -> None:
        check_int("duration_ms", self.duration_ms, 0, limits.DURATION_MS_MAX)

    def to_fields(self) -> list[Value]:
        return [self.media.to_value(), self.duration_ms]

    @classmethod
    def from_fields(cls, fields: list[Value]) -> Self:
        media, duration_ms = _pad(fields, 2, [])
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
        check_int("duration_ms", self.duration_ms, 0, limits.DURATION_MS_MAX)
        check_int("width", self.width, 1, limits.SIDE_PIXELS_MAX)
        check_int("height", self.height, 1, limits.SIDE_PIXELS_MAX)
        _check_thumbnail(self.thumbnail)

    def to_fields(self) -> list[Value]:
        fields = [self.media.to_value(), self.duration_ms, self.width, self.height, self.thumbnail]
        return _trim(fields, [None])

    @classmethod
    def from_fields(cls, fields: list[Value]) -> Self:
        media, duration_ms, width, height, thumbnail = _pad(fields, 4, [None])
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
        check_name("file name", self.name, limits.NAME_BYTES_MAX)
        if "/" in self.name or "\\" in self.name:
            raise ValueError("file name must be a plain name without a path")

    def to_fields(self) -> list[Value]:
        return [self.media.to_value(), self.name]

    @classmethod
    def from_fields(cls, fields: list[Value]) -> Self:
        media, name = _pad(fields, 2, [])
        return cls(media=Media.from_value(media), name=name)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sticker:
    """A sticker of a pack that the app ships."""

    TYPE: ClassVar[int] = 7
    pack: str
    name: str

    def __post_init__(self) -> None:
        check_name("sticker pack", self.pack, limits.NAME_BYTES_MAX)
        check_name("sticker name", self.name, limits.NAME_BYTES_MAX)

    def to_fields(self) -> list[Value]:
        return [self.pack, self.name]

    @classmethod
    def from_fields(cls, fields: list[Value]) -> Self:
        pack_name, name = _pad(fields, 2, [])
        return cls(pack=pack_name, name=name)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """A button of a card: its label, and the action (a link, or a string the app understands)."""

    label: str
    action: str

    def __post_init__(self) -> None:
        check_text("button label", self.label, limits.NAME_BYTES_MAX)
        check_text("button action", self.action, limits.URL_BYTES_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A card for an order, a product or anything else.

    `kind` is "order", "product" or "generic"; `ref` the shop's own id of the order or product; `price` as it is to be shown;
    `picture` a link or empty; `link` where a tap leads.
    """

    TYPE: ClassVar[int] = 8
    title: str
    text: str = ""
    picture: str = ""
    price: str = ""
    link: str = ""
    buttons: tuple[Button, ...] = ()
    kind: str = "generic"
    ref: str = ""

    def __post_init__(self) -> None:
        check_text("card title", self.title, limits.LABEL_BYTES_MAX)
        check_text("card text", self.text, limits.TEXT_BYTES_MAX, empty=True)
        check_text("card picture", self.picture, limits.URL_BYTES_MAX, empty=True)
        check_text("card price", self.price, limits.NAME_BYTES_MAX, empty=True)
        check_text("card link", self.link, limits.URL_BYTES_MAX, empty=True)
        if len(self.buttons) > limits.CARD_BUTTONS_MAX:
            raise ValueError(f"a card has at most {limits.CARD_BUTTONS_MAX} buttons, not {len(self.buttons)}")
        if self.kind not in _CARD_KINDS:
            raise ValueError(f"card kind must be one of {', '.join(_CARD_KINDS)}")
        check_text("card ref", self.ref, limits.NAME_BYTES_MAX, empty=True)

    def to_fields(self) -> list[Value]:
        buttons: list[Value] = [[button.label, button.action] for button in self.buttons]
        fields: list[Value] = [self.title, self.text, self.picture, self.price, self.link, buttons, self.kind, self.ref]
        return _trim(fields, ["", "", "", "", [], "generic", ""])

    @classmethod
    def from_fields(cls, fields: list[Value]) -> Self:
        title, text, picture, price, link, buttons, kind, ref = _pad(fields, 1, ["", "", "", "", [], "generic", ""])
        if not isinstance(buttons, list) or not all(isinstance(b, list) and len(b) >= 2 for b in buttons):
            raise ValueError("card buttons must be a list of [label, action]")
        return cls(
            title=title,  # type: ignore[arg-type]
            text=text,  # type: ignore[arg-type]
            picture=picture,  # type: ignore[arg-type]
            price=price,  # type: ignore[arg-type]
            link=link,  # type: ignore[arg-type]
            buttons=tuple(Button(label=b[0], action=b[1]) for b in buttons),  # type: ignore[arg-type, index, call-overload, misc]
            kind=kind,  # type: ignore[arg-type]
            ref=ref,  # type: ignore[arg-type]
        )


@dataclass(frozen=True, slots=True)
class Custom:
    """The app's own message: a kind ("com.shop.coupon") and data of JSON's types and bytes, at most 32 KiB packed."""

    TYPE: ClassVar[int] = 9
    kind: str
    data: Value

    def __post_init__(self) -> None:
        check_name("custom kind", self.kind, limits.NAME_BYTES_MAX)
        check_value("custom data", self.data, limits.NESTING_MAX - 3)
        size = len(pack(self.data))
        if size > limits.CUSTOM_BYTES_MAX:
            raise ValueError(f"custom data may have at most {limits.CUSTOM_BYTES_MAX} bytes packed, not {size}")

    def to_fields(self) -> list[Value]:
        return [self.kind, self.data]

    @classmethod
    def from_fields(cls, fields: list[Value]) -> Self:
        kind, data = _pad(fields, 2, [])
        return cls(kind, data)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A grey line in the chat ("the agent has changed"), with a kind that an app may style or translate by."""

    TYPE: ClassVar[int] = 10
    text: str
    kind: str = ""

    def __post_init__(self) -> None:
        check_text("notice text", self.text, limits.LABEL_BYTES_MAX)
        check_text("notice kind", self.kind, limits.NAME_BYTES_MAX, empty=True)

    def to_fields(self) -> list[Value]:
        return _trim([self.text, self.kind], [""])

    @classmethod
    def from_fields(cls, fields: list[Value]) -> Self:
        text, kind = _pad(fields, 1, [""])
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


def _check_thumbnail(thumbnail: bytes | None) -> None:
    if thumbnail is not None:
        check_bytes("thumbnail", thumbnail, limits.MEDIA_ID_BYTES, limits.MEDIA_ID_BYTES)


def _trim(fields: list[Value], defaults: list[Value]) -> list[Value]:
    """`fields` without the trailing ones that equal their default (`defaults` lines up with the end of `fields`)."""
    for default in reversed(defaults):
        if fields[-1] != default:
            break
        fields.pop()
    return fields


def _pad(fields: list[Value], required: int, defaults: list[Value]) -> list[Value]:
    """Exactly `required + len(defaults)` fields: missing trailing ones take their default, unknown trailing ones go."""
    if len(fields) < required:
        raise ValueError(f"needs at least {required} fields, has {len(fields)}")
    whole = required + len(defaults)
    return fields[:whole] + defaults[max(0, len(fields) - required) :]
