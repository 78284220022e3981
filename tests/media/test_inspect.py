"""What an upload is, is found by looking at it, never by what it claims."""

import errno
import io
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imserver.media import MediaLimits, MediaRefused
from imserver.media.inspect import INLINE_TYPES, OPAQUE_TYPE, Inspected, inspect
from imserver.media.testing import box, mp4, picture, wav

LIMITS = MediaLimits()
HTML = b"<!doctype html><script>alert(1)</script>"
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def look(data: bytes, claimed: str = "application/octet-stream", limits: MediaLimits = LIMITS) -> Inspected:
    return inspect(io.BytesIO(data), len(data), claimed, limits)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize("claimed", ["image/png", "image/JPG; q=1", "application/octet-stream", "text/html"])
def test_an_image_is_what_it_decodes_to_whatever_it_claims(kind: str, claimed: str) -> None:
    seen = look(picture(kind, (640, 480)), claimed)
    assert (seen.mime, seen.width, seen.height) == (f"image/{kind.lower()}", 640, 480)
    assert seen.thumbnail is not None
    with Image.open(io.BytesIO(seen.thumbnail.data)) as small:
        small.load()
        assert small.size == (320, 240) == (seen.thumbnail.width, seen.thumbnail.height)
        assert small.get_format_mimetype() == seen.thumbnail.mime


def test_exif_orientation_turns_sides_and_thumbnail() -> None:
    image = Image.new("RGB", (400, 200), "blue")
    image.paste("red", (0, 0, 200, 200))  # the left half; turned by 90 degrees clockwise it is the upper half
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif)
    seen = look(out.getvalue(), "image/jpeg")
    assert (seen.width, seen.height) == (200, 400)
    assert seen.thumbnail is not None
    with Image.open(io.BytesIO(seen.thumbnail.data)) as small:
        assert small.size == (160, 320)
        assert small.getexif().get(0x0112) is None
        upper, lower = small.getpixel((80, 60)), small.getpixel((80, 260))
    assert isinstance(upper, tuple)
    assert isinstance(lower, tuple)
    assert (upper[0] > 200, upper[2] < 50) == (True, True)
    assert (lower[2] > 200, lower[0] < 50) == (True, True)


def test_a_phones_jpeg_with_a_second_picture_in_it_is_a_jpeg() -> None:
    with Image.open(io.BytesIO(picture("JPEG"))) as image:
        out = io.BytesIO()
        image.save(out, "MPO", save_all=True, append_images=[image.copy()])
    assert look(out.getvalue(), "image/jpeg").mime == "image/jpeg"


@pytest.mark.parametrize(
    ("kind", "mode", "mime"),
    [
        ("PNG", "RGBA", "image/png"),
        ("PNG", "P", "image/jpeg"),
        ("PNG", "I;16", "image/jpeg"),
        ("JPEG", "CMYK", "image/jpeg"),
    ],
)
def test_every_colour_mode_gets_a_thumbnail(kind: str, mode: str, mime: str) -> None:
    if mode == "I;16":
        out = io.BytesIO()
        Image.new("I;16", (500, 400), 40_000).save(out, kind)
        data = out.getvalue()
    else:
        data = picture(kind, (500, 400), mode)
    thumbnail = look(data, "image/png").thumbnail
    assert thumbnail is not None
    assert (thumbnail.mime, thumbnail.width) == (mime, 320)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_truncated_image_is_refused_as_image_and_is_a_plain_file_otherwise(kind: str) -> None:
    whole = picture(kind)
    for cut in (20, len(whole) // 2, len(whole) - 100):
        with pytest.raises(MediaRefused, match="cannot be decoded"):
            look(whole[:cut], f"image/{kind.lower()}")
        assert look(whole[:cut]) == Inspected(mime=OPAQUE_TYPE)


def test_a_damaged_png_is_refused_by_its_checksums() -> None:
    """Those of the pixels, and those of what comes behind them."""
    data = picture("PNG")
    text = chunk(b"tEXt", b"Comment\0shoes")
    for damaged_at, whole in ((len(data) // 2, data), (-20, data[:-12] + text + data[-12:])):
        damaged = bytearray(whole)
        damaged[damaged_at] ^= 1
        assert look(whole, "image/png").mime == "image/png"
        with pytest.raises(MediaRefused):
            look(bytes(damaged), "image/png")


def test_an_image_bomb_is_refused_before_memory_is_taken_for_it() -> None:
    """A PNG of 60,000 x 60,000 pixels in 100 bytes; also one that Pillow alone would let pass."""
    for side, limits in ((60_000, LIMITS), (12_000, LIMITS), (2000, MediaLimits(image_pixels_max=3_999_999))):
        header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        data = (
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", header)
            + chunk(b"IDAT", zlib.compress(bytes(100)))
            + chunk(b"IEND", b"")
        )
        with pytest.raises(MediaRefused, match="pixels"):
            look(data, "image/png", limits)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@pytest.mark.parametrize("claimed", ["image/png", "image/jpeg", "image/webp", "image/gif", "image/jpg"])
def test_what_claims_to_be_an_image_and_is_none_is_refused(claimed: str) -> None:
    for data in (HTML, SVG, b"", wav(10)):
        with pytest.raises(MediaRefused, match="the content is no"):
            look(data, claimed)


@pytest.mark.parametrize(
    "claimed", ["text/html", "image/svg+xml", "application/xhtml+xml", "audio/wav", "video/mp4"]
)
def test_html_and_svg_are_opaque_whatever_they_claim(claimed: str) -> None:
    for data in (HTML, SVG, b"\n\n" + HTML, b"%PDF-1.7", b"GIF", b"RIFF\0\0\0\0HTML"):
        assert look(data, claimed) == Inspected(mime=OPAQUE_TYPE)


def test_nothing_with_script_may_be_shown_in_place() -> None:
    assert all(mime.startswith(("image/", "audio/", "video/")) and "svg" not in mime for mime in INLINE_TYPES)
    assert OPAQUE_TYPE not in INLINE_TYPES


def endless_mp4(seconds: int) -> bytes:
    """With a movie header of version 1, whose times have 64 bits."""
    header = bytes([1, 0, 0, 0]) + bytes(16) + struct.pack(">IQ", 1, seconds) + bytes(40)
    return box(b"ftyp", b"isom" + bytes(8)) + box(b"moov", box(b"mvhd", header))


def opus(samples: int) -> bytes:
    page = (
        struct.pack("<4sBBqIII", b"OggS", 0, 2, 0, 1, 0, 0)
        + b"\x01\x13"
        + b"OpusHead\x01\x01"
        + struct.pack("<HI", 312, 48000)
    )
    return page + bytes(50) + struct.pack("<4sBBqIII", b"OggS", 0, 4, samples + 312, 1, 1, 0) + bytes(30)


@pytest.mark.parametrize(
    ("data", "mime", "duration_ms"),
    [
        (wav(1500), "audio/wav", 1500),
        (opus(48_000 * 3), "audio/ogg", 3000),
        (mp4(2500), "video/mp4", 2500),
        (mp4(2500, b"M4A "), "audio/mp4", 2500),
        (mp4(2500, b"qt  "), "video/quicktime", 2500),
        (box(b"ftyp", b"isom" + bytes(8)), "video/mp4", None),
        (endless_mp4(1 << 63), "video/mp4", None),
        (endless_mp4(24 * 3600), "video/mp4", 24 * 3600 * 1000),
        (endless_mp4(24 * 3600 + 1), "video/mp4", None),
        (opus((1 << 63) - 313), "audio/ogg", None),
        (opus(-400), "audio/ogg", None),
        (b"ID3\x04" + bytes(20), "audio/mpeg", None),
        (b"\xff\xfb\x90\x64" + bytes(400), "audio/mpeg", None),
        (b"#!AMR\n" + bytes(32), "audio/amr", None),
        (b"\xff\xf1\x50\x80" + bytes(30), "audio/aac", None),
        (b"fLaC" + bytes(30), "audio/flac", None),
        (b"\x1a\x45\xdf\xa3" + bytes(20) + b"webm" + bytes(40), "video/webm", None),
        (b"\xff\xfe" + "Hallo".encode("utf-16-le"), OPAQUE_TYPE, None),
        (b"just text", OPAQUE_TYPE, None),
    ],
)
def test_containers_are_recognised_and_their_length_read(
    data: bytes, mime: str, duration_ms: int | None
) -> None:
    assert look(data) == Inspected(mime=mime, duration_ms=duration_ms)


@settings(max_examples=300)
@given(data=st.data())
def test_damaged_files_of_any_kind_never_raise_anything_but_a_refusal(data: st.DataObject) -> None:
    good = data.draw(
        st.sampled_from(
            [picture("PNG", (8, 8)), picture("GIF", (8, 8)), wav(5), opus(99), mp4(9), mp4(9, b"M4A ")]
        )
    )
    at = data.draw(st.integers(0, len(good)))
    bad = good[:at] + data.draw(st.binary(max_size=16)) + good[at + data.draw(st.integers(0, 16)) :]
    seen = look(bad)
    assert seen.mime == OPAQUE_TYPE or seen.mime in INLINE_TYPES
    assert seen.duration_ms is None or seen.duration_ms >= 0


def test_a_failing_disk_is_not_blamed_on_the_sender() -> None:
    class Failing(io.BytesIO):
        reads = 0

        def read(self, size: int | None = -1) -> bytes:
            self.reads += 1
            if self.reads > 4:
                raise OSError(errno.EIO, "I/O error")
            return super().read(size)

    data = picture("JPEG")
    with pytest.raises(OSError, match="I/O error"):
        inspect(Failing(data), len(data), "image/jpeg", LIMITS)


def test_a_thumbnail_keeps_nothing_but_the_picture() -> None:
    """Comments and profiles of the original may say who took it and where."""
    out = io.BytesIO()
    Image.new("RGB", (900, 600), "red").save(out, "JPEG", comment=b"taken at home", icc_profile=b"p" * 200)
    seen = look(out.getvalue())
    assert seen.thumbnail is not None
    with Image.open(io.BytesIO(seen.thumbnail.data)) as small:
        assert not {"comment", "icc_profile", "exif"} & set(small.info)
