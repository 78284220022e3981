import pytest

from imserver.app.admin import Admin
from imserver.app.choosing import DEFAULT_APP
from imserver.app.errors import AdminError
from imserver.core import Core, SystemClock, TokenVerifier, sign_token
from imserver.storage.store import StoreFull
from tests.app.house import FaultyStore


class House:
    """An admin over a memory store; `verifier` knows what a running server would."""

    def __init__(self) -> None:
        self.store = FaultyStore()
        self.verifier = TokenVerifier()
        self.core = Core(self.store, self.verifier)
        self.admin = Admin(
            self.store, self.core, clock=SystemClock(), media_quota_bytes=77, changed=self.changed
        )

    async def changed(self) -> None:
        self.verifier.replace(await self.store.apps(), await self.store.keys())


@pytest.fixture
def house() -> House:
    return House()


async def test_the_default_app_is_made_once(house: House) -> None:
    assert await house.admin.ensure_default_app()
    assert not await house.admin.ensure_default_app()
    assert [app.name for app in await house.store.apps()] == [DEFAULT_APP]


async def test_no_default_app_beside_another(house: House) -> None:
    await house.admin.handle({"do": "app_create", "name": "shoes"})
    assert not await house.admin.ensure_default_app()


async def test_a_new_apps_secret_signs_tokens_the_server_knows_at_once(house: House) -> None:
    made = await house.admin.handle({"do": "app_create", "name": "shoes"})
    token = sign_token(
        app="shoes",
        user="alice",
        kid=made["kid"],
        algorithm="HS256",
        key=made["secret"].encode(),
        now_s=1_600_000_000,
        lifetime_s=10**9,
    )
    assert house.verifier.verify(token).user == "alice"
    assert len(made["secret"]) == 43  # 256 bits
    await house.admin.handle({"do": "key_revoke", "app": "shoes", "kid": made["kid"]})
    with pytest.raises(Exception, match="not signed by a key"):
        house.verifier.verify(token)


async def test_the_quota_of_a_new_app_is_the_configured_one_unless_said(house: House) -> None:
    await house.admin.handle({"do": "app_create", "name": "a"})
    await house.admin.handle({"do": "app_create", "name": "b", "media_quota_bytes": 5})
    assert [app.media_bytes_max for app in await house.store.apps()] == [77, 5]


async def test_a_list_holds_no_key_material(house: House) -> None:
    made = await house.admin.handle({"do": "app_create", "name": "shoes"})
    assert made["secret"] not in str(await house.admin.handle({"do": "app_list"}))


async def test_revoking_keeps_the_key_and_its_first_date(house: House) -> None:
    await house.admin.handle({"do": "app_create", "name": "shoes"})
    await house.admin.handle({"do": "key_revoke", "app": "shoes", "kid": "1"})
    (first,) = await house.store.keys()
    await house.admin.handle({"do": "key_revoke", "app": "shoes", "kid": "1"})
    assert await house.store.keys() == [first]
    assert first.revoked_ms


async def test_a_full_disk_is_refused_and_nothing_has_changed(house: House) -> None:
    house.store.fault = StoreFull("full")
    with pytest.raises(AdminError, match="disk is full"):
        await house.admin.handle({"do": "app_create", "name": "shoes"})
    assert await house.store.apps() == []


async def test_a_request_of_another_version_is_refused(house: House) -> None:
    with pytest.raises(AdminError, match="does not know that request"):
        await house.admin.handle({"do": "dance"})
