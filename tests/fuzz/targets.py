"""What is fuzzed: functions of bytes that swallow typed errors only; one that raises has failed."""

import io
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import trio
from starlette.requests import Request

from improtocol import (
    unpack,
)
from improtocol.framing import frame_bytes
from imserver.app.admin import Admin
from imserver.app.control import _carry_out
from imserver.config.sources import ConfigError, load
from imserver.core import Core, SystemClock, TokenRefused, TokenVerifier
from imserver.gateway.websocket import WebSocketCodec
from imserver.http.disposition import content_disposition
from imserver.http.errors import BadRequest
from imserver.http.ranges import RangeUnsatisfiable, parse_range
from imserver.http.tus import TusUploads, _body_type, _check_length, _number
from imserver.media import MediaError, MediaLimits
from imserver.media.errors import MediaRefused
from imserver.media.inspect import inspect
from imserver.media.testing import MediaRoom, picture, wav
from imserver.storage.memory import MemoryStore
from imserver.storage.store import App, AppKey
from tests.fuzz import protocol_targets as protocol
from tests.fuzz.corpus import one_line, signer, spoken_by, tickets
from tests.security.doors import UPGRADE

KEY: Final = b"k" * 32


class Target(NamedTuple):
    """`run` must raise nothing; `seeds` are where mutation starts; `per_byte_max` bounds its memory."""

    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    #: Bytes held at once for a byte of input, above a fixed 256 KiB; 0: not bounded by the input's size.
    per_byte_max: int = 250


# The server's edges --------------------------------------------------------------------------------------


def websocket(data: bytes) -> None:
    codec = WebSocketCodec()
    taken = len(codec.receive(UPGRADE)) if data[:1] != b"G" else 0
    for begin in range(0, len(data), 97):
        if codec.closed:
            break
        taken += len(codec.receive(data[begin : begin + 97]))
        codec.to_send()
    codec.encode(b"x")
    codec.close()
    assert taken <= len(data)


@cache
def _uploads() -> TusUploads:
    class Anybody:
        def may_upload(self, *_: object) -> bool:
            return True

    return TusUploads(MediaRoom().media, Anybody(), None, 1)  # type: ignore[arg-type]


def upload_headers(data: bytes) -> None:
    lines = [line.partition(b":") for line in data.split(b"\n")]
    headers = [(name.strip().lower(), value.strip()) for name, _, value in lines]
    request = Request(
        {"type": "http", "method": "POST", "path": "/uploads", "headers": headers, "path_params": {}}
    )
    ticket = None
    for read in (lambda: _number(request, "Upload-Length"), lambda: _number(request, "Upload-Offset")):
        try:
            assert 0 <= read() < 10**15
        except BadRequest as error:
            assert one_line(error)  # noqa: PT017
    _body_type(request)
    try:
        ticket = _uploads()._ticket(request)
        _check_length(request, 0, ticket)
    except MediaError as error:
        assert one_line(error)  # noqa: PT017


def ranges_and_names(data: bytes) -> None:
    text = data.decode("latin-1")
    try:
        part = parse_range(text, 1000)
        assert part is None or (part.length > 0 and part.start + part.length <= 1000)
    except RangeUnsatisfiable:
        pass
    for name in (text, data.decode("utf-8", "surrogatepass") if _is_wtf8(data) else "x"):
        header = content_disposition(inline=False, name=name)
        assert header.isascii()
        assert header.isprintable()
        assert header.startswith("attachment")
        assert "/" not in header.partition("filename*=")[0]


def _is_wtf8(data: bytes) -> bool:
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def ticket_texts(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    for read in (signer().open_upload, signer().open_link):
        try:
            read(text)
        except MediaError:
            continue
        assert data in tickets(), "a forged ticket opened"


@cache
def _verifier() -> TokenVerifier:
    verifier = TokenVerifier()
    app = App(id=1, name="shop", created_ms=1, media_bytes_max=1)
    verifier.replace([app], [AppKey(app=1, kid="1", algorithm="HS256", key=KEY, created_ms=1)])
    return verifier


def tokens(data: bytes) -> None:
    try:
        _verifier().verify(data.decode("utf-8", "surrogateescape"))
    except TokenRefused as refused:
        assert one_line(refused.reason)  # noqa: PT017


@cache
def _config_file() -> Path:
    return Path(tempfile.mkdtemp(prefix="fuzz-")) / "im.toml"


def config_toml(data: bytes) -> None:
    _config_file().write_bytes(data)
    try:
        load(_config_file(), environment={})
    except ConfigError as error:
        assert str(error)  # noqa: PT017


def control_lines(data: bytes) -> None:
    async def changed() -> None:
        pass

    store = MemoryStore()
    core = Core(store, TokenVerifier())
    admin = Admin(store, core, clock=SystemClock(), media_quota_bytes=10**9, changed=changed)
    answer = trio.run(_carry_out, data, admin)
    assert set(answer) <= {"ok", "error"}
    assert len(answer) == 1


def media_content(data: bytes) -> None:
    for claimed in ("image/png", "application/octet-stream"):
        with suppress(MediaRefused):
            inspect(io.BytesIO(data), len(data), claimed, MediaLimits(image_pixels_max=200_000))


def _payloads(side: str) -> list[bytes]:
    return [data[1 if data[:1] < b"\x80" else 2 :] for data in spoken_by(side)]


def _parts() -> list[bytes]:
    """What the vectors' frames hold, as values of their own."""
    from improtocol import pack

    found = []
    for payload in _payloads("client") + _payloads("server"):
        try:
            value = unpack(payload)
        except ValueError:
            continue
        found += [pack(part) for part in value if isinstance(part, list)] if isinstance(value, list) else []
    return found


def _entries() -> list[bytes]:
    return [bytes((kind,)) + part for kind in range(11) for part in _parts()[:20]]


def _jwt() -> list[bytes]:
    from imserver.core import sign_token

    token = sign_token(app="shop", user="a", kid="1", algorithm="HS256", key=KEY, now_s=1, lifetime_s=10**12)
    return [token.encode(), b"e30.e30.e30"]


def _example() -> list[bytes]:
    text = (Path(__file__).parents[2] / "imserver.example.toml").read_bytes()
    return [line + b"\n" for line in text.splitlines() if b"=" in line or line.startswith(b"[")]


TARGETS: Final[dict[str, Target]] = {
    "framing": Target(protocol.framing, lambda: spoken_by("client")),
    "server_first_frame": Target(protocol.server_first_frame, lambda: spoken_by("client")),
    "server_frames": Target(protocol.server_frames, lambda: spoken_by("client")),
    "client_frames": Target(protocol.client_frames, lambda: spoken_by("server")),
    "bodies": Target(protocol.bodies, _parts),
    "entries": Target(
        protocol.entries, lambda: [bytes((n,)) + part for n in range(11) for part in _parts()[:20]]
    ),
    "event_codec": Target(protocol.event_codec, lambda: [frame_bytes(part)[1:] for part in _parts()]),
    "pages_and_questions": Target(protocol.pages_and_questions, _parts, 2000),
    "websocket": Target(
        websocket, lambda: [b"\x82\x84\0\0\0\0abcd", b"\x02\x82\0\0\0\0ab\x80\x80\0\0\0\0", UPGRADE]
    ),
    "upload_headers": Target(
        upload_headers,
        lambda: [
            b"Upload-Length: 10\nTus-Resumable: 1.0.0\nContent-Length: 3\nAuthorization: Bearer "
            + tickets()[0],
            b"Upload-Offset: 5\nContent-Type: application/offset+octet-stream; charset=x",
        ],
    ),
    "ranges_and_names": Target(
        ranges_and_names, lambda: [b"bytes=0-5", b"bytes=-1", b"a.txt", "文.png".encode()]
    ),
    "ticket_texts": Target(ticket_texts, lambda: list(tickets())),
    "tokens": Target(tokens, _jwt),
    "config_toml": Target(config_toml, _example, 0),
    "control_lines": Target(
        control_lines,
        lambda: [
            b'{"do": "app_create", "name": "shoes", "media_quota_bytes": 5}\n',
            b'{"do": "key_add", "app": "shoes", "algorithm": "EdDSA", "public_key": "x"}\n',
            b'{"do": "app_list"}\n',
        ],
    ),
    "media_content": Target(
        media_content, lambda: [picture("PNG"), wav(20)[:2000], b"GIF89a" + bytes(20), b"\xff\xd8\xff"], 0
    ),
}
