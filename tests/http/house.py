"""A whole HTTP room in memory, and clients for it."""

from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from imserver.http import Health, create_app
from imserver.media import ORIGINAL
from imserver.media.testing import MediaRoom

TUS = {"Tus-Resumable": "1.0.0"}
BODY = {"Content-Type": "application/offset+octet-stream"}


class Members:
    """An authorizer whose memberships a test can end, and who can shut users out."""

    def __init__(self) -> None:
        self.readers = {(1, "alice", 5), (1, "bob", 5)}
        self.banned: set[tuple[int, str]] = set()
        self.asked = 0
        self.on_ask: Callable[[int], None] = lambda asked: None

    def may_upload(self, app: int, user: str) -> bool:
        return (app, user) not in self.banned

    async def may_read(self, app: int, user: str, conversation: int) -> bool:
        self.asked += 1
        self.on_ask(self.asked)
        return (app, user, conversation) in self.readers


@dataclass
class House:
    """The rooms, the application over them, and short ways to use it."""

    room: MediaRoom = field(default_factory=MediaRoom)
    members: Members = field(default_factory=Members)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    health: Health = field(default_factory=lambda: Health(ok=True, status="ok"))
    base_url: str = "http://im.test"

    def __post_init__(self) -> None:
        self.app: Starlette = create_app(
            media=self.room.media, authorizer=self.members, registry=self.registry, health=lambda: self.health
        )

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app), base_url=self.base_url)

    def ticket(self, size_bytes: int, **claims: object) -> tuple[dict[str, str], str]:
        """Headers with an upload ticket, and the upload's path."""
        fields = {"app": 1, "user": "alice", "mime": "text/plain", "name": "a.txt"} | claims
        text, upload_id = self.room.media.tickets.issue_upload(size_bytes=size_bytes, **fields)  # type: ignore[arg-type]
        return TUS | {"Authorization": f"Bearer {text}"}, f"/uploads/{upload_id}"

    async def upload(self, client: httpx.AsyncClient, data: bytes, **claims: object) -> httpx.Response:
        """Create and send in one go; the final answer."""
        headers, path = self.ticket(len(data), **claims)
        created = await client.post("/uploads", headers=headers | {"Upload-Length": str(len(data))})
        assert created.status_code == 201, created.text
        return await client.patch(path, headers=headers | BODY | {"Upload-Offset": "0"}, content=data)

    def link(
        self, media_id: str, *, user: str = "bob", variant: str = ORIGINAL, name: str = "", app: int = 1
    ) -> str:
        """A path to download from."""
        sha256 = bytes.fromhex(media_id)
        text = self.room.media.tickets.issue_link(
            app=app, user=user, conversation=5, sha256=sha256, variant=variant, name=name
        )
        return f"/media/{text}"


def check_error(response: httpx.Response, status: int, code: str) -> None:
    """The answer has the status, names the code, and tells a person what happened and what to do."""
    assert response.status_code == status, response.text
    assert response.headers["Media-Error"] == code
    assert response.headers["Cache-Control"] == "no-store"
    if response.request.method != "HEAD":
        answer = response.json()
        assert answer["code"] == code
        assert answer["message"]
        assert answer["do"]
