import pytest

from imserver.app.store_guard import StoreGuard
from imserver.media import MediaBroken, OutOfSpace
from imserver.storage.store import StoreBroken, StoreFull


async def failing(error: Exception) -> None:
    raise error


async def test_the_stores_errors_come_out_in_media_words_and_a_broken_one_is_told() -> None:
    guard = StoreGuard()
    with pytest.raises(OutOfSpace):
        await guard.run(failing(StoreFull("full")))
    with pytest.raises(MediaBroken, match="torn"):
        await guard.run(failing(StoreBroken("torn")))
    assert str(await guard.wait_broken()) == "torn"


async def test_other_errors_are_not_touched() -> None:
    with pytest.raises(KeyError):
        await StoreGuard().run(failing(KeyError("x")))
