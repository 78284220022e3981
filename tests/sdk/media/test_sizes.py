"""Picture headers: the same sides as Pillow says, for every kind; and no exception for any bytes."""

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imsdk.media.sizes import PictureSize, read_size


def picture(kind: str, size: tuple[int, int] = (37, 21), **options: object) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", size, (200, 30, 40)).save(target, kind, **options)
    return target.getvalue()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("GIF", {}),
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("JPEG", {"comment": b"\xff\xc0" * 100}),
        ("JPEG", {"icc_profile": bytes(200_000)}),
        ("WEBP", {"quality": 80}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"quality": 80, "exif": bytes(20)}),
    ],
    ids=str,
)
def test_agrees_with_pillow(kind: str, options: dict[str, object]) -> None:
    assert read_size(picture(kind, **options)) == PictureSize(f"image/{kind.lower()}", 37, 21)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
def test_turned_photograph_is_told_as_shown(orientation: int, order: str) -> None:
    """Exif orientations 5 to 8 exchange the sides, in either byte order."""
    exif = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(
        f"{order}IHHHIHHHHIHH", 8, 2, 0x010F, 2, 1, 0, 0, 0x0112, 3, 1, orientation, 0
    )
    size = read_size(picture("JPEG", exif=b"Exif\0\0" + exif))
    assert size is not None
    assert (size.width, size.height) == ((21, 37) if orientation >= 5 else (37, 21))


@pytest.mark.parametrize("side", [1, 16_383])
def test_extreme_sides(side: int) -> None:
    for kind in ("PNG", "GIF", "JPEG", "WEBP"):
        size = read_size(picture(kind, (side, 1)))
        assert size is not None
        assert (size.width, size.height) == (side, 1)


@pytest.mark.parametrize("data", [b"", b"%PDF-1.4", b"<svg/>", b"BM" + bytes(60), b"RIFF\0\0\0\0WAVEfmt "])
def test_other_kinds_are_no_pictures(data: bytes) -> None:
    assert read_size(data) is None


def test_zero_sides_are_no_picture() -> None:
    assert read_size(b"GIF89a" + bytes(10)) is None


@pytest.mark.parametrize("kind", ["PNG", "GIF", "JPEG", "WEBP"])
def test_cut_header_is_no_picture_or_the_right_one(kind: str) -> None:
    whole = picture(kind)
    for end in range(len(whole)):
        assert read_size(whole[:end]) in {None, PictureSize(f"image/{kind.lower()}", 37, 21)}
    assert read_size(whole[:9]) is None


SEEDS = [picture(kind) for kind in ("PNG", "GIF", "JPEG", "WEBP")] + [
    b"\xff\xd8\xff\xe1\x00\x20Exif\0\0II*\0"
]


@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=8))
def test_damaged_header_never_raises(seed: bytes, changes: list[tuple[int, int]]) -> None:
    data = bytearray(seed)
    for position, value in changes:
        data[position % len(data)] = value
    size = read_size(bytes(data))
    assert size is None or (size.width > 0 and size.height > 0)
