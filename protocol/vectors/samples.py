"""The same few people, things and times in all golden frames."""

from dataclasses import replace
from typing import Final

from improtocol import (
    Body,
    Button,
    Card,
    Custom,
    Entry,
    File,
    Image,
    Kind,
    Location,
    Media,
    Notice,
    Sticker,
    Text,
    Video,
    Voice,
    pack,
    pack_body,
)
from improtocol import frames as f
from improtocol.digest import entry_digest, erased_payload

SESSION: Final = 0x0013_5792_468A_CE01
SECRET: Final = bytes(range(0x10, 0x20))
EPOCH: Final = 0x001B_2C3D_4E5F_6071
GROUP: Final = 0x0012_3456_789A_BCDE
#: 2026-01-01 00:00:00 UTC, in ms.
AT_MS: Final = 1_767_225_600_000
PHOTO: Final = Media(id=bytes(range(32)), size=48_213, mime="image/jpeg")
THUMBNAIL: Final = bytes(range(32, 64))
CLIP: Final = Media(id=bytes(range(64, 96)), size=9_876, mime="audio/ogg")
FILM: Final = Media(id=bytes(range(96, 128)), size=1_234_567, mime="video/mp4")
PDF: Final = Media(id=bytes(range(128, 160)), size=20_480, mime="application/pdf")

BODIES: Final[dict[str, Body]] = {
    "text": Body(content=Text("Is the blue one still there?")),
    "text in Chinese": Body(content=Text("请问这款还有货吗？")),
    "text of emoji": Body(content=Text("👨‍👩‍👧❤️‍🔥")),
    "text in reply to 7, mentioning two": Body(content=Text("yes"), reply_to=7, mentions=("agent-7", "u2")),
    "text in reply to 7": Body(content=Text("yes"), reply_to=7),
    "text mentioning one": Body(content=Text("hi"), mentions=("agent-7",)),
    "image": Body(content=Image(media=PHOTO, width=1_600, height=1_200)),
    "image with thumbnail and name": Body(
        content=Image(media=PHOTO, width=1_600, height=1_200, thumbnail=THUMBNAIL, name="kettle.jpg")
    ),
    "location": Body(content=Location(latitude=31.2304, longitude=121.4737)),
    "location with name and address": Body(
        content=Location(
            latitude=31.2304, longitude=121.4737, name="人民广场", address="People's Square, Shanghai"
        )
    ),
    "voice": Body(content=Voice(media=CLIP, duration_ms=3_200)),
    "video": Body(content=Video(media=FILM, duration_ms=12_000, width=1_280, height=720)),
    "video with still": Body(
        content=Video(media=FILM, duration_ms=12_000, width=1_280, height=720, thumbnail=THUMBNAIL)
    ),
    "file": Body(content=File(media=PDF, name="合同　终稿.pdf")),
    "sticker": Body(content=Sticker(pack="cats", name="wave")),
    "card": Body(content=Card(title="Any card")),
    "order card with everything": Body(
        content=Card(
            title="Order 2026-0042",
            text="1 × kettle, blue",
            picture="https://shop.example/kettle.jpg",
            price="¥129.00",
            link="https://shop.example/orders/42",
            buttons=(Button(label="Pay", action="pay:42"), Button(label="取消", action="cancel:42")),
            kind="order",
            ref="42",
        )
    ),
    "custom": Body(
        content=Custom(
            "com.shop.coupon",
            {"code": "SAVE10", "percent": 10, "until": None, "ok": True, "sig": b"\1\2", "x": [0.5, -1]},
        )
    ),
    "notice": Body(content=Notice(text="Agent 7 has joined")),
    "notice with kind": Body(content=Notice(text="Agent 7 has joined", kind="agent.joined")),
}


def message(seq: int, *, sender: str = "agent-7", after_ms: int = 0, body: str = "text") -> Entry:
    """A message in the group."""
    return Entry(Kind.MESSAGE, AT_MS + after_ms, sender, GROUP, seq, pack_body(BODIES[body]))


#: An entry of each kind, in the order in which they could happen.
ENTRIES: Final[tuple[Entry, ...]] = (
    Entry(Kind.CREATED, AT_MS, "agent-7", GROUP, 1, pack([2, "Kettles", [["agent-7", 2], ["u1", 0]]])),
    message(2, sender="u1", after_ms=1_500),
    message(3, sender="u1", after_ms=1_900, body="image with thumbnail and name"),
    Entry(Kind.READ, AT_MS + 2_000, "agent-7", GROUP, 3, pack(None)),
    message(4, after_ms=2_100),
    Entry(Kind.EDITED, AT_MS + 3_000, "agent-7", GROUP, 5, pack([4, "Yes, the blue one is there."])),
    Entry(Kind.RECALLED, AT_MS + 4_000, "u1", GROUP, 6, pack([3])),
    Entry(Kind.REACTED, AT_MS + 5_000, "u1", GROUP, 7, pack([4, "👍", True])),
    Entry(Kind.JOINED, AT_MS + 6_000, "agent-7", GROUP, 8, pack(["u2", "u3"])),
    Entry(Kind.ROLE, AT_MS + 7_000, "agent-7", GROUP, 9, pack(["u2", 1])),
    Entry(Kind.RENAMED, AT_MS + 8_000, "agent-7", GROUP, 10, pack(["Tea"])),
    Entry(Kind.REMOVED, AT_MS + 9_000, "agent-7", GROUP, 11, pack(["u3"])),
    Entry(Kind.LEFT, AT_MS + 10_000, "u2", GROUP, 12, pack(None)),
)
#: A message and an edit that were recalled, as late readers get them: like `ENTRIES[1]` and `ENTRIES[5]`.
ERASED: Final[tuple[Entry, ...]] = tuple(
    replace(entry, payload=erased_payload(entry.kind, 4, entry_digest(entry)) or b"")
    for entry in (ENTRIES[1], ENTRIES[5])
)
#: The same two at a server that does not know their digests any more.
FORGOTTEN: Final[tuple[Entry, ...]] = tuple(
    replace(entry, payload=erased_payload(entry.kind, 4, None) or b"") for entry in (ENTRIES[1], ENTRIES[5])
)
RESUME: Final = f.Resume(session=SESSION, secret=SECRET, epoch=EPOCH, cursor=40_000, next=129)
RESUMED: Final = f.Resumed(accepted=128, head=40_000)
