"""The HTTP listener against request smuggling, foreign origins, upgrades, and requests that make no sense."""

import pytest
import trio.testing

from imserver.http import connections
from tests.security.doors import UPGRADE, Doors

HOST = b"Host: localhost\r\n"
GET = b"GET /healthz HTTP/1.1\r\n" + HOST
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"

#: Requests whose end two servers in a row might see in different places (RFC 9112, 6.3 and 11.2).
AMBIGUOUS: dict[str, bytes] = {
    "two lengths": GET + b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
    "a length with a sign": GET + b"Content-Length: +0\r\n\r\n" + SMUGGLED,
    "a length in hex": GET + b"Content-Length: 0x0\r\n\r\n" + SMUGGLED,
    "a list of lengths": GET + b"Content-Length: 0, 5\r\n\r\n" + SMUGGLED,
    "a negative length": GET + b"Content-Length: -1\r\n\r\n" + SMUGGLED,
    "an unknown transfer coding": GET + b"Transfer-Encoding: xchunked\r\n\r\n" + SMUGGLED,
    "two transfer codings": GET + CHUNKED + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a blank before the colon": GET + b"Content-Length : 0\r\n\r\n" + SMUGGLED,
    "a bare CR in a header": GET + b"X: 1\rContent-Length: 5\r\n\r\n" + SMUGGLED,
    "a NUL in a header": GET + b"X: a\0b\r\n\r\n" + SMUGGLED,
    "a chunk size with a sign": GET + CHUNKED + b"\r\n+0\r\n\r\n" + SMUGGLED,
    "a chunk size in another form": GET + CHUNKED + b"\r\n0x0\r\n\r\n" + SMUGGLED,
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n" + SMUGGLED,
    "two hosts": GET + HOST + b"\r\n" + SMUGGLED,
    "a request line without version": b"GET /healthz\r\n" + HOST + b"\r\n" + SMUGGLED,
    "a header of 200 KB": GET + b"X: " + b"x" * 200_000 + b"\r\n\r\n" + SMUGGLED,
    "a target of 200 KB": b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n" + SMUGGLED,
}


async def answers(doors: Doors, data: bytes) -> list[int]:
    """The status codes of all answers to `data`, up to the moment when the server hangs up or rests."""
    wire = await doors.dial("http")
    await wire.send(data)
    await trio.testing.wait_all_tasks_blocked()
    await doors.pass_time(12)
    with trio.move_on_after(1):
        heard = await wire.read_all()
    return [int(part[:3]) for part in heard.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize("name", AMBIGUOUS)
async def test_smuggling_attempt_is_refused_and_the_rest_of_the_stream_is_not_read(
    doors: Doors, name: str
) -> None:
    statuses = await answers(doors, AMBIGUOUS[name])
    assert len(statuses) <= 1, "the smuggled request was answered"
    assert all(400 <= status < 600 for status in statuses)


async def test_length_and_chunks_together_end_the_connection_after_one_answer(doors: Doors) -> None:
    """RFC 9112, 6.1: chunks win, and what follows must not be taken for a request of the same peer."""
    body = b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n"
    statuses = await answers(doors, GET + body + SMUGGLED)
    assert len(statuses) <= 2
    assert 404 not in statuses[:1]


async def test_a_body_that_nobody_reads_is_not_taken_for_the_next_request(doors: Doors) -> None:
    length = b"Content-Length: %d\r\n\r\n" % len(SMUGGLED)
    assert await answers(doors, GET + length + SMUGGLED + GET + b"\r\n") == [200, 200]


async def test_no_foreign_origin_may_read_anything(doors: Doors) -> None:
    """No CORS header by default: browsers keep the answers from pages of other origins."""
    for method, path in (
        ("GET", "/healthz"),
        ("OPTIONS", "/uploads"),
        ("GET", "/media/x"),
        ("POST", "/uploads"),
    ):
        wire = await doors.dial("http")
        origin = (
            "Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\nConnection: close\r\n"
        )
        await wire.send(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{origin}\r\n".encode())
        heard = (await wire.read_all()).lower()
        assert heard.startswith(b"http/1.1 ")
        assert b"access-control" not in heard


@pytest.mark.parametrize(
    "tail",
    [b"", b"x" * 300, b"\x81\x05hello", UPGRADE, b"\x88\x80\0\0\0\0", bytes(range(256))],
    ids=["nothing", "garbage", "a frame", "an upgrade", "a close", "all bytes"],
)
async def test_websocket_upgrade_of_the_http_listener_is_refused_and_hurts_nobody(
    doors: Doors, tail: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Found by fuzzing: bytes behind a refused upgrade ended the whole server."""
    for head in (UPGRADE, UPGRADE.replace(b"Version: 13", b"Version: 7")):
        for _ in range(3):
            wire = await doors.dial("http")
            await wire.send(head + tail)
            await trio.testing.wait_all_tasks_blocked()
            await wire.send(tail)
            await doors.pass_time(12)
            heard = await wire.read_all()
            assert b" 101 " not in heard
    wire = await doors.dial("http")
    await wire.send(GET + b"\r\n")
    assert (await wire.read()).startswith(b"HTTP/1.1 200")
    assert all(
        "\n" not in record.getMessage() for record in caplog.records if record.name.endswith("connections")
    )


@pytest.mark.parametrize(
    "data",
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(200),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00" + b"\xff" * 100,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
        + b"".join(b"\x00\x00\x00\x01\x05\x00\x00\x00" + bytes((n,)) for n in range(1, 200, 2)),
        GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: !!!\r\n\r\n",
        GET
        + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
        + b"\0" * 99,
        b"GET http://[::1 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET * HTTP/1.1\r\n" + HOST + b"\r\n",
        b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /%ff%fe%00 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET //evil.example/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(300),
    ],
    ids=lambda data: repr(data[:40]),
)
async def test_strange_request_ends_its_own_connection_only(doors: Doors, data: bytes) -> None:
    for _ in range(3):
        wire = await doors.dial("http")
        await wire.send(data)
        await doors.pass_time(12)
    wire = await doors.dial("http")
    await wire.send(GET + b"\r\n")
    assert (await wire.read()).startswith(b"HTTP/1.1 200")


async def test_http_connections_are_bounded(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    assert connections.CONNECTIONS_MAX <= 4096
    for server in _servers():
        monkeypatch.setattr(server, "_connections_max", 20)
    wires = [await doors.dial("http") for _ in range(25)]
    await trio.testing.wait_all_tasks_blocked()
    for wire in wires[20:]:
        assert await wire.read() == b""
    await wires[0].send(GET + b"\r\n")
    assert (await wires[0].read()).startswith(b"HTTP/1.1 200")
    await doors.pass_time(8)
    again = await doors.dial("http")
    await again.send(GET + b"\r\n")
    assert (await again.read()).startswith(b"HTTP/1.1 200"), "there is room again"


def _servers() -> list[connections.Connections]:
    import gc

    return [found for found in gc.get_objects() if isinstance(found, connections.Connections)]
