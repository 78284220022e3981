"""The callbacks' thread."""

import logging
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, ParamSpec

import trio

from imsdk.blocking.portal import Portal

_P = ParamSpec("_P")
_log: Final = logging.getLogger("imsdk.blocking")


class Callbacks:
    """Runs an app's callbacks one after the other on one thread. Made and used inside the loop.

    At most one callback a source waits here, because each source waits for its own; so memory is bounded.
    """

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._token = trio.lowlevel.current_trio_token()
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="imsdk-callbacks", daemon=True).start()

    async def run(self, callback: Callable[_P, object], *args: _P.args, **kwargs: _P.kwargs) -> bool:
        """Run `callback` and wait for it. False if it raised, which is logged."""
        returned = trio.Event()
        fine = False

        def job() -> None:
            nonlocal fine
            try:
                callback(*args, **kwargs)
                fine = True
            except BaseException:  # noqa: BLE001 - an app's sys.exit() here must not end the thread
                _log.exception("a callback raised")
            finally:
                with suppress(trio.RunFinishedError):
                    self._token.run_sync_soon(returned.set)

        self._jobs.put(job)
        await returned.wait()
        return fine

    def close(self) -> None:
        """End the thread after what it does at the moment."""
        self._jobs.put(None)

    def _work(self) -> None:
        self._portal.waits_for_this_thread()
        while (job := self._jobs.get()) is not None:
            job()
