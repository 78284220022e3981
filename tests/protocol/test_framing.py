"""Cutting a byte stream into frames, whatever the pieces it comes in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from improtocol import Code, LocalProtocolError, RemoteProtocolError, limits
from improtocol.framing import FrameBuffer, frame_bytes

payloads = st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=6)


def taken(buffer: FrameBuffer) -> list[bytes]:
    frames = []
    while (payload := buffer.take()) is not None:
        frames.append(payload)
    return frames


@given(payloads, st.data())
def test_frames_come_out_as_they_went_in_whatever_the_pieces(sent: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(map(frame_bytes, sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    buffer, received = FrameBuffer(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        buffer.feed(stream[start:end])
        received += taken(buffer)
    assert received == sent
    assert all(type(payload) is bytes for payload in received)
    assert len(buffer) == 0


@given(payloads)
def test_frames_come_out_as_they_went_in_byte_by_byte(sent: list[bytes]) -> None:
    buffer, received = FrameBuffer(), []
    for byte in b"".join(map(frame_bytes, sent)):
        buffer.feed(bytes((byte,)))
        received += taken(buffer)
    assert received == sent


@pytest.mark.parametrize(
    ("length", "prefix"),
    [
        (1, "01"),
        (127, "7f"),
        (128, "8001"),
        (16_383, "ff7f"),
        (16_384, "808001"),
        (limits.FRAME_BYTES_MAX, "808010"),
    ],
)
def test_a_length_takes_one_to_three_bytes(length: int, prefix: str) -> None:
    framed = frame_bytes(b"x" * length)
    assert framed[: len(framed) - length].hex() == prefix
    buffer = FrameBuffer()
    buffer.feed(framed)
    assert buffer.take() == b"x" * length


@pytest.mark.parametrize("length", [0, limits.FRAME_BYTES_MAX + 1])
def test_an_empty_or_too_large_frame_is_not_sent(length: int) -> None:
    with pytest.raises(LocalProtocolError):
        frame_bytes(b"x" * length)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("00", Code.PROTOCOL_ERROR),  # empty
        ("8000", Code.PROTOCOL_ERROR),  # zero in two bytes
        ("8100", Code.PROTOCOL_ERROR),  # one in two bytes
        ("818000", Code.PROTOCOL_ERROR),  # one in three bytes
        ("81808001", Code.PROTOCOL_ERROR),  # four bytes
        ("818010", Code.FRAME_TOO_LARGE),  # one byte too many
        ("ffff7f", Code.FRAME_TOO_LARGE),
    ],
)
def test_a_bad_length_is_refused_before_anything_behind_it_is_there(data: str, code: Code) -> None:
    buffer = FrameBuffer()
    buffer.feed(bytes.fromhex(data))
    with pytest.raises(RemoteProtocolError) as caught:
        buffer.take()
    assert caught.value.code is code


def test_the_limit_is_the_buffers_own() -> None:
    buffer = FrameBuffer(10)
    buffer.feed(frame_bytes(b"x" * 10) + frame_bytes(b"x" * 11))
    assert buffer.take() == b"x" * 10
    with pytest.raises(RemoteProtocolError, match="at most 10 bytes here, not 11"):
        buffer.take()


def test_a_large_frame_in_small_pieces_is_not_copied_for_each_piece() -> None:
    """Copying what is held for every byte of a frame of 256 KiB moves 32 GiB."""
    framed = frame_bytes(bytes(64 * 1024))
    buffer = FrameBuffer()
    buffer.feed(framed[:10])
    buffer.feed(framed[10:20])
    held = buffer._data
    for start in range(20, len(framed), 1_000):
        assert buffer.take() is None
        buffer.feed(framed[start : start + 1_000])
        assert buffer._data is held, "it grows in place"
    assert buffer.take() == framed[3:]


def test_len_counts_what_is_received_and_not_taken() -> None:
    buffer = FrameBuffer()
    buffer.feed(b"\x01a\x02b")
    assert len(buffer) == 4
    buffer.take()
    assert len(buffer) == 2
    buffer.feed(b"c")
    assert buffer.take() == b"bc"
    assert len(buffer) == 0
