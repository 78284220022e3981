"""Once the store has failed, nothing is acknowledged any more."""

from collections.abc import Iterator
from contextlib import contextmanager

import trio

from imserver.media.errors import MediaBroken


class FailStop:
    """Notices the first `MediaBroken` and refuses everything after it with the same message."""

    def __init__(self) -> None:
        self.broken: MediaBroken | None = None
        self._broke = trio.Event()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Run the block unless the store has failed before; notice if it fails now."""
        if self.broken is not None:
            raise MediaBroken(str(self.broken)) from self.broken
        try:
            yield
        except MediaBroken as error:
            self.broken = error
            self._broke.set()
            raise

    async def wait(self) -> MediaBroken:
        """Return the failure once there is one."""
        await self._broke.wait()
        assert self.broken is not None
        return self.broken
