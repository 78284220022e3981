"""Byte streams over real loopback sockets: all four kinds of URL, and what goes wrong on the way."""

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio
from trio_websocket import ConnectionClosed, WebSocketRequest, serve_websocket

from imload.certificates import make_certificate
from imsdk.dialers import PROTOCOL_NAME, SocketDialer

DATA = bytes(range(256)) * 500


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 with its key, in one file."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = make_certificate(folder)
    path = folder / "both.pem"
    path.write_bytes(key.read_bytes() + certificate.read_bytes())
    return path


async def echo(stream: trio.abc.Stream) -> None:
    try:
        async for data in stream:  # type: ignore[attr-defined]
            await stream.send_all(data)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass


async def echo_messages(request: WebSocketRequest) -> None:
    assert request.proposed_subprotocols == (PROTOCOL_NAME,)
    connection = await request.accept(subprotocol=PROTOCOL_NAME)
    try:
        while True:
            await connection.send_message(await connection.get_message())
    except ConnectionClosed:
        pass


@asynccontextmanager
async def serving(scheme: str, certificate: Path) -> AsyncIterator[str]:
    """An echo server; gives its URL."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    async with trio.open_nursery() as nursery:
        if scheme in ("ws", "wss"):
            tls = context if scheme == "wss" else None
            server = await nursery.start(serve_websocket, echo_messages, "127.0.0.1", 0, tls)
            port = server.port
        elif scheme == "tls":
            (listener,) = await nursery.start(
                partial(trio.serve_ssl_over_tcp, echo, 0, context, host="127.0.0.1")
            )
            port = listener.transport_listener.socket.getsockname()[1]
        else:
            (listener,) = await nursery.start(partial(trio.serve_tcp, echo, 0, host="127.0.0.1"))
            port = listener.socket.getsockname()[1]
        yield f"{scheme}://127.0.0.1:{port}"
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("scheme", ["tcp", "tls", "ws", "wss"])
async def test_bytes_come_back_whole_and_in_order(scheme: str, certificate: Path) -> None:
    dialer = SocketDialer(ssl_context=ssl.create_default_context(cafile=str(certificate)))
    async with serving(scheme, certificate) as url, trio.open_nursery() as nursery:
        stream = await dialer.dial_in(nursery, url)
        for start in range(0, len(DATA), 30_000):
            await stream.send_all(DATA[start : start + 30_000])
        found = b""
        while len(found) < len(DATA):
            found += await stream.receive_some(1000)
        assert found == DATA
        await stream.aclose()


async def test_it_offers_the_name_of_what_it_speaks_though_the_context_is_the_apps(certificate: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    context.set_alpn_protocols(["h2", "http/1.1", PROTOCOL_NAME])
    agreed: list[str | None] = []

    async def accept(stream: trio.SSLStream[trio.SocketStream]) -> None:
        await stream.do_handshake()
        agreed.append(stream.selected_alpn_protocol())
        await stream.send_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    dialer = SocketDialer(ssl_context=ssl.create_default_context(cafile=str(certificate)))
    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(
            partial(trio.serve_ssl_over_tcp, accept, 0, context, host="127.0.0.1")
        )
        place = f"127.0.0.1:{listener.transport_listener.socket.getsockname()[1]}"
        await (await dialer.dial(f"tls://{place}")).aclose()
        with pytest.raises(OSError, match="WebSocket"):
            await dialer.dial_in(nursery, f"wss://{place}")
        await (await dialer.dial(f"tls://{place}")).aclose()
        nursery.cancel_scope.cancel()
    assert agreed == [PROTOCOL_NAME, "http/1.1", PROTOCOL_NAME]


@pytest.mark.parametrize("scheme", ["tls", "wss"])
async def test_a_certificate_nobody_trusts_is_refused(scheme: str, certificate: Path) -> None:
    """With a reason, which stands in the app's connection state."""
    async with serving(scheme, certificate) as url, trio.open_nursery() as nursery:
        with pytest.raises(OSError, match="certificate verify failed: self-signed certificate"):
            await SocketDialer().dial_in(nursery, url)


@pytest.mark.parametrize(
    ("answer", "reason"), [(b"no TLS at all", "TLS: wrong version number"), (b"", "TLS: unexpected eof")]
)
async def test_a_server_that_speaks_no_tls_is_named_as_that(answer: bytes, reason: str) -> None:
    async def say(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(answer)

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, say, 0, host="127.0.0.1"))
        with pytest.raises(OSError, match=reason):
            await SocketDialer().dial(f"tls://127.0.0.1:{listener.socket.getsockname()[1]}")
        nursery.cancel_scope.cancel()


async def test_a_closed_port_is_an_os_error(certificate: Path) -> None:
    async with serving("tcp", certificate) as url:
        pass
    with pytest.raises(OSError, match=r".+"):
        await SocketDialer().dial(url)


async def test_a_server_that_speaks_no_websocket_is_an_os_error_and_leaves_no_task(certificate: Path) -> None:
    async with serving("tcp", certificate) as url, trio.open_nursery() as nursery:
        with trio.fail_after(10), pytest.raises(OSError, match="WebSocket"):
            await SocketDialer().dial_in(nursery, url.replace("tcp:", "ws:"))
        assert not nursery.child_tasks


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 101 Switching", b"HTTP/1.1 101 OK\r\n\r\n", b"\0" * 9])
@pytest.mark.parametrize("listens", [False, True])
async def test_a_server_that_breaks_off_in_the_handshake_is_an_os_error_at_once(
    said: bytes, listens: bool
) -> None:
    async def answer(stream: trio.SocketStream) -> None:
        if listens:
            await stream.receive_some()
        await stream.send_all(said)

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, answer, 0, host="127.0.0.1"))
        with trio.fail_after(10), pytest.raises(OSError, match="WebSocket"):
            await SocketDialer().dial_in(nursery, f"ws://127.0.0.1:{listener.socket.getsockname()[1]}")
        nursery.cancel_scope.cancel()


async def test_the_source_address_is_the_one_asked_for() -> None:
    seen = []

    async def look(stream: trio.SocketStream) -> None:
        seen.append(stream.socket.getpeername()[0])

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, look, 0, host="127.0.0.1"))
        dialer = SocketDialer(source_address="127.0.0.9")
        stream = await dialer.dial(f"tcp://127.0.0.1:{listener.socket.getsockname()[1]}")
        assert await stream.receive_some() == b""
        await stream.aclose()
        nursery.cancel_scope.cancel()
    assert seen == ["127.0.0.9"]


async def test_other_urls_are_refused_with_a_hint() -> None:
    with pytest.raises(ValueError, match="tcp://"):
        await SocketDialer().dial("ftp://127.0.0.1")


async def test_a_refused_connection_says_so() -> None:
    """Not "all attempts failed": the reason stands in the app's connection state."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(OSError, match="refused"):
            await SocketDialer().dial(url)
