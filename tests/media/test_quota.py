"""The quota holds at every moment, uploads side by side included."""

import pytest
import trio
import trio.testing

from imserver.media import BlobInfo, MediaBusy, QuotaExceeded
from imserver.media.memory_catalog import MemoryCatalog
from imserver.media.quota import Quota


def blob(size_bytes: int, number: int = 0) -> BlobInfo:
    return BlobInfo(sha256=number.to_bytes(32, "big"), size_bytes=size_bytes, mime="text/plain")


class SlowCatalog(MemoryCatalog):
    """Lets everybody else run between the question and the answer, as a database does."""

    async def app_bytes(self, app: int) -> int:
        used = await super().app_bytes(app)
        await trio.testing.wait_all_tasks_blocked()
        return used


def quota_of(bytes_max: int, catalog: MemoryCatalog | None = None, uploads_max: int = 100) -> Quota:
    return Quota(catalog or MemoryCatalog(), lambda app: bytes_max, uploads_max)


async def test_uploads_side_by_side_cannot_overshoot_together() -> None:
    quota = quota_of(100, SlowCatalog())
    refused = []

    async def reserve(upload_id: str) -> None:
        try:
            await quota.reserve(1, upload_id, 60)
        except QuotaExceeded:
            refused.append(upload_id)

    async with trio.open_nursery() as nursery:
        for upload_id in ("a", "b", "c"):
            nursery.start_soon(reserve, upload_id)
    assert len(refused) == 2
    assert quota.reserved_bytes(1) == 60


class GatedCatalog(MemoryCatalog):
    """Answers with what it knew when it was asked, once the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.go = trio.Event(), trio.Event()

    async def app_bytes(self, app: int) -> int:
        used = await super().app_bytes(app)
        self.asked.set()
        await self.go.wait()
        return used


async def test_an_upload_that_ends_during_the_question_is_still_counted() -> None:
    """Between reading the catalog and adding the promises, one of them must not vanish from both sums."""
    catalog = GatedCatalog()
    quota = quota_of(100, catalog)
    quota.restore(1, "a", 60)

    async def second() -> None:
        with pytest.raises(QuotaExceeded):
            await quota.reserve(1, "b", 60)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(second)
        await catalog.asked.wait()
        nursery.start_soon(quota.settle, 1, "a", [blob(60)])
        await trio.testing.wait_all_tasks_blocked()
        catalog.go.set()


async def test_a_settled_upload_counts_in_the_catalog_and_the_same_content_once() -> None:
    quota = quota_of(100)
    for upload_id in ("a", "b"):
        await quota.reserve(1, upload_id, 40)
        await quota.settle(1, upload_id, [blob(40)])
    await quota.reserve(1, "c", 60)
    with pytest.raises(QuotaExceeded, match="1 bytes wanted, 0 left"):
        await quota.reserve(1, "d", 1)


async def test_a_released_promise_makes_room_and_a_repeated_one_takes_none() -> None:
    quota = quota_of(100)
    await quota.reserve(1, "a", 100)
    await quota.reserve(1, "a", 100)
    with pytest.raises(QuotaExceeded):
        await quota.reserve(1, "b", 100)
    quota.release(1, "a")
    quota.release(1, "a")
    await quota.reserve(1, "b", 100)


async def test_apps_do_not_share_room() -> None:
    quota = quota_of(100)
    await quota.reserve(1, "a", 100)
    await quota.reserve(2, "b", 100)


async def test_open_uploads_are_bounded_in_number() -> None:
    quota = quota_of(100, uploads_max=2)
    await quota.reserve(1, "a", 1)
    await quota.reserve(1, "b", 1)
    with pytest.raises(MediaBusy):
        await quota.reserve(1, "c", 1)
    await quota.reserve(2, "c", 1)
