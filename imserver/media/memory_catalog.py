"""A catalog in memory, for tests and throw-away servers."""

from imserver.media.catalog import BlobInfo


class MemoryCatalog:
    """Keeps the promises of `Catalog` but durability."""

    def __init__(self) -> None:
        self._blobs: dict[int, dict[bytes, BlobInfo]] = {}

    async def put_blob(self, app: int, blob: BlobInfo) -> None:
        self._blobs.setdefault(app, {}).setdefault(blob.sha256, blob)

    async def get_blob(self, app: int, sha256: bytes) -> BlobInfo | None:
        return self._blobs.get(app, {}).get(sha256)

    async def app_bytes(self, app: int) -> int:
        return sum(blob.size_bytes for blob in self._blobs.get(app, {}).values())
