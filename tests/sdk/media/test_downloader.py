"""Downloads: whole and right under their hash's name, or a typed error; never something else in the cache."""

import errno
from hashlib import sha256
from random import Random

import pytest
import trio

from improtocol import Media
from imsdk.errors import Refused, StorageFull, TransferInterrupted, TransferRefused
from imsdk.media import downloader
from imsdk.media.transfers import HttpTransfers

DATA = Random(5).randbytes(300_000)


@pytest.fixture
def fetch(transfers, site, reports, tmp_path):
    """Runs one attempt to download `media` into the cache."""

    async def run(media: Media, name: str = "blob"):
        return await transfers.download(media, tmp_path / "cache", link=site.link(name), report=reports)

    return run


def cache(tmp_path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache").iterdir())


async def test_blob_arrives_under_its_hash(fetch, site, reports, tmp_path) -> None:
    path = await fetch(site.blob(DATA))
    assert path.read_bytes() == DATA
    assert path.name == sha256(DATA).hexdigest()
    assert cache(tmp_path) == [path.name]
    assert reports.seen[-1] == (300_000, 300_000)
    assert reports.seen == sorted(reports.seen)


async def test_cached_blob_is_not_asked_for_again(fetch, site) -> None:
    media = site.blob(DATA)
    await fetch(media)
    site.requests.clear()
    assert (await fetch(media)).read_bytes() == DATA
    assert site.requests == []


@pytest.mark.parametrize("cut", [500, 70_000, 299_999])
async def test_cut_download_goes_on_by_range(cut: int, fetch, site, tmp_path) -> None:
    media = site.blob(DATA)
    site.cut_sent = [cut]
    with pytest.raises(TransferInterrupted):
        await fetch(media)
    kept = (tmp_path / "cache" / f"{media.id.hex()}.part").stat().st_size
    site.cut_sent = [0]
    with pytest.raises(TransferInterrupted):
        await fetch(media)
    assert (await fetch(media)).read_bytes() == DATA
    assert 0 < kept < cut + 300


async def test_server_without_ranges_is_read_from_the_start(fetch, site) -> None:
    media = site.blob(DATA)
    site.cut_sent = [1000]
    with pytest.raises(TransferInterrupted):
        await fetch(media)
    site.override = lambda *_: (200, {}, DATA)
    assert (await fetch(media)).read_bytes() == DATA


async def test_whole_part_of_a_killed_process_is_finished_without_the_network(fetch, site, tmp_path) -> None:
    media = site.blob(DATA)
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / f"{media.id.hex()}.part").write_bytes(DATA)
    assert (await fetch(media)).read_bytes() == DATA
    assert site.requests == []


async def test_part_that_is_too_long_or_wrong_does_no_harm(fetch, site, tmp_path) -> None:
    media = site.blob(DATA)
    folder = tmp_path / "cache"
    folder.mkdir()
    part = folder / f"{media.id.hex()}.part"
    part.write_bytes(DATA + b"more")
    assert (await fetch(media)).read_bytes() == DATA
    (folder / media.id.hex()).unlink()
    part.write_bytes(b"wrong beginning")
    with pytest.raises(TransferRefused, match="others"):
        await fetch(media)
    assert (await fetch(media)).read_bytes() == DATA


async def test_wrong_bytes_are_refused_and_not_kept(fetch, site, tmp_path) -> None:
    media = site.blob(DATA)
    site.blobs["blob"] = DATA[:-1] + b"!"
    with pytest.raises(TransferRefused, match="others"):
        await fetch(media)
    assert cache(tmp_path) == []


@pytest.mark.parametrize("size", [0, 299_999, 300_001, 10**9])
async def test_wrong_announced_length_is_refused_before_it_is_read(size: int, fetch, site, tmp_path) -> None:
    media = site.blob(DATA)
    site.override = lambda *_: (200, {"Content-Length": str(size)}, b"")
    with pytest.raises(TransferRefused, match="instead of 300000"):
        await fetch(media)
    assert cache(tmp_path) == []


async def test_endless_body_is_cut_at_the_size(fetch, site, tmp_path) -> None:
    """No more is written than the message said, however much the server sends."""
    media = site.blob(DATA)
    site.flood = b"x" * 50_000
    with pytest.raises(TransferRefused, match="more bytes"):
        await fetch(media)
    assert cache(tmp_path) == []


async def test_right_bytes_followed_by_more_are_refused(fetch, site) -> None:
    media = site.blob(b"0123456789")
    site.flood = b"0123456789"
    with pytest.raises(TransferRefused, match="more bytes"):
        await fetch(media)


@pytest.mark.parametrize(
    "answer",
    [
        (206, {"Content-Range": "bytes 5-299999/300000"}, DATA[5:]),
        (206, {"Content-Range": "bytes 0-299999/400000"}, DATA),
        (206, {}, DATA),
        (200, {"Content-Encoding": "gzip"}, DATA),
        (404, {}, b"{}"),
        (403, {}, b""),
        (400, {}, b"[]"),
    ],
    ids=lambda answer: f"{answer[0]} {answer[1]}",
)
async def test_answer_that_is_not_the_blob_is_refused(answer, fetch, site, tmp_path) -> None:
    site.override = lambda *_: answer
    with pytest.raises(TransferRefused):
        await fetch(site.blob(DATA))
    assert cache(tmp_path) == []


@pytest.mark.parametrize("status", [302, 401, 408, 410, 416, 429, 500, 503])
async def test_answer_that_may_change_is_interrupted(status: int, fetch, site) -> None:
    site.override = lambda *_: (status, {"Location": f"{site.base}/media/other"}, b"")
    with pytest.raises(TransferInterrupted):
        await fetch(site.blob(DATA))
    assert site.requests == ["GET /media/blob"], "a redirect is never followed"
    site.override = None
    assert (await fetch(site.blob(DATA))).read_bytes() == DATA


async def test_link_refused_by_the_chat_server_reaches_the_caller(transfers, site, reports, tmp_path) -> None:
    async def link():
        raise Refused(501, "no such media")

    with pytest.raises(Refused, match="no such media"):
        await transfers.download(site.blob(DATA), tmp_path / "cache", link=link, report=reports)


async def test_two_downloads_of_one_blob_share_the_work(fetch, site) -> None:
    media = site.blob(DATA)
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(fetch, media)
    assert site.requests == ["GET /media/blob"]


async def test_cancelled_download_goes_on_later(fetch, site, reports, tmp_path) -> None:
    media = site.blob(DATA)
    with trio.CancelScope() as scope:
        reports.seen = CancelAtFirst(scope)
        await fetch(media)
    assert scope.cancelled_caught
    reports.seen = []
    assert (await fetch(media)).read_bytes() == DATA
    assert reports.seen[0][0] > 0


class CancelAtFirst(list):
    """Cancels a scope when the first report comes."""

    def __init__(self, scope: trio.CancelScope) -> None:
        self.scope = scope

    def append(self, report: object) -> None:
        self.scope.cancel()


async def test_full_disk_is_a_typed_error_and_the_part_goes_on(fetch, site, monkeypatch, tmp_path) -> None:
    media = site.blob(DATA)

    class Full:
        def write(self, data: bytes) -> int:
            raise OSError(errno.ENOSPC, "no space left on device")

        def close(self) -> None:
            pass

    with monkeypatch.context() as patched:
        patched.setattr(downloader, "_open", lambda path, have: Full())
        with pytest.raises(StorageFull):
            await fetch(media)
    assert (await fetch(media)).read_bytes() == DATA


async def test_blob_of_unknown_size_is_taken_up_to_the_cap(transfers, site, reports, tmp_path) -> None:
    """A thumbnail: only the most it may have is known, and its hash."""
    whole = site.blob(DATA)
    folder = tmp_path / "cache"

    async def fetch(cap: int):
        media = Media(id=whole.id, size=cap, mime="image/*")
        return await transfers.download(media, folder, link=site.link("blob"), report=reports, exact=False)

    with pytest.raises(TransferRefused, match="299999"):
        await fetch(299_999)
    site.flood = DATA
    with pytest.raises(TransferRefused, match="more bytes"):
        await fetch(350_000)
    site.flood = b""
    site.blobs["blob"] = DATA[:-1]
    with pytest.raises(TransferRefused, match="others"):
        await fetch(350_000)
    site.blobs["blob"] = DATA
    site.cut_sent = [1000]
    with pytest.raises(TransferInterrupted):
        await fetch(350_000)
    assert (await fetch(350_000)).read_bytes() == DATA
    site.requests.clear()
    assert (await fetch(400_000)).read_bytes() == DATA
    assert site.requests == []


async def test_inline_work_does_the_same(site, reports, tmp_path) -> None:
    transfers = HttpTransfers(inline=True)
    media = site.blob(DATA)
    path = await transfers.download(media, tmp_path / "cache", link=site.link("blob"), report=reports)
    assert path.read_bytes() == DATA
    await transfers.aclose()
