"""Writes a stream of bytes into a staged upload, durable in steps, in bounded memory."""

from collections.abc import AsyncIterable
from typing import Final

import trio

from imserver.media.errors import MediaBroken, MediaBusy, MediaError, OffsetConflict, OutOfSpace, TooLarge
from imserver.media.store import BlobStore, Staged

#: After these, writing the same bytes once more would only raise the same once more.
_STORE_FAILED: Final = (OutOfSpace, MediaBusy, MediaBroken, OffsetConflict)


async def receive(blobs: BlobStore, staged: Staged, chunks: AsyncIterable[bytes], append_bytes: int) -> None:
    """Append `chunks` from the durable offset on; whatever ends the stream early, what arrived is kept.

    Memory is bounded by `append_bytes` plus one chunk, however fast the bytes come: the next chunk is asked
    for after the write, which is what holds a fast sender back.

    Raises:
        TooLarge: more came than was declared; the declared bytes are kept.
        OutOfSpace, MediaBusy, MediaBroken: from the store.
    """
    durable = staged.offset_bytes
    buffer = bytearray()

    async def flush() -> None:
        nonlocal durable
        durable = await blobs.append(staged.id, durable, bytes(buffer))
        buffer.clear()

    try:
        async for chunk in chunks:
            room = staged.meta.size_bytes - durable - len(buffer)
            buffer += chunk[:room]
            if len(chunk) > room:
                raise TooLarge(f"the upload was declared to have {staged.meta.size_bytes} bytes")
            if len(buffer) >= append_bytes:
                await flush()
    except MediaError as error:
        if isinstance(error, _STORE_FAILED):
            buffer.clear()
        raise
    finally:
        if buffer:
            # Shielded: the request may have been cancelled because its sender is gone, but its bytes are
            # here.
            with trio.CancelScope(shield=True):
                await flush()
