"""Lengths that lie, nests and counts without end: a real server's memory stays where it was."""

import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from improtocol.framing import frame_bytes
from improtocol.limits import FRAME_BYTES_MAX
from tests.protocol.test_hostile import BOMBS, COSTLY, SMALL_VALUES, STARTS, bomb, costly_frame, whole_bomb
from tests.security.doors import UPGRADE
from tests.security.processes import MIB, Phone, Watched, abort, serving

#: Before a peer has a session, all it sends is 16 KiB at most; a bomb within it may hold this much at once.
STRANGERS_PEAK_BYTES_MAX = 4 * MIB
#: For all of them one after the other. Each takes its frame twice, 512 KiB, while it is cut out of what came,
#: or less than 1 MiB while it is decoded; the allocator reuses most of that, and 1.65 MiB were measured.
SESSION_PEAK_BYTES_MAX = 2 * MIB
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


#: The largest frames, and those that a server has to build as nothing is wrong with their sizes.
SESSION_BOMBS = {
    **{
        f"{name}, {start}": frame_bytes(begin + bomb(header, FRAME_BYTES_MAX - len(begin)))
        for name, header in BOMBS.items()
        for start, begin in STARTS.items()
    },
    **{f"a whole frame of {name}": whole_bomb(value) for name, value in SMALL_VALUES.items()},
    **{f"just allowed: {name}": costly_frame(name) for name in COSTLY},
}


def within_sessions(watched: Watched, token: str, bombs: Iterable[bytes]) -> None:
    """Each of `bombs` in a session of its own, until that is ended."""
    for said in bombs:
        phone = watched.login(token)
        with suppress(OSError):
            phone.socket.sendall(said)
            phone.socket.shutdown(socket.SHUT_WR)
            while phone.socket.recv(65536):
                pass
        abort(phone.socket)


def test_bombs_within_a_session_take_2_mib_at_most_and_leave_less_than_1_mib(tmp_path: Path) -> None:
    """At a server that never held more than logins: no memory that was freed before hides what these take."""
    with serving(tmp_path) as watched:
        token = watched.token("mallory")
        within_sessions(watched, token, [b""] * 5)
        watched.until_empty()
        watched.forget_peak()
        before = watched.rss_bytes()
        within_sessions(watched, token, SESSION_BOMBS.values())
        watched.until_empty()
        peak = watched.peak_bytes() - before
        before = watched.rss_bytes()
        within_sessions(watched, token, SESSION_BOMBS.values())
        watched.until_empty()
        left = watched.rss_bytes() - before
    assert peak < SESSION_PEAK_BYTES_MAX, peak
    assert left < LEFT_BYTES_MAX, left


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
