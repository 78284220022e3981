"""The one place that names concrete backends."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from imserver.app.errors import CannotServe
from imserver.media import BlobStore, MediaError
from imserver.media.disk import DiskBlobStore
from imserver.storage.sqlite import open_sqlite
from imserver.storage.store import Store

MEDIA_FOLDER_NAME: Final = "media"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backends:
    """What a server keeps its things in."""

    store: Store
    blobs: BlobStore


@asynccontextmanager
async def open_store(data_dir: Path) -> AsyncIterator[Store]:
    """The store in a data directory, whose lock is held for the length of the block.

    Raises:
        FolderError: the directory is locked, not ours, or newer than this program.
        CannotServe: the system does not let us use it.
        StoreBroken: it is damaged.
    """
    async with AsyncExitStack() as stack:
        try:
            store = await stack.enter_async_context(open_sqlite(data_dir))
        except OSError as error:
            raise CannotServe(
                f"cannot use the data directory {data_dir}: {error.strerror or error}"
            ) from None
        yield store


@asynccontextmanager
async def open_backends(data_dir: Path) -> AsyncIterator[Backends]:
    """All of them; raises as `open_store`."""
    async with open_store(data_dir) as store:
        folder = data_dir / MEDIA_FOLDER_NAME
        try:
            blobs = DiskBlobStore(folder)
        except MediaError as error:
            raise CannotServe(f"cannot use the media folder {folder}: {error}") from None
        yield Backends(store=store, blobs=blobs)
