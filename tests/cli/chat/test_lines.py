"""What others wrote is shown, and cannot command the terminal."""

import imsdk
from imserver.cli.chat.lines import clean, message_line

MEDIA = imsdk.Media(id=bytes(32), size=2048, mime="image/jpeg")


def message(content: imsdk.Shown, **facts: object) -> imsdk.Message:
    given: dict[str, object] = {"chat": 1, "conversation": 5, "seq": 7, "sender": "bob", "own": False}
    given |= {"at_ms": 0, "content": content, "reactions": {}}
    return imsdk.Message(**(given | facts))  # type: ignore[arg-type]


def test_control_characters_and_direction_overrides_are_shown_as_what_they_are() -> None:
    for evil in ("\x1b[2J", "\x07", "\u202e", "\x9b", "\r", "\x00"):
        assert not set(clean(f"a{evil}b")) & {"\x1b", "\x07", "\u202e", "\x9b", "\r", "\x00"}


def test_letters_emoji_and_line_ends_stay() -> None:
    assert clean("您好 é 👩\u200d🔧 ❤️") == "您好 é 👩\u200d🔧 ❤️"
    assert clean("one\ntwo") == "one\n    two"


def test_sender_cannot_fake_lines_by_his_name_or_a_file_name() -> None:
    line = message_line(message(imsdk.File(media=MEDIA, name="a.pdf"), sender="bo\x1b[31mb")).plain
    assert "\x1b" not in line


def test_every_content_has_its_line() -> None:
    contents: dict[imsdk.Shown, str] = {
        imsdk.Text("hi"): "bob: hi",
        imsdk.Image(media=MEDIA, width=4, height=3, name="a.jpg"): "[picture a.jpg 4×3, 2 KiB]",
        imsdk.Voice(media=MEDIA, duration_ms=1500): "[voice 1.5 s, 2 KiB]",
        imsdk.Video(media=MEDIA, duration_ms=2000, width=4, height=3): "[video 2.0 s, 2 KiB]",
        imsdk.File(media=MEDIA, name="a.pdf"): "[file a.pdf, 2 KiB]",
        imsdk.Location(latitude=1.0, longitude=2.0, name="x"): "[location 1.00000, 2.00000 x]",
        imsdk.Sticker(pack="p", name="n"): "[sticker p/n]",
        imsdk.Card(
            title="T", price="1", text="t", buttons=(imsdk.Button(label="L", action="a"),)
        ): "T 1] t <L>",
        imsdk.Notice(text="joined"): "— joined —",
        imsdk.Recalled(): "(recalled)",
        imsdk.Unknown(type=99, fields=(), reason="new"): "not supported by this version",
        imsdk.Gap(first=2, last=4, reason=imsdk.GapReason.RETENTION): "#2 to #4 are not here",
    }
    for content, piece in contents.items():
        assert piece in message_line(message(content)).plain
    assert "[com.shop.x] {'a': 1}" in message_line(message(imsdk.Custom("com.shop.x", {"a": 1}))).plain
