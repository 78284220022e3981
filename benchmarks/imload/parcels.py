"""Messages that say which they are: number, moment of posting, kind and size, in every kind of content.

So a receiver in any process knows what it got and how old it is, and the oracle can check every byte: a
parcel has exactly one body.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from imload.blob import PICTURE, SIDE_PIXELS, VIDEO, VIDEO_MS, VOICE, VOICE_MS, Blob
from improtocol import unpack
from improtocol.body import Body
from improtocol.body_codec import pack_body, plain_text_body
from improtocol.content import (
    Button,
    Card,
    Content,
    Custom,
    File,
    Image,
    Location,
    Sticker,
    Text,
    Video,
    Voice,
)

#: Letters, so that a text's length in bytes is its length in characters.
_PADDING: Final = "the parcel is in the van and the van is in the lift " * 640
_EMOJI: Final = "\N{GRINNING FACE}\N{THUMBS UP SIGN}\N{HEAVY BLACK HEART}" * 400
#: The tag before the padding takes up to so many bytes.
TAG_BYTES_MAX: Final = 48
SIZE_BYTES_MAX: Final = 16 * 1024


class ContentKind(StrEnum):
    """The kinds of content in a mix."""

    TEXT = "text"
    EMOJI = "emoji"
    STICKER = "sticker"
    LOCATION = "location"
    CARD = "card"
    CUSTOM = "custom"
    IMAGE = "image"
    FILE = "file"
    VOICE = "voice"
    VIDEO = "video"


_LETTERS: Final = dict(zip(ContentKind, "teslcuifvm", strict=True))
#: What the sender must have uploaded before.
BLOBS: Final[dict[ContentKind, Blob]] = {
    ContentKind.IMAGE: PICTURE,
    ContentKind.FILE: PICTURE,
    ContentKind.VOICE: VOICE,
    ContentKind.VIDEO: VIDEO,
}
#: They have no text of their own, so the message mentions its tag as if that were a user.
_MENTIONING: Final = frozenset({Voice.TYPE, Video.TYPE})
_KINDS: Final = {letter: kind for kind, letter in _LETTERS.items()}


class Altered(ValueError):
    """A message is not what was posted under its number."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message of the load.

    Attributes:
        number: of the post in the schedule, from 0.
        posted_us: when it was posted, on the machine's monotonic clock.
        kind: of its content.
        size: bytes of padding, about the size of the message beyond its tag.
    """

    number: int
    posted_us: int
    kind: ContentKind
    size: int

    @property
    def tag(self) -> str:
        """What identifies it, in ASCII."""
        return f"{self.number}.{self.posted_us}.{_LETTERS[self.kind]}{self.size}."

    def body(self) -> Body:
        """The one body of this parcel."""
        if self.kind is ContentKind.TEXT:
            return plain_text_body(self.tag + _PADDING[: self.size])
        content = self._content()
        return Body(content=content, mentions=(self.tag,) if content.TYPE in _MENTIONING else ())

    def _content(self) -> Content:
        tag, padding = self.tag, _PADDING[: self.size]
        match self.kind:
            case ContentKind.EMOJI:
                return Text(tag + _EMOJI[: max(1, self.size // 4)])
            case ContentKind.STICKER:
                return Sticker(pack="imload", name=tag)
            case ContentKind.LOCATION:
                return Location(latitude=31.23, longitude=121.47, name=tag, address=padding[:200].strip())
            case ContentKind.CARD:
                button = Button(label="Track", action="https://shop.example/track")
                return Card(title=tag, text=padding, price="19.90", kind="order", ref="1", buttons=(button,))
            case ContentKind.IMAGE:
                return Image(media=PICTURE.media, width=SIDE_PIXELS, height=SIDE_PIXELS, name=tag)
            case ContentKind.FILE:
                return File(media=PICTURE.media, name=tag)
            case ContentKind.VOICE:
                return Voice(media=VOICE.media, duration_ms=VOICE_MS)
            case ContentKind.VIDEO:
                side = SIDE_PIXELS
                return Video(media=VIDEO.media, duration_ms=VIDEO_MS, width=side, height=side)
            case _:
                return Custom(kind="imload.parcel", data={"tag": tag, "padding": padding})

    @classmethod
    def read(cls, payload: bytes) -> Self:
        """The parcel in a message's packed payload.

        Raises:
            Altered: it is none, or differs from the one body of the parcel that it claims to be.
        """
        value = unpack(payload)
        parcel = cls._from_tag(value if isinstance(value, str) else _tag_in(value))
        if parcel.kind is ContentKind.TEXT and isinstance(value, str):
            if value != parcel.tag + _PADDING[: parcel.size]:
                raise Altered(f"message {parcel.number} is not the text that was posted")
        elif pack_body(parcel.body()) != payload:
            raise Altered(f"message {parcel.number} is not the {parcel.kind} that was posted")
        return parcel

    @classmethod
    def _from_tag(cls, text: str) -> Self:
        try:
            number, posted_us, rest, _ = text[:TAG_BYTES_MAX].split(".", 3)
            return cls(int(number), int(posted_us), _KINDS[rest[0]], int(rest[1:]))
        except (ValueError, KeyError, IndexError):
            raise Altered(f"not a message of this load: {text[:TAG_BYTES_MAX]!r}") from None


#: Where the tag is among a content's fields.
_TAG_FIELDS: Final = {Image.TYPE: 4, Location.TYPE: 2, File.TYPE: 1, Sticker.TYPE: 1, Card.TYPE: 0}


def _tag_in(value: object) -> str:
    """The text that holds the tag in a content that is not plain text."""
    try:
        kind, fields = value[0], value[1]  # type: ignore[index]
        if kind in _MENTIONING:
            text = value[3][0]  # type: ignore[index]
        else:
            text = fields[1]["tag"] if kind == Custom.TYPE else fields[_TAG_FIELDS[kind]]
    except (IndexError, KeyError, TypeError):
        raise Altered("not a message of this load") from None
    if not isinstance(text, str):
        raise Altered("not a message of this load")
    return text
