"""Uploads as weapons: bombs, active content, names and ids with paths."""

import io
import struct
import zlib
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imserver.media import MediaRefused
from imserver.media.disk import DiskBlobStore
from imserver.media.inspect import inspect
from imserver.media.limits import MediaLimits
from imserver.media.testing import MediaRoom
from tests.http.house import BODY, TUS, House

ACTIVE = {
    "html": b"<!doctype html><script>document.title='PWNED'</script>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="document.title=1"><script>1</script></svg>',
    "xml": b'<?xml version="1.0"?><?xml-stylesheet href="javascript:1"?><a xmlns:xlink="x"/>',
    "xhtml": b'<html xmlns="http://www.w3.org/1999/xhtml"><script>document.title="PWNED"</script></html>',
    "html behind a gif's signature": b"GIF89a/*" + b"<script>document.title='PWNED'</script>",
    "html behind a png's signature": b"\x89PNG\r\n\x1a\n<script>document.title='PWNED'</script>",
    "html behind an mp4's head": b"\0\0\0\x18ftypisom\0\0\0\0<script>document.title='PWNED'</script>",
    "html behind an mp3's head": b"ID3<script>document.title='PWNED'</script>",
    "pdf with script": b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj",
    "mhtml": b"MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<script>document.title='PWNED'</script>",
}
CLAIMS = ["text/html", "image/svg+xml", "application/xhtml+xml", "text/plain", "video/mp4", "../../x", ""]


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *, chunks: bytes = b"", rows: bytes | None = None) -> bytes:
    """A black picture: 1 bit a pixel, compressed a thousandfold."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    if rows is None:
        packer = zlib.compressobj(9)
        row = bytes(1 + (width + 7) // 8)
        rows = b"".join(packer.compress(row) for _ in range(min(height, 8000))) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + head + chunks + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


TEXT_BOMB = b"Comment\0\0" + zlib.compress(bytes(64 * 2**20), 9)
BOMBS = {
    "65,535 x 65,535 pixels": lambda: png(65_535, 65_535),
    "2^31 pixels wide": lambda: png(2**31 - 1, 1, rows=b""),
    "pixels just above the limit": lambda: png(50_001, 1_000),
    "no pixels": lambda: png(0, 0, rows=b""),
    "a text that inflates to 64 MiB": lambda: png(8, 8, chunks=chunk(b"zTXt", TEXT_BOMB)),
    "many texts that inflate to 64 MiB": lambda: png(8, 8, chunks=chunk(b"zTXt", TEXT_BOMB) * 20),
    "a colour profile that inflates to 64 MiB": lambda: png(8, 8, chunks=chunk(b"iCCP", TEXT_BOMB)),
    "a gif of 65,535 x 65,535": lambda: (
        b"GIF89a\xff\xff\xff\xff\x80\0\0" + bytes(6) + b",\0\0\0\0\xff\xff\xff\xff\0\x02\x02D\x01\0;"
    ),
    "a gif of 100,000 frames": lambda: (
        b"GIF89a\1\0\1\0\x80\0\0" + bytes(6) + b",\0\0\0\0\1\0\1\0\0\x02\x02D\x01\0" * 100_000 + b";"
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_image_bomb_costs_bounded_memory(name: str) -> None:
    """Pixels are counted before they are decoded; texts and profiles are inflated up to a bound."""
    import tracemalloc

    data = BOMBS[name]()
    tracemalloc.start()
    try:
        try:
            found = inspect(io.BytesIO(data), len(data), "image/png", MediaLimits())
            assert found.mime.startswith("image/")
        except MediaRefused as refused:
            assert "\n" not in str(refused)  # noqa: PT017 - both ends are fine
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 80 * 2**20 + 2 * len(data), peak


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize("name", ACTIVE)
async def test_active_content_is_never_served_so_that_a_browser_runs_it(name: str, claim: str) -> None:
    """Whatever it claims: another type, saved instead of shown, not sniffed, and in a sandbox if shown."""
    house = House()
    async with house.client() as client:
        done = await house.upload(client, ACTIVE[name], mime=claim, name="x.html")
        if done.status_code == 422:
            return  # sent as an image, and is none
        served = await client.get(house.link(done.headers["Media-Id"], name="x.html"))
    headers = served.headers
    assert served.content == ACTIVE[name]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    kind = headers["Content-Type"]
    if headers["Content-Disposition"].startswith("inline"):
        assert kind.startswith(("image/jpeg", "image/png", "image/gif", "image/webp", "audio/", "video/"))
    else:
        assert kind == "application/octet-stream"
        assert headers["Content-Disposition"].startswith("attachment")


PATHS = [
    "../../etc/passwd",
    "..\\..\\x",
    "/etc/passwd",
    "a/b",
    "\0",
    "..",
    ".",
    "con",
    "a\r\nSet-Cookie: x=1",
    "\u202egpj.exe",
]


@pytest.mark.parametrize("name", PATHS)
async def test_path_in_a_media_name_reaches_no_header_and_no_disk(tmp_path: Path, name: str) -> None:
    house = House(room=MediaRoom(DiskBlobStore(tmp_path / "media")))
    before = sorted(tmp_path.parent.iterdir())
    async with house.client() as client:
        done = await house.upload(client, b"some bytes", name=name)
        served = await client.get(house.link(done.headers["Media-Id"], name=name))
    disposition = served.headers["Content-Disposition"]
    assert disposition.isascii()
    assert disposition.isprintable()
    assert not {"/", "\\", "\0"} & set(disposition.partition("filename*=")[0])
    assert "%2F" not in disposition.upper()
    assert "set-cookie" not in served.headers
    assert sorted(tmp_path.parent.iterdir()) == before
    names = {file.name for file in (tmp_path / "media").rglob("*") if file.is_file()}
    assert all(part.isalnum() for name in names for part in name.split("."))


UPLOAD_IDS = [
    "..",
    "../x",
    "..%2fx",
    "%2e%2e",
    "a" * 32,
    "A" * 32,
    "0" * 31,
    "0" * 33,
    "%00",
    "*",
    "con",
    ".",
]


@pytest.mark.parametrize("upload_id", UPLOAD_IDS)
@pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE"])
async def test_path_in_an_upload_id_finds_nothing(tmp_path: Path, upload_id: str, method: str) -> None:
    house = House(room=MediaRoom(DiskBlobStore(tmp_path / "media")))
    (tmp_path / "x").write_text("not yours")
    headers, _ = house.ticket(5)
    async with house.client() as client:
        url = httpx.URL(house.base_url).copy_with(raw_path=f"/uploads/{upload_id}".encode())
        answer = await client.request(
            method, url, headers=headers | BODY | {"Upload-Offset": "0"}, content=b"12345"
        )
    assert answer.status_code in {404, 405}
    assert (tmp_path / "x").read_text() == "not yours"


@given(upload_id=st.text(max_size=40))
def test_no_text_but_32_hex_digits_is_an_upload_id(upload_id: str) -> None:
    from imserver.media.disk import _UPLOAD_ID

    accepted = _UPLOAD_ID.fullmatch(upload_id) is not None
    assert accepted == (len(upload_id) == 32 and set(upload_id) <= set("0123456789abcdef"))


async def test_every_ticket_swapped_for_a_foreign_one_looks_like_none() -> None:
    """Another user's, another tenant's, another upload's: the same answer as for an upload that never was."""
    house = House()
    async with house.client() as client:
        mine, path = house.ticket(10)
        await client.post("/uploads", headers=mine | {"Upload-Length": "10"})
        answers = set()
        for claims in ({}, {"user": "mallory"}, {"app": 2}, {"user": "mallory", "app": 2}):
            theirs, _ = house.ticket(10, **claims)
            for method, more in (("HEAD", {}), ("PATCH", BODY | {"Upload-Offset": "0"}), ("DELETE", {})):
                refused = await client.request(method, path, headers=theirs | more)
                never = await client.request(method, "/uploads/" + "0" * 32, headers=theirs | more)
                assert (refused.status_code, refused.content) == (never.status_code, never.content)
                answers.add(refused.status_code)
        assert answers == {404}
        for wrong in ("", "Bearer", "Bearer x", "Basic x", "Bearer " + "x" * 9000):
            refused = await client.head(path, headers=TUS | ({"Authorization": wrong} if wrong else {}))
            assert refused.status_code == 401


async def test_every_link_swapped_for_a_foreign_one_looks_like_none() -> None:
    house = House()
    async with house.client() as client:
        done = await house.upload(client, b"for bob")
        media = done.headers["Media-Id"]
        never = await client.get(house.link("00" * 32))
        for link in (
            house.link(media, user="mallory"),
            house.link(media, app=2),
            house.link(media, variant="thumbnail"),
            house.link(media)[:-4] + "AAAA",
            "/media/" + "x" * 100,
        ):
            foreign = await client.get(link)
            assert (
                (foreign.status_code, foreign.content)
                == (never.status_code, never.content)
                == (404, never.content)
            )
        assert (await client.get(house.link(media))).content == b"for bob"
