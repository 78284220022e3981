import pytest

from imserver.media import MediaBroken, OutOfSpace, UploadTicket
from imserver.media.testing import Stream, picture
from imserver.storage.store import StoreBroken, StoreFull
from tests.app.house import MediaHouse


@pytest.fixture
async def house() -> MediaHouse:
    house = MediaHouse()
    await house.store.put_app("shoes", now_ms=0, media_bytes_max=10**9)
    await house.store.ensure_users(1, ["bob", "alice"])
    return house


def ticket(house: MediaHouse, data: bytes, user: str = "alice") -> UploadTicket:
    text, _ = house.media.tickets.issue_upload(
        app=1, user=user, size_bytes=len(data), mime="image/jpeg", name="a.jpg"
    )
    return house.media.tickets.open_upload(text)


async def uploaders(house: MediaHouse, sha256: bytes) -> set[str]:
    ids = await house.store.user_ids(1, ["alice", "bob"])
    return {name for name, id_ in ids.items() if await house.store.visible_media(id_, [sha256])}


async def test_whoever_learns_a_blobs_id_may_post_it_and_its_thumbnail(house: MediaHouse) -> None:
    data = picture(size=(1200, 900))
    mine = ticket(house, data)
    await house.media.create(mine)
    state = await house.media.write(mine, 0, Stream(data))
    assert state.blob is not None
    assert state.blob.thumbnail is not None
    assert await uploaders(house, state.blob.sha256) == {"alice"}
    assert await uploaders(house, state.blob.thumbnail) == {"alice"}


async def test_two_who_upload_the_same_may_both_post_it(house: MediaHouse) -> None:
    data = picture(size=(64, 64))
    for user in ("alice", "bob"):
        one = ticket(house, data, user)
        await house.media.create(one)
        state = await house.media.write(one, 0, Stream(data))
    assert state.blob is not None
    assert await uploaders(house, state.blob.sha256) == {"alice", "bob"}


@pytest.mark.parametrize("again", ["create", "state"])
async def test_an_answer_that_was_lost_is_asked_for_again_and_notes_the_uploader(
    house: MediaHouse, again: str
) -> None:
    """Killed after the blob was entered and before its uploader was noted: the repeat mends it."""
    data = picture(size=(64, 64))
    mine = ticket(house, data)
    await house.media.create(mine)
    # The base class finishes the upload; noting is what the kill cut off.
    await super(type(house.media), house.media).write(mine, 0, Stream(data))
    state = await getattr(house.media, again)(mine)
    assert state.blob is not None
    assert await uploaders(house, state.blob.sha256) == {"alice"}


async def test_a_full_disk_refuses_the_end_of_an_upload_and_it_goes_on_later(house: MediaHouse) -> None:
    data = picture(size=(64, 64))
    mine = ticket(house, data)
    await house.media.create(mine)
    house.store.fault = StoreFull("full")
    with pytest.raises(OutOfSpace):
        await house.media.write(mine, 0, Stream(data))
    house.store.fault = None
    state = await house.media.state(mine)
    assert state.blob is not None
    assert await uploaders(house, state.blob.sha256) == {"alice"}


async def test_a_broken_store_is_noticed_from_the_media_side(house: MediaHouse) -> None:
    house.store.fault = StoreBroken("I/O error")
    with pytest.raises(MediaBroken):
        await house.media.find(1, b"\x01" * 32)
    assert str(await house.guard.wait_broken()) == "I/O error"
