"""Lengths that lie, nests and counts without end: a real server's memory stays where it was."""

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from improtocol.framing import frame_bytes
from tests.protocol.test_hostile import BOMBS, STARTS, bomb
from tests.security.doors import UPGRADE
from tests.security.processes import MIB, Phone, Watched, abort, serving

#: Before a peer has a session, all it sends is 16 KiB at most; a bomb within it may hold this much at once.
STRANGERS_PEAK_BYTES_MAX = 4 * MIB
#: A frame of a session is 256 KiB at most, and what it is decoded to at most 250 times that, for a moment.
SESSION_PEAK_BYTES_MAX = 64 * MIB
LEFT_BYTES_MAX = MIB


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with serving(tmp_path_factory.mktemp("bombs")) as watched:
        yield watched


def throw(watched: Watched, throwing: Callable[[], None]) -> tuple[int, int]:
    """Throw twice, as the first time makes what is kept: how much memory was left over, and its peak."""
    throwing()
    watched.until_empty()
    watched.forget_peak()
    before = watched.rss_bytes()
    throwing()
    watched.until_empty()
    return watched.rss_bytes() - before, watched.peak_bytes() - before


def strangers(watched: Watched, said: bytes, count: int) -> None:
    """That many peers without session say it at once, and stay until they are thrown out."""
    for door, head in ((watched.tcp, b""), (watched.ws, UPGRADE)):
        phones = [Phone(door) for _ in range(count)]
        for phone in phones:
            with suppress(OSError):  # the server may have had enough already
                phone.socket.sendall(head + said)
        for phone in phones:
            abort(phone.socket)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"\xff\xff\x7f" + b"x" * 3000, id="a frame of 2 MB announced"),
        pytest.param(b"\x80\x20" + b"x" * 4000, id="a whole frame's length, and not the last byte"),
        pytest.param(b"\x82\xff" + b"\0\0\0\x7f" * 2 + b"xxxx" * 100, id="a message of 500 GB announced"),
        pytest.param(
            frame_bytes(b"\x93\x01" + bomb(b"\xdc\xff\xff", 4000)), id="arrays of 65,535 in each other"
        ),
        pytest.param(frame_bytes(b"\x93\x01" + bomb(b"\x91", 4000)), id="4,000 levels"),
        pytest.param(frame_bytes(b"\x93\x01" + b"\xdb\x7f\xff\xff\xff"), id="2 GB of text announced"),
        pytest.param(frame_bytes(b"\x93\x01" + b"\xdd\x7f\xff\xff\xff"), id="2^31 elements announced"),
    ],
)
def test_length_nesting_and_count_bombs_of_strangers_leave_less_than_1_mib(
    watched: Watched, said: bytes
) -> None:
    left, peak = throw(watched, lambda: strangers(watched, said, 60))
    assert left < LEFT_BYTES_MAX, left
    assert peak < STRANGERS_PEAK_BYTES_MAX, peak


@pytest.mark.parametrize(
    "name", ["arrays of 4,096 in each other", "arrays of 15 in each other", "empty arrays"]
)
def test_bombs_of_the_largest_frame_within_a_session_are_bounded_and_leave_little(
    watched: Watched, name: str
) -> None:
    tokens = [watched.token("mallory")]

    def throwing() -> None:
        for start in STARTS.values():
            phone = watched.login(tokens[0])
            with suppress(OSError):
                phone.socket.sendall(frame_bytes(start + bomb(BOMBS[name], 256 * 1024 - len(start))))
                while phone.socket.recv(65536):
                    pass
            abort(phone.socket)

    left, peak = throw(watched, throwing)
    assert peak < SESSION_PEAK_BYTES_MAX, peak
    assert left < 8 * MIB, left


def test_http_bombs_leave_little(watched: Watched) -> None:
    def throwing() -> None:
        for said in (
            b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 100_000,
            b"GET /" + b"a" * 500_000,
            b"PATCH /uploads/x HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999\r\n\r\n"
            + bytes(200_000),
            b"POST /uploads HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffff\r\n"
            + bytes(200_000),
            b"POST /uploads HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"1\r\nx\r\n" * 50_000,
        ):
            for _ in range(5):
                phone = Phone(watched.http)
                with suppress(OSError):
                    phone.socket.sendall(said)
                abort(phone.socket)

    left, peak = throw(watched, throwing)
    assert peak < 16 * MIB, peak
    assert left < 8 * MIB, left
