"""HTTP as the transfers need it: no redirects, no proxies, bounded answers, typed errors."""

import json
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Final

import httpx
import trio

from improtocol import Code
from improtocol.limits import RETRY_AFTER_MS_MAX
from imsdk.errors import ImError, TransferInterrupted, TransferRefused

#: Of an answer that says what went wrong, no more is read.
ERROR_BYTES_MAX: Final = 4096
ERROR_S_MAX: Final = 5.0
CONNECT_S_MAX: Final = 10.0
SILENCE_S_MAX: Final = 30.0
CONNECTIONS_MAX: Final = 8
_TIMEOUT: Final = httpx.Timeout(SILENCE_S_MAX, connect=CONNECT_S_MAX, pool=None)

#: What a status that will not change by itself means.
_REFUSALS: Final = {
    403: Code.FORBIDDEN,
    404: Code.NOT_FOUND,
    413: Code.TOO_LARGE,
    507: Code.QUOTA,
}
#: Statuses that may be another one next time, besides 3xx and 5xx.
_PASSING: Final = frozenset({401, 408, 409, 410, 423, 425, 429})


class Answer:
    """An HTTP answer whose body is read on demand, as it came over the wire."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._chunks: AsyncIterator[bytes] | None = None
        self.status = response.status_code
        self.headers = response.headers

    async def read_some(self) -> bytes:
        """More of the body; b"" at its end."""
        if self._chunks is None:
            self._chunks = self._response.aiter_raw()
        return await anext(self._chunks, b"")

    async def read_bounded(self, bytes_max: int) -> bytes:
        """The body up to its end or `bytes_max` bytes."""
        body = b""
        while len(body) < bytes_max and (more := await self.read_some()):
            body += more
        return body[:bytes_max]

    async def aclose(self) -> None:
        """Let go of the connection, whatever is left of the body."""
        with trio.CancelScope(shield=True):
            await self._response.aclose()
            # httpx nests async generators, and trio warns of those that were left in the middle. Reading on
            # from the closed connection ends them all, after what is still buffered.
            with suppress(httpx.HTTPError, httpx.StreamError, trio.ClosedResourceError):
                while self._chunks is not None and await self.read_some():
                    pass


class Web:
    """An HTTP client for one transfer after the other; opened at the first request.

    Proxies and certificates named in the environment are not used, as the chat connection does not use them
    either. A redirect is never followed: a captive portal's is no answer of the server.
    """

    def __init__(
        self,
        *,
        ssl_context: ssl.SSLContext | None = None,
        source_address: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._ssl_context = ssl_context
        self._source_address = source_address
        self._transport = transport
        self._client: httpx.AsyncClient | None = None

    @asynccontextmanager
    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: httpx.AsyncByteStream | None = None,
    ) -> AsyncIterator[Answer]:
        """Send a request; yields the answer before its body is read.

        Raises:
            TransferInterrupted: the network failed, also while the caller reads the body.
            TransferRefused: the URL is not one of HTTP, or of a host that cannot be.
        """
        client = self._client = self._client or self._open()
        with _network_errors():
            target = httpx.URL(url)
            if target.scheme not in {"http", "https"}:
                raise TransferRefused(f"the server named a URL that is not one of HTTP: {url!r:.80}")
            if self._transport is None and target.host.endswith(".invalid"):  # RFC 6761: no host ever
                give = "transfers=server.transfers()"
                raise TransferRefused(f"{target.host} is the server of imsdk.testing: give connect {give}")
            # Built by hand, because the client would wrap the body into an async generator, and trio warns of
            # those that a broken connection leaves in the middle.
            request = httpx.Request(
                method,
                target,
                headers={"Host": target.netloc.decode("ascii"), **headers},
                stream=httpx.ByteStream(b"") if content is None else content,
                extensions={"timeout": _TIMEOUT.as_dict()},
            )
            answer = Answer(await client.send(request, stream=True))
            try:
                yield answer
            finally:
                await answer.aclose()

    async def aclose(self) -> None:
        """Let go of connections."""
        if self._client is not None:
            await self._client.aclose()

    def _open(self) -> httpx.AsyncClient:
        transport = self._transport or httpx.AsyncHTTPTransport(
            # The system's trust, as for the chat connection; httpx would bring its own list.
            verify=self._ssl_context or ssl.create_default_context(),
            limits=httpx.Limits(max_connections=CONNECTIONS_MAX),
            local_address=self._source_address,
        )
        return httpx.AsyncClient(transport=transport, trust_env=False, follow_redirects=False)


@contextmanager
def _network_errors() -> Iterator[None]:
    try:
        yield
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise TransferRefused(f"the server named a URL that is none: {error}") from error
    except (httpx.HTTPError, httpx.StreamError, trio.BrokenResourceError) as error:
        raise TransferInterrupted(f"the network failed: {type(error).__name__}: {error}") from error


async def error_of(answer: Answer) -> ImError:
    """The typed error for an answer that is not what was asked for, with the server's own words if any."""
    status = answer.status
    words = ""
    with trio.move_on_after(ERROR_S_MAX), suppress(httpx.HTTPError, httpx.StreamError):
        words = _words(await answer.read_bounded(ERROR_BYTES_MAX))
    reason = f"the server answered {status}" + (f": {words}" if words else "")
    if 400 <= status < 500 and status not in _PASSING:
        return TransferRefused(reason, _REFUSALS.get(status, Code.INVALID))
    if status in _REFUSALS:
        return TransferRefused(reason, _REFUSALS[status])
    return TransferInterrupted(reason, _retry_after_ms(answer))


def _words(body: bytes) -> str:
    try:
        value = json.loads(body)
    except ValueError:
        return ""
    message = value.get("message") if isinstance(value, dict) else None
    return message[:200] if isinstance(message, str) else ""


def _retry_after_ms(answer: Answer) -> int:
    """The server's Retry-After in seconds; its other form, a date, would need a right clock (G14)."""
    text: str = answer.headers.get("Retry-After", "")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        return 0
    return min(int(text) * 1000, RETRY_AFTER_MS_MAX)
