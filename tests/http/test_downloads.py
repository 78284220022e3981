"""Downloads: only members, at every request; ranges; nothing that a browser could run."""

import hashlib

import httpx
import pytest
import trio

from imserver.media import THUMBNAIL, BlobInfo
from imserver.media.testing import picture, wav
from tests.http.house import House

DATA = bytes(range(256)) * 4
HTML = b"<!doctype html><script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


async def uploaded(house: House, client: httpx.AsyncClient, data: bytes = DATA, **claims: object) -> str:
    """The media id."""
    done = await house.upload(client, data, **claims)
    assert done.status_code == 204, done.text
    return str(done.headers["Media-Id"])


async def test_a_member_gets_the_bytes_hardened_against_the_browser(
    house: House, client: httpx.AsyncClient
) -> None:
    media_id = await uploaded(house, client)
    response = await client.get(house.link(media_id))
    assert (response.status_code, response.content) == (200, DATA)
    assert response.headers["ETag"] == f'"{media_id}"'
    assert response.headers["Content-Length"] == str(len(DATA))
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response.headers["Cache-Control"] == "private, max-age=86400, immutable"
    assert response.headers["Content-Disposition"] == "attachment"


async def test_head_tells_the_same_without_the_bytes(house: House, client: httpx.AsyncClient) -> None:
    link = house.link(await uploaded(house, client))
    get, head = await client.get(link), await client.head(link)
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers == get.headers


async def test_the_thumbnail_is_a_blob_of_its_own(house: House, client: httpx.AsyncClient) -> None:
    done = await house.upload(client, picture("PNG", (640, 480), "RGBA"), mime="image/png")
    response = await client.get(house.link(done.headers["Media-Id"], variant=THUMBNAIL))
    assert (response.status_code, response.headers["Content-Type"]) == (200, "image/png")
    assert hashlib.sha256(response.content).hexdigest() == done.headers["Media-Thumbnail"]
    assert response.headers["Content-Disposition"] == "inline"
    text = await uploaded(house, client)
    assert (await client.get(house.link(text, variant=THUMBNAIL))).status_code == 404


# Who may ---------------------------------------------------------------------------------------------------


async def test_a_removed_members_old_link_is_dead_at_once(house: House, client: httpx.AsyncClient) -> None:
    link = house.link(await uploaded(house, client))
    assert (await client.get(link)).status_code == 200
    house.members.readers.remove((1, "bob", 5))
    for request in (client.get(link), client.head(link), client.get(link, headers={"Range": "bytes=0-0"})):
        response = await request
        assert response.status_code == 404
        assert DATA[:20] not in response.content
    cached = await client.get(link, headers={"If-None-Match": "*"})
    assert cached.status_code == 404


async def test_a_member_removed_in_the_middle_of_a_long_download_gets_no_more_than_a_mebibyte(
    house: House, client: httpx.AsyncClient
) -> None:
    media_id = await uploaded(house, client, bytes(5 * 1024 * 1024))

    def leave_at_the_second_question(asked: int) -> None:
        if asked == 2:
            house.members.readers.clear()

    house.members.on_ask = leave_at_the_second_question
    got = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        got.append(message)

    await house.app(_get(house.link(media_id)), _once(receive), send)  # type: ignore[arg-type]
    bodies = [message["body"] for message in got if message["type"] == "http.response.body"]
    assert sum(len(body) for body in bodies) == 1024 * 1024  # type: ignore[arg-type]
    assert got[-1]["more_body"] is True, "an end would make the short body look whole"


def _get(path: str) -> dict[str, object]:
    fields = {"type": "http", "http_version": "1.1", "method": "GET", "path": path, "raw_path": path.encode()}
    return fields | {"query_string": b"", "headers": []}


def _once(receive: object) -> object:
    """The request's end once, then silence, as a server does while the client listens."""
    done = False

    async def once() -> object:
        nonlocal done
        if done:
            await trio.sleep_forever()
        done = True
        return await receive()  # type: ignore[operator]

    return once


async def test_foreign_forged_and_missing_look_the_same(house: House, client: httpx.AsyncClient) -> None:
    media_id = await uploaded(house, client)
    link = house.link(media_id)
    answers = [
        await client.get(path)
        for path in (
            house.link(media_id, user="mallory"),
            house.link(media_id, app=2),
            house.link("00" * 32),
            link[:-1] + ("A" if link[-1] != "A" else "B"),
            "/media/x",
            "/media/%2e%2e",
            "/media/" + "A" * 4000,
        )
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1


async def test_another_apps_member_cannot_read_by_hash(house: House, client: httpx.AsyncClient) -> None:
    """The same conversation number and user name in another app, a valid link, and still nothing."""
    media_id = await uploaded(house, client)
    house.members.readers.add((2, "bob", 5))
    assert (await client.get(house.link(media_id, app=2))).status_code == 404


async def test_an_expired_link_says_so_but_only_if_it_was_genuine(
    house: House, client: httpx.AsyncClient
) -> None:
    link = house.link(await uploaded(house, client))
    house.room.clock.now_ms += house.room.limits.link_ms
    expired = await client.get(link)
    assert expired.status_code == 410
    assert expired.headers["Cache-Control"] == "no-store"
    assert (await client.get(link + "A")).status_code == 404


# Ranges ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, 1024),
        ("bytes=10-19", 10, 20),
        ("bytes=1000-5000", 1000, 1024),
        ("bytes=1023-", 1023, 1024),
        ("bytes=-1", 1023, 1024),
        ("bytes=-5000", 0, 1024),
        ("Bytes = 1-2".replace(" ", ""), 1, 3),
    ],
)
async def test_a_single_range_is_answered_with_206(
    house: House, client: httpx.AsyncClient, header: str, start: int, end: int
) -> None:
    link = house.link(await uploaded(house, client))
    response = await client.get(link, headers={"Range": header})
    assert response.status_code == 206
    assert response.content == DATA[start:end]
    assert response.headers["Content-Range"] == f"bytes {start}-{end - 1}/1024"
    assert response.headers["Content-Length"] == str(end - start)


@pytest.mark.parametrize("header", ["bytes=1024-", "bytes=5000-6000", "bytes=-0"])
async def test_a_range_behind_the_end_is_416_with_the_size(
    house: House, client: httpx.AsyncClient, header: str
) -> None:
    response = await client.get(house.link(await uploaded(house, client)), headers={"Range": header})
    assert (response.status_code, response.headers["Content-Range"]) == (416, "bytes */1024")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=5-1",
        "lines=0-1",
        "bytes=0-1,3-4",
        "bytes=0-1;",
        "bytes=+1-2",
        "bytes=1-²",
    ],
)
async def test_a_header_that_is_no_single_range_gets_the_whole(
    house: House, client: httpx.AsyncClient, header: str
) -> None:
    link = house.link(await uploaded(house, client))
    response = await client.get(link, headers=[(b"Range", header.encode())])
    assert (response.status_code, response.content) == (200, DATA)
    assert "Content-Range" not in response.headers


async def test_if_range_guards_a_range_by_the_tag(house: House, client: httpx.AsyncClient) -> None:
    media_id = await uploaded(house, client)
    link = house.link(media_id)
    for tag, status in (
        (f'"{media_id}"', 206),
        ('"other"', 200),
        (f'W/"{media_id}"', 200),
        ("Tue, 01 Jan 2030", 200),
    ):
        response = await client.get(link, headers={"Range": "bytes=0-9", "If-Range": tag})
        assert (response.status_code, len(response.content)) == (status, 10 if status == 206 else 1024)


async def test_what_the_client_has_is_not_sent_again(house: House, client: httpx.AsyncClient) -> None:
    media_id = await uploaded(house, client)
    link = house.link(media_id)
    for tags, status in (
        (f'"{media_id}"', 304),
        (f'W/"{media_id}"', 304),
        (f'"a", "{media_id}"', 304),
        ('"a"', 200),
    ):
        assert (await client.get(link, headers={"If-None-Match": tags})).status_code == status


async def test_a_download_resumed_with_ranges_is_the_whole(house: House, client: httpx.AsyncClient) -> None:
    link = house.link(await uploaded(house, client))
    got = b""
    while len(got) < len(DATA):
        part = await client.get(link, headers={"Range": f"bytes={len(got)}-{len(got) + 99}"})
        got += part.content
    assert got == DATA


# What is shown in place ------------------------------------------------------------------------------------


@pytest.mark.parametrize("claimed", ["text/html", "image/svg+xml", "application/octet-stream", "audio/wav"])
@pytest.mark.parametrize("data", [HTML, SVG], ids=["html", "svg"])
async def test_html_and_svg_are_attachments_whatever_they_claim(
    house: House, client: httpx.AsyncClient, data: bytes, claimed: str
) -> None:
    media_id = await uploaded(house, client, data, mime=claimed)
    response = await client.get(house.link(media_id, name="page.html"))
    assert response.content == data
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["Content-Disposition"] == 'attachment; filename="page.html"'


@pytest.mark.parametrize(
    ("data", "mime"),
    [(picture("JPEG"), "image/jpeg"), (picture("GIF"), "image/gif"), (wav(100), "audio/wav")],
    ids=["jpeg", "gif", "wav"],
)
async def test_known_safe_types_are_shown_in_place_as_decoded_not_as_claimed(
    house: House, client: httpx.AsyncClient, data: bytes, mime: str
) -> None:
    media_id = await uploaded(house, client, data, mime="text/html")
    response = await client.get(house.link(media_id, name="x.html"))
    assert response.headers["Content-Type"] == mime
    assert response.headers["Content-Disposition"].startswith("inline")


async def test_a_type_that_is_not_known_to_be_safe_is_not_shown_even_if_the_catalog_names_it(
    house: House, client: httpx.AsyncClient
) -> None:
    """A catalog may have been filled by an older version or by hand."""
    sha256 = await house.room.blobs.put(HTML)
    await house.room.catalog.put_blob(1, BlobInfo(sha256=sha256, size_bytes=len(HTML), mime="text/html"))
    response = await client.get(house.link(sha256.hex()))
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["Content-Disposition"] == "attachment"


async def test_the_name_offered_for_saving_is_the_links(house: House, client: httpx.AsyncClient) -> None:
    media_id = await uploaded(house, client)
    response = await client.get(house.link(media_id, name='鞋 "42"\r\nSet-Cookie: a=b.pdf'))
    assert "Set-Cookie" not in response.headers
    assert response.headers["Content-Disposition"] == (
        'attachment; filename="_ _42___Set-Cookie: a=b.pdf"; '
        "filename*=UTF-8''%E9%9E%8B%20%2242%22__Set-Cookie%3A%20a%3Db.pdf"
    )
