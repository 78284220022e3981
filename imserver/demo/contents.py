"""What a turn of the dialogue is on the wire, and by what it is recognised on the other side."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import imsdk
from imsdk.drafts import MediaDraft
from imserver.demo import assets

__all__ = ["CONTENT_KINDS", "Spec", "build", "key_of", "key_of_spec", "line_of"]

#: A turn's content as JSON, the way it travels from the stage to an app: its "kind" and what that needs.
Spec: TypeAlias = dict[str, Any]

#: Every content kind that a complete run shows.
CONTENT_KINDS: Final = (
    *("text", "emoji", "image", "location", "voice", "video", "file", "sticker"),
    *("order", "product", "custom", "notice"),
)
_CUSTOM_KIND: Final = "com.example.shop.coupon"


@dataclass(frozen=True, slots=True)
class _Clip:
    asset: str
    draft: Callable[[bytes, Spec], MediaDraft]


_CLIPS: Final[dict[str, _Clip]] = {
    "image": _Clip("shoes.jpg", lambda data, spec: imsdk.Image.from_bytes(data, name=spec["name"])),
    "voice": _Clip(
        "", lambda data, spec: imsdk.Voice.from_bytes(data, mime="audio/wav", duration_ms=spec["duration_ms"])
    ),
    "video": _Clip(
        "shoes.mp4",
        lambda data, _: imsdk.Video.from_bytes(
            data, mime="video/mp4", duration_ms=2000, width=320, height=240
        ),
    ),
    "file": _Clip("invoice.pdf", lambda data, spec: imsdk.File.from_bytes(data, name=spec["name"])),
}


def _clip_bytes(spec: Spec) -> bytes:
    return assets.load(_CLIPS[spec["kind"]].asset or spec["asset"], spec["note"])


def build(spec: Spec) -> imsdk.Content | MediaDraft:
    """The content to send.

    Raises:
        KeyError: the kind is unknown, or something it needs is missing.
    """
    kind = spec["kind"]
    if kind in _CLIPS:
        return _CLIPS[kind].draft(_clip_bytes(spec), spec)
    if kind in {"text", "emoji"}:
        return imsdk.Text(spec["text"])
    if kind == "location":
        return imsdk.Location(
            latitude=spec["latitude"], longitude=spec["longitude"], name=spec["name"], address=spec["address"]
        )
    if kind == "sticker":
        return imsdk.Sticker(pack=spec["pack"], name=spec["name"])
    if kind in {"order", "product"}:
        return imsdk.Card(
            kind=kind,
            title=spec["title"],
            text=spec["text"],
            price=spec["price"],
            ref=spec["ref"],
            link=f"https://shop.example.com/{kind}s/{spec['ref']}",
            buttons=tuple(imsdk.Button(label=label, action=action) for label, action in spec["buttons"]),
        )
    if kind == "custom":
        return imsdk.Custom(_CUSTOM_KIND, spec["data"])
    if kind == "notice":
        return imsdk.Notice(text=spec["text"], kind="queue")
    raise KeyError(kind)


def key_of(content: imsdk.Content | imsdk.Unknown) -> str:
    """What a message is recognised by: the SHA-256 of its media, or of everything that it says."""
    if isinstance(content, imsdk.Image | imsdk.Voice | imsdk.Video | imsdk.File):
        return content.media.id.hex()
    if isinstance(content, imsdk.Unknown):
        return f"unknown:{content.type}:{content.reason}"
    # The type counts: a notice may say what a text says.
    return hashlib.sha256(f"{content.TYPE}:{content.to_fields()!r}".encode()).hexdigest()


def key_of_spec(spec: Spec) -> str:
    """`key_of` the content that `build` makes."""
    if spec["kind"] in _CLIPS:
        return hashlib.sha256(_clip_bytes(spec)).hexdigest()
    content = build(spec)
    assert not isinstance(content, MediaDraft)
    return key_of(content)


def line_of(content: imsdk.Content | imsdk.Unknown) -> str:
    """One line for a narrow screen."""
    match content:
        case imsdk.Text():
            return content.text
        case imsdk.Image():
            return f"📷 {content.name or 'image'} {content.width}×{content.height}"
        case imsdk.Location():
            return f"📍 {content.name}"
        case imsdk.Voice():
            return f"🔊 voice {content.duration_ms / 1000:.0f}″"
        case imsdk.Video():
            return f"🎬 video {content.duration_ms / 1000:.0f}″"
        case imsdk.File():
            return f"📎 {content.name}"
        case imsdk.Sticker():
            return f"⭐ [{content.name}]"
        case imsdk.Card():
            return f"{'👟' if content.kind == 'product' else '🧾'} {content.title} {content.price}"
        case imsdk.Custom():
            return f"🎁 {content.kind.rpartition('.')[2]}"
        case imsdk.Notice():
            return f"— {content.text} —"
        case _:
            return "(not supported by this version)"
