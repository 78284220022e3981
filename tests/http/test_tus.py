"""The tus endpoints: discovery, creation, going on after any cut, errors that say what to do."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Message

from imserver.http import create_app
from imserver.media import MediaLimits
from imserver.media.testing import MediaRoom, picture
from tests.http.house import BODY, TUS, House, check_error

DATA = b"shoes in size 42"


async def test_options_tells_the_version_the_extensions_and_the_largest_size(
    client: httpx.AsyncClient,
) -> None:
    response = await client.options("/uploads")
    assert response.status_code == 204
    assert response.headers["Tus-Version"] == "1.0.0"
    assert response.headers["Tus-Extension"] == "creation,creation-with-upload,expiration,termination"
    assert response.headers["Tus-Max-Size"] == str(100 * 1024 * 1024)


async def test_an_upload_in_one_go_answers_with_what_it_became(
    house: House, client: httpx.AsyncClient
) -> None:
    data = picture("JPEG", (640, 480))
    done = await house.upload(client, data, mime="image/jpeg")
    assert done.status_code == 204
    assert done.headers["Upload-Offset"] == str(len(data))
    assert done.headers["Media-Id"] == hashlib.sha256(data).hexdigest()
    assert (done.headers["Media-Type"], done.headers["Media-Size"]) == ("image/jpeg", str(len(data)))
    assert (done.headers["Media-Width"], done.headers["Media-Height"]) == ("640", "480")
    assert len(done.headers["Media-Thumbnail"]) == 64


async def test_creating_answers_with_the_place_and_repeating_it_with_the_same_place(
    house: House, client: httpx.AsyncClient
) -> None:
    headers, path = house.ticket(len(DATA))
    for _ in range(2):
        created = await client.post("/uploads", headers=headers | {"Upload-Length": str(len(DATA))})
        assert (created.status_code, created.headers["Location"]) == (201, path)
        assert created.headers["Upload-Offset"] == "0"
        assert created.headers["Upload-Expires"].endswith("GMT")


async def test_creation_may_carry_the_first_bytes_or_all(house: House, client: httpx.AsyncClient) -> None:
    headers, path = house.ticket(len(DATA))
    create = headers | BODY | {"Upload-Length": str(len(DATA))}
    created = await client.post("/uploads", headers=create, content=DATA[:5])
    assert (created.status_code, created.headers["Upload-Offset"]) == (201, "5")
    again = await client.post("/uploads", headers=create, content=DATA[:5])
    assert (again.status_code, again.headers["Upload-Offset"]) == (201, "5")
    done = await client.patch(path, headers=headers | BODY | {"Upload-Offset": "5"}, content=DATA[5:])
    assert done.headers["Media-Id"] == hashlib.sha256(DATA).hexdigest()


async def test_head_of_a_finished_upload_tells_the_id_for_a_client_that_lost_the_answer(
    house: House, client: httpx.AsyncClient
) -> None:
    headers, path = house.ticket(len(DATA))
    await client.post("/uploads", headers=headers | {"Upload-Length": str(len(DATA))})
    await client.patch(path, headers=headers | BODY | {"Upload-Offset": "0"}, content=DATA)
    head = await client.head(path, headers=headers)
    assert head.status_code == 200
    assert (head.headers["Upload-Offset"], head.headers["Upload-Length"]) == (str(len(DATA)),) * 2
    assert head.headers["Media-Id"] == hashlib.sha256(DATA).hexdigest()
    assert head.headers["Cache-Control"] == "no-store"


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 5000), max_size=10).map(sorted))
def test_a_body_cut_at_any_bytes_goes_on_from_the_offset_the_server_tells(cuts: list[int]) -> None:
    data = hashlib.sha256(b"x").digest() * 160
    assert len(data) > 5000

    async def main() -> None:
        house = _house(limits=MediaLimits(append_bytes=512))
        headers, path = house.ticket(len(data))
        async with house.client() as client:
            await client.post("/uploads", headers=headers | {"Upload-Length": str(len(data))})
            for cut in cuts:
                offset = int((await client.head(path, headers=headers)).headers["Upload-Offset"])
                sent = await _cut_patch(house.app, path, headers, offset, data[offset:cut])
                assert sent == 408
                head = await client.head(path, headers=headers)
                assert int(head.headers["Upload-Offset"]) == max(offset, cut)
            offset = int((await client.head(path, headers=headers)).headers["Upload-Offset"])
            patch = headers | BODY | {"Upload-Offset": str(offset)}
            done = await client.patch(path, headers=patch, content=data[offset:])
            assert done.headers["Media-Id"] == hashlib.sha256(data).hexdigest()

    trio.run(main)


def _house(**room: Any) -> House:
    return House(room=MediaRoom(**room))


async def _cut_patch(app: Any, path: str, headers: dict[str, str], offset: int, data: bytes) -> int:
    """A client that vanishes in mid-body, as an ASGI server tells it; returns the status nobody reads."""
    fields = headers | BODY | {"Upload-Offset": str(offset), "Transfer-Encoding": "chunked"}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "PATCH",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in fields.items()],
    }
    incoming = [{"type": "http.request", "body": data, "more_body": True}, {"type": "http.disconnect"}]
    statuses = []

    async def receive() -> Message:
        await trio.lowlevel.checkpoint()
        return incoming.pop(0)

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    return int(statuses[0])


async def test_a_wrong_offset_is_answered_with_409_and_the_right_one(
    house: House, client: httpx.AsyncClient
) -> None:
    headers, path = house.ticket(len(DATA))
    await client.post(
        "/uploads", headers=headers | BODY | {"Upload-Length": str(len(DATA))}, content=DATA[:5]
    )
    for wrong in ("0", "4", "6"):
        response = await client.patch(path, headers=headers | BODY | {"Upload-Offset": wrong}, content=b"x")
        check_error(response, 409, "offset_conflict")
        assert response.headers["Upload-Offset"] == "5"


async def test_deleting_abandons_the_upload(house: House, client: httpx.AsyncClient) -> None:
    headers, path = house.ticket(len(DATA))
    await client.post("/uploads", headers=headers | {"Upload-Length": str(len(DATA))})
    assert (await client.delete(path, headers=headers)).status_code == 204
    check_error(await client.head(path, headers=headers), 404, "upload_not_found")
    check_error(await client.delete(path, headers=headers), 404, "upload_not_found")


async def test_a_post_may_stand_for_patch_and_delete(house: House, client: httpx.AsyncClient) -> None:
    headers, path = house.ticket(len(DATA))
    await client.post("/uploads", headers=headers | {"Upload-Length": str(len(DATA))})
    override = {"X-HTTP-Method-Override": "PATCH", "Upload-Offset": "0"}
    assert (await client.post(path, headers=headers | BODY | override, content=DATA)).status_code == 204
    deleted = await client.post(path, headers=headers | {"X-HTTP-Method-Override": "DELETE"})
    assert deleted.status_code == 204
    assert (await client.post(path, headers=headers)).status_code == 405


async def test_a_silent_sender_is_cut_off_and_what_it_sent_is_kept(
    autojump_clock: trio.testing.MockClock,
) -> None:
    house = _house()
    app = create_app(
        media=house.room.media, authorizer=house.members, registry=type(house.registry)(), body_idle_s_max=60
    )
    headers, path = house.ticket(len(DATA))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://im.test") as client:
        await client.post("/uploads", headers=headers | {"Upload-Length": str(len(DATA))})

        async def silent() -> AsyncIterator[bytes]:
            yield DATA[:5]
            await trio.sleep(3600)
            yield DATA[5:]

        patch = headers | BODY | {"Upload-Offset": "0"}
        started = trio.current_time()
        check_error(await client.patch(path, headers=patch, content=silent()), 408, "upload_interrupted")
        assert 60 <= trio.current_time() - started < 70
        assert (await client.head(path, headers=headers)).headers["Upload-Offset"] == "5"


async def test_outcomes_are_counted_by_code(house: House, client: httpx.AsyncClient) -> None:
    await house.upload(client, DATA)
    await client.head("/uploads/x", headers=TUS)
    counted = {
        outcome: house.registry.get_sample_value("imserver_media_uploads_total", {"outcome": outcome})
        for outcome in ("ok", "finished", "error", "ticket_invalid")
    }
    assert counted == {"ok": 1, "finished": 1, "error": None, "ticket_invalid": 1}
