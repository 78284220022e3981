"""What the tus endpoints refuse: how, with which code, and that the answer says what to do."""

from collections.abc import AsyncIterator

import httpx
import pytest

from imserver.media import MediaBroken
from imserver.media.testing import picture
from tests.http.house import BODY, TUS, House, check_error

DATA = b"shoes in size 42"


async def test_every_request_needs_a_genuine_unexpired_ticket_for_this_upload(
    house: House, client: httpx.AsyncClient
) -> None:
    headers, path = house.ticket(len(DATA))
    _, other_path = house.ticket(len(DATA))
    for method, length in (("HEAD", {}), ("PATCH", BODY | {"Upload-Offset": "0"}), ("DELETE", {})):
        check_error(await client.request(method, path, headers=TUS | length), 401, "ticket_invalid")
        bad = headers["Authorization"][:-1]
        check_error(
            await client.request(method, path, headers=TUS | length | {"Authorization": bad}),
            401,
            "ticket_invalid",
        )
        check_error(
            await client.request(method, other_path, headers=headers | length), 404, "upload_not_found"
        )
        check_error(await client.request(method, path, headers=headers | length), 404, "upload_not_found")
    await client.post("/uploads", headers=headers | {"Upload-Length": str(len(DATA))})
    check_error(await client.head(other_path, headers=headers), 404, "upload_not_found")
    link = house.link("00" * 32).removeprefix("/media/")
    wrong_kind = TUS | {"Authorization": f"Bearer {link}", "Upload-Length": "1"}
    check_error(await client.post("/uploads", headers=wrong_kind), 401, "ticket_invalid")
    house.room.clock.now_ms += 48 * 3600 * 1000
    late = await client.head(path, headers=headers)
    check_error(late, 401, "ticket_expired")
    assert late.headers["WWW-Authenticate"] == "Bearer"


async def test_who_is_shut_out_uploads_nothing_whatever_ticket_he_has(
    house: House, client: httpx.AsyncClient
) -> None:
    headers, path = house.ticket(len(DATA))
    await client.post("/uploads", headers=headers | {"Upload-Length": str(len(DATA))})
    house.members.banned.add((1, "alice"))
    fresh, _ = house.ticket(1)
    for method, url, more in (
        ("POST", "/uploads", fresh | {"Upload-Length": "1"}),
        ("HEAD", path, headers),
        ("PATCH", path, headers | BODY | {"Upload-Offset": "0"}),
        ("DELETE", path, headers),
    ):
        check_error(await client.request(method, url, headers=more), 403, "upload_forbidden")
    house.members.banned.clear()
    done = await client.patch(path, headers=headers | BODY | {"Upload-Offset": "0"}, content=DATA)
    assert done.status_code == 204


async def test_a_ban_in_the_middle_of_a_body_ends_the_upload_there(
    house: House, client: httpx.AsyncClient
) -> None:
    headers, path = house.ticket(len(DATA))
    await client.post("/uploads", headers=headers | {"Upload-Length": str(len(DATA))})

    async def body() -> AsyncIterator[bytes]:
        yield DATA[:5]
        house.members.banned.add((1, "alice"))
        yield DATA[5:]

    patch = headers | BODY | {"Upload-Offset": "0"}
    check_error(await client.patch(path, headers=patch, content=body()), 403, "upload_forbidden")
    house.members.banned.clear()
    assert (await client.head(path, headers=headers)).headers["Upload-Offset"] == "5"


async def test_an_expired_ticket_renewed_goes_on_where_the_upload_was(
    house: House, client: httpx.AsyncClient
) -> None:
    headers, path = house.ticket(len(DATA))
    await client.post(
        "/uploads", headers=headers | BODY | {"Upload-Length": str(len(DATA))}, content=DATA[:5]
    )
    house.room.clock.now_ms += 48 * 3600 * 1000
    renewed, same_path = house.ticket(len(DATA), upload_id=path.removeprefix("/uploads/"))
    assert same_path == path
    assert (await client.head(path, headers=renewed)).headers["Upload-Offset"] == "5"


@pytest.mark.parametrize("upload_id", ["..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "x" * 5000, "%00", "0" * 32])
async def test_no_upload_id_in_a_path_reaches_the_disk(
    house: House, client: httpx.AsyncClient, upload_id: str
) -> None:
    headers, _ = house.ticket(len(DATA))
    response = await client.request("HEAD", f"/uploads/{upload_id}", headers=headers)
    assert response.status_code in {404, 405}


async def test_requests_that_break_the_rules_of_tus_are_told_which(
    house: House, client: httpx.AsyncClient
) -> None:
    headers, path = house.ticket(len(DATA))
    length = {"Upload-Length": str(len(DATA))}
    no_version = {name: value for name, value in headers.items() if name != "Tus-Resumable"}
    outdated = await client.post("/uploads", headers=no_version | length | {"Tus-Resumable": "0.2.2"})
    check_error(outdated, 412, "bad_request")
    assert outdated.headers["Tus-Version"] == "1.0.0"
    check_error(await client.post("/uploads", headers=no_version | length), 412, "bad_request")
    for bad in ({}, {"Upload-Length": "-1"}, {"Upload-Length": "1e3"}, {"Upload-Length": "9" * 400}):
        check_error(await client.post("/uploads", headers=headers | bad), 400, "bad_request")
    check_error(await client.post("/uploads", headers=headers | {"Upload-Length": "3"}), 400, "bad_request")
    await client.post("/uploads", headers=headers | length)
    check_error(
        await client.patch(path, headers=headers | {"Upload-Offset": "0"}, content=DATA), 415, "bad_request"
    )
    check_error(await client.patch(path, headers=headers | BODY, content=DATA), 400, "bad_request")
    check_error(await client.get(path, headers=headers), 405, "bad_request")
    check_error(await client.get("/nothing"), 404, "bad_request")


async def test_too_much_is_413_before_and_while_it_streams(house: House, client: httpx.AsyncClient) -> None:
    headers, path = house.ticket(len(DATA))
    too_long = headers | {"Upload-Length": str(100 * 1024 * 1024 + 1)}
    check_error(await client.post("/uploads", headers=too_long), 413, "too_large")
    await client.post("/uploads", headers=headers | {"Upload-Length": str(len(DATA))})
    patch = headers | BODY | {"Upload-Offset": "0"}
    check_error(await client.patch(path, headers=patch, content=DATA + b"!"), 413, "too_large")
    assert (await client.head(path, headers=headers)).headers["Upload-Offset"] == "0"

    async def unannounced() -> AsyncIterator[bytes]:
        yield DATA + b"!"

    check_error(await client.patch(path, headers=patch, content=unannounced()), 413, "too_large")


async def test_a_full_quota_is_507_and_says_what_to_do(house: House, client: httpx.AsyncClient) -> None:
    house.room.quota_bytes = 10
    headers, path = house.ticket(len(DATA))
    create = headers | BODY | {"Upload-Length": str(len(DATA))}
    check_error(await client.post("/uploads", headers=create, content=DATA), 507, "quota_exceeded")
    check_error(await client.head(path, headers=headers), 404, "upload_not_found")


async def test_a_truncated_image_is_422_telling_why_and_head_tells_it_too(
    house: House, client: httpx.AsyncClient
) -> None:
    data = picture("JPEG")[:-300]
    headers, path = house.ticket(len(data), mime="image/jpeg")
    await client.post("/uploads", headers=headers | {"Upload-Length": str(len(data))})
    refused = await client.patch(path, headers=headers | BODY | {"Upload-Offset": "0"}, content=data)
    check_error(refused, 422, "media_refused")
    assert "truncated" in refused.json()["message"]
    check_error(await client.head(path, headers=headers), 422, "media_refused")


async def test_a_broken_store_is_503(
    house: House, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(upload_id: str, meta: object) -> None:
        raise MediaBroken("fsync failed")

    monkeypatch.setattr(house.room.blobs, "stage", broken)
    headers, _ = house.ticket(len(DATA))
    response = await client.post("/uploads", headers=headers | {"Upload-Length": str(len(DATA))})
    check_error(response, 503, "media_broken")
    assert response.headers["Retry-After"] == "5"
    assert house.room.media.broken is not None
