import pytest

from improtocol import limits
from improtocol.codes import Code
from imserver.app.media_desk import Desk
from imserver.app.quotas import Quotas
from imserver.core import MediaRefused
from imserver.media.testing import NOW_MS, Stream, picture
from tests.app.house import MediaHouse


class FixedClock:
    def now_ms(self) -> int:
        return NOW_MS


async def desk_of(house: MediaHouse, quota_bytes: int = 10**6) -> Desk:
    app = await house.store.put_app("shoes", now_ms=0, media_bytes_max=quota_bytes)
    quotas = Quotas()
    quotas.replace([app])
    return Desk(house.media, house.store, quotas, FixedClock(), "https://chat.example.com")


async def upload(house: MediaHouse, data: bytes) -> bytes:
    text, _ = house.media.tickets.issue_upload(
        app=1, user="alice", size_bytes=len(data), mime="image/jpeg", name="a.jpg"
    )
    ticket = house.media.tickets.open_upload(text)
    await house.media.create(ticket)
    state = await house.media.write(ticket, 0, Stream(data))
    assert state.blob is not None
    return state.blob.sha256


async def refusal(desk: Desk, size: int) -> Code:
    with pytest.raises(MediaRefused) as caught:
        await desk.upload_slot(app=1, user="alice", size=size, mime="image/jpeg", name="a.jpg")
    return Code(caught.value.code)


async def test_a_slot_is_a_url_with_a_ticket_for_exactly_that_upload() -> None:
    house = MediaHouse()
    desk = await desk_of(house)
    slot = await desk.upload_slot(app=1, user="alice", size=500, mime="image/jpeg", name="a.jpg")
    ticket = house.media.tickets.open_upload(slot.ticket)
    assert slot.url == "https://chat.example.com/uploads"
    assert (ticket.app, ticket.user, ticket.size_bytes, ticket.mime) == (1, "alice", 500, "image/jpeg")
    assert slot.expires_ms == ticket.expires_ms


async def test_an_upload_without_room_is_refused_before_its_first_byte() -> None:
    house = MediaHouse()
    data = picture(size=(64, 64))
    desk = await desk_of(house, quota_bytes=len(data) + 10_000)
    await upload(house, data)
    assert await refusal(desk, 10_001) == Code.QUOTA
    assert await refusal(desk, limits.MEDIA_BYTES_MAX + 1) == Code.QUOTA


async def test_an_upload_of_an_impossible_size_is_refused() -> None:
    desk = await desk_of(MediaHouse(), quota_bytes=2**50)
    assert await refusal(desk, limits.MEDIA_BYTES_MAX + 1) == Code.TOO_LARGE
    assert await refusal(desk, 0) == Code.TOO_LARGE


async def test_an_app_that_is_not_known_has_no_room() -> None:
    house = MediaHouse()
    desk = Desk(house.media, house.store, Quotas(), FixedClock(), "https://chat.example.com")
    assert await refusal(desk, 1) == Code.QUOTA


async def test_a_link_names_the_blob_and_fits_the_protocol() -> None:
    house = MediaHouse()
    desk = await desk_of(house)
    sha256 = await upload(house, picture(size=(1200, 900)))
    thumbnail = (await house.media.find(1, sha256)).thumbnail
    assert thumbnail is not None
    longest = "x" * limits.USER_BYTES_MAX
    for media in (sha256, thumbnail):
        link = await desk.link(app=1, user=longest, conversation=2**53 - 1, media=media)
        ticket = house.media.tickets.open_link(link.url.removeprefix("https://chat.example.com/media/"))
        assert (ticket.sha256, ticket.user, ticket.conversation) == (media, longest, 2**53 - 1)
        assert link.expires_ms == ticket.expires_ms
        assert len(link.url) <= limits.URL_BYTES_MAX


async def test_a_link_to_what_the_app_does_not_have_is_refused() -> None:
    desk = await desk_of(MediaHouse())
    with pytest.raises(MediaRefused) as caught:
        await desk.link(app=1, user="alice", conversation=5, media=b"\x01" * 32)
    assert caught.value.code == Code.NOT_FOUND
