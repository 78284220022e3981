"""Uploads arrive whole, whatever breaks; hostile or broken servers lead to typed errors."""

from hashlib import sha256
from random import Random

import pytest
import trio

from imsdk.errors import TransferInterrupted, TransferRefused
from imsdk.media import uploader
from imsdk.media.transfers import HttpTransfers


def noise(size: int, seed: int = 1) -> bytes:
    return Random(seed).randbytes(size)


@pytest.fixture
def attempt(transfers, site, progress, reports, keep):
    """Runs one attempt to upload `data`."""

    async def run(data: bytes, by: HttpTransfers | None = None):
        path, kept = keep(data)
        return await (by or transfers).upload(path, kept, slots=site.slots, progress=progress, report=reports)

    return run


async def test_small_upload_takes_one_round_trip_and_tells_what_became_of_it(attempt, site, reports) -> None:
    data = noise(1000)
    uploaded = await attempt(data)
    assert uploaded.media.id == sha256(data).digest()
    assert (uploaded.media.size, uploaded.media.mime) == (1000, "image/png")
    assert (uploaded.width, uploaded.height, uploaded.thumbnail) == (4, 3, b"\xab" * 32)
    assert site.requests == ["POST /uploads"]
    assert reports.seen[-1] == (1000, 1000)


async def test_server_that_takes_no_body_at_creation_gets_it_afterwards(attempt, site) -> None:
    site.takes_body_at_creation = False
    data = noise(300_000)
    assert (await attempt(data)).media.id == sha256(data).digest()
    assert site.requests == ["POST /uploads", "PATCH /uploads/t1"]


async def test_large_upload_goes_in_chunks_with_rising_progress(attempt, site, reports) -> None:
    data = noise(uploader.CHUNK_BYTES * 2 + 5)
    await attempt(data)
    assert [request.split()[0] for request in site.requests] == ["POST", "PATCH", "PATCH"]
    assert reports.seen == sorted(reports.seen)
    assert len(reports.seen) > 100
    assert site.received == len(data)


@pytest.mark.parametrize("cut", [0, 1, 63_999, 65_536, 199_999])
async def test_cut_upload_goes_on_where_the_server_is(cut: int, attempt, site) -> None:
    data = noise(200_000)
    site.cut_received = [cut]
    with pytest.raises(TransferInterrupted):
        await attempt(data)
    uploaded = await attempt(data)
    assert uploaded.media.id == sha256(data).digest()
    assert site.received == len(data), "no byte travels twice"
    assert len(site.uploads) == 1


async def test_twenty_megabytes_cut_ten_times_become_one_blob(attempt, site, progress, transfers) -> None:
    """Each attempt is a new process: a new transfer object, and only the saved progress in common."""
    data = noise(20 * 1024 * 1024)
    site.cut_received = [Random(2).randrange(1, 3_500_000) for _ in range(10)]
    attempts = 0
    while True:
        attempts += 1
        mine = HttpTransfers()
        try:
            uploaded = await attempt(data, mine)
            break
        except TransferInterrupted:
            pass
        finally:
            await mine.aclose()
    assert attempts == 11
    assert uploaded.media.id == sha256(data).digest()
    assert site.received == len(data)
    assert len(site.uploads) == 1


async def test_lost_last_answer_costs_one_question(attempt, site) -> None:
    """Already uploaded is found out by asking, no byte is sent again, even if its URL was never heard of."""
    data = noise(5000)
    site.lose_answers = 1
    with pytest.raises(TransferInterrupted):
        await attempt(data)
    site.requests.clear()
    await attempt(data)
    assert site.requests == ["POST /uploads"]
    assert site.received == len(data)
    await attempt(data)
    assert site.requests[1:] == ["HEAD /uploads/t1"]


async def test_cancelled_upload_goes_on_later(attempt, site, transfers) -> None:
    data = noise(3_000_000)
    site.takes_body_at_creation = False
    received = trio.Event()

    def stop(method: str, path: str, headers: dict[str, str]) -> None:
        received.set()

    site.override = stop
    async with trio.open_nursery() as nursery:
        nursery.start_soon(attempt, data)
        await received.wait()
        nursery.cancel_scope.cancel()
    assert (await attempt(data)).media.id == sha256(data).digest()
    assert len(site.uploads) == 1


async def test_expired_ticket_gets_a_new_slot(attempt, site, progress) -> None:
    data = noise(100_000)
    site.cut_received = [50_000]
    with pytest.raises(TransferInterrupted):
        await attempt(data)
    site.tickets.clear()
    site.uploads.clear()
    site.tickets.add("another's")
    uploaded = await attempt(data)
    assert uploaded.media.id == sha256(data).digest()
    assert list(site.uploads) == ["t2"]


async def test_server_that_forgets_every_upload_is_left_alone_for_a_while(attempt, site) -> None:
    site.override = lambda method, path, headers: (404, {}, b"")
    with pytest.raises(TransferInterrupted, match="forgets"):
        await attempt(b"data")
    assert len(site.requests) == 2


@pytest.mark.parametrize(
    ("status", "code"), [(400, 500), (405, 500), (413, 504), (415, 500), (422, 500), (507, 505)]
)
async def test_refusal_is_permanent_and_tells_the_servers_reason(
    status: int, code: int, attempt, site
) -> None:
    body = b'{"code": "x", "message": "no picture of this kind", "do": "stop"}'
    site.override = lambda method, path, headers: (status, {}, body)
    with pytest.raises(TransferRefused, match="no picture of this kind") as refused:
        await attempt(b"data")
    assert refused.value.code == code


@pytest.mark.parametrize("status", [301, 302, 307, 408, 423, 429, 500, 503])
async def test_what_may_pass_is_interrupted_with_the_servers_retry_time(status: int, attempt, site) -> None:
    headers = {"Retry-After": "7", "Location": "http://portal.invalid/login"}
    site.override = lambda *_: (status, headers, b"<html>")
    with pytest.raises(TransferInterrupted) as interrupted:
        await attempt(b"data")
    assert interrupted.value.retry_after_ms == 7000
    assert len(site.requests) == 1


@pytest.mark.parametrize("wish", ["Wed, 21 Oct 2026 07:28:00 GMT", "-5", "99999999999999999999"])
async def test_senseless_retry_time_counts_as_none(wish: str, attempt, site) -> None:
    site.override = lambda *_: (503, {"Retry-After": wish}, b"")
    with pytest.raises(TransferInterrupted) as interrupted:
        await attempt(b"data")
    assert interrupted.value.retry_after_ms == 0


async def test_ticket_never_follows_to_another_host(attempt, site) -> None:
    site.override = lambda *_: (201, {"Location": "http://127.0.0.1:1/uploads/t1"}, b"")
    with pytest.raises(TransferRefused, match="another place"):
        await attempt(b"data")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Upload-Offset": "-1"},
        {"Upload-Offset": "5"},
        {"Upload-Offset": "zero"},
        {"Upload-Offset": "4", "Media-Id": "abc"},
        {"Upload-Offset": "4", "Media-Id": "ab" * 32, "Media-Size": "many", "Media-Type": "a/b"},
        {"Upload-Offset": "4", "Media-Id": "ab" * 32, "Media-Size": "4", "Media-Type": ""},
        {"Upload-Offset": "4"},
    ],
    ids=str,
)
async def test_answer_of_no_upload_server_is_a_typed_error(
    headers: dict[str, str], attempt, site, progress
) -> None:
    """A captive portal answers 200 to anything; nothing of it is believed."""
    progress.facts = {"slot": f"{site.base}/uploads", "ticket": "t1", "location": f"{site.base}/uploads/t1"}
    site.override = lambda *_: (200, headers, b"<html>welcome</html>")
    with pytest.raises(TransferInterrupted):
        await attempt(b"data")


async def test_upload_that_does_not_get_on_ends(attempt, site) -> None:
    site.override = lambda method, path, headers: (
        {"POST": 201}.get(method, 204),
        {"Upload-Offset": "0", "Location": "/uploads/t1"},
        b"",
    )
    with pytest.raises(TransferInterrupted, match="get on"):
        await attempt(b"data")


async def test_server_that_contradicts_itself_ends(attempt, site) -> None:
    """409 at every PATCH and the same offset at every HEAD must not spin."""
    site.override = lambda method, path, headers: (
        {"POST": 201, "PATCH": 409}.get(method, 200),
        {"Upload-Offset": "1", "Location": "/uploads/t1"},
        b"",
    )
    with pytest.raises(TransferInterrupted, match="disagree"):
        await attempt(b"data")
    assert len(site.requests) < 12


async def test_damaged_on_the_way_is_tried_once_more_then_refused(attempt, site) -> None:
    site.store_as = lambda data: data[:-1] + b"!"
    with pytest.raises(TransferInterrupted, match="damaged"):
        await attempt(b"some data")
    with pytest.raises(TransferRefused, match="other bytes"):
        await attempt(b"some data")
    assert len(site.uploads) == 2


async def test_changed_copy_is_not_uploaded(transfers, site, progress, reports, keep) -> None:
    path, kept = keep(b"some data")
    path.write_bytes(b"other")
    with pytest.raises(TransferRefused, match="damaged"):
        await transfers.upload(path, kept, slots=site.slots, progress=progress, report=reports)
    path.unlink()
    with pytest.raises(TransferRefused, match="damaged"):
        await transfers.upload(path, kept, slots=site.slots, progress=progress, report=reports)
    assert site.requests == []


async def test_endless_error_text_is_not_read(attempt, site) -> None:
    site.flood = b"x" * 1000
    site.override = lambda *_: (400, {}, b"")
    with pytest.raises(TransferRefused):
        await attempt(b"data")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/", "uploads", "http://[::1"])
async def test_slot_that_is_no_http_url_is_refused(url: str, transfers, progress, reports, keep) -> None:
    from improtocol.queries import UploadSlot

    async def slots(size: int, mime: str, name: str) -> UploadSlot:
        return UploadSlot(url=url, ticket="t", expires_ms=1)

    path, kept = keep(b"data")
    with pytest.raises(TransferRefused, match="URL"):
        await transfers.upload(path, kept, slots=slots, progress=progress, report=reports)


async def test_nobody_listening_is_interrupted(transfers, site, progress, reports, keep) -> None:
    site.base = "http://127.0.0.1:1"
    path, kept = keep(b"data")
    with pytest.raises(TransferInterrupted, match="network"):
        await transfers.upload(path, kept, slots=site.slots, progress=progress, report=reports)
