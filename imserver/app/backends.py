"""The one place that names concrete backends."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from imserver.app.errors import CannotServe
from imserver.app.ticket_keys import KEY_FILE_NAME
from imserver.media import BlobStore, MediaError
from imserver.media.disk import DiskBlobStore
from imserver.storage.folder import DATABASE_NAME
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
        CannotServe: the system does not let us use it, or its database is gone.
        StoreBroken: it is damaged.
    """
    _require_database_of_media(data_dir)
    async with AsyncExitStack() as stack:
        try:
            store = await stack.enter_async_context(open_sqlite(data_dir))
        except OSError as error:
            raise CannotServe(
                f"cannot use the data directory {data_dir}: {error.strerror or error}"
            ) from None
        yield store


def _require_database_of_media(data_dir: Path) -> None:
    """No new database is begun beside the media and the keys of a lost one: that would look like a start."""
    database = data_dir / DATABASE_NAME
    if database.exists() and database.stat().st_size:
        return
    # Both are made after the database is.
    left = [name for name in (KEY_FILE_NAME, MEDIA_FOLDER_NAME) if (data_dir / name).exists()]
    if left:
        raise CannotServe(
            f"{database} is missing or empty beside {' and '.join(left)}; restore a backup, or move "
            f"{'them' if len(left) > 1 else 'it'} away to begin anew"
        )


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
