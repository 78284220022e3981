"""Uploads what devices that send media need, a few at a time, beside the pump."""

import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from queue import Empty, SimpleQueue
from threading import Event
from typing import Final

import httpx

from imload.blob import Blob
from improtocol.answers import UploadSlot

_AT_ONCE: Final = 4
_TIMEOUT_S: Final = 30.0
#: A server that is being restarted is asked again, each time after so much longer: 28 s in all.
TRIES_MAX: Final = 8
_RETRY_S: Final = 1.0

#: Gets an empty text when the upload is there, or why it is not; and the moment.
Done = Callable[[str, float], None]


class Uploader:
    """Uploads in threads; the answers are handed out by `poll`, in the caller's own.

    Args:
        verify: a PEM file to trust for https; None: the system's.
    """

    def __init__(self, verify: str | None = None) -> None:
        self._verify = verify
        self._pool: ThreadPoolExecutor | None = None
        self._client: httpx.Client | None = None
        self._closed = Event()
        self._done: SimpleQueue[tuple[Done, str]] = SimpleQueue()

    def submit(self, blob: Blob, slot: UploadSlot, done: Done) -> None:
        """Upload `blob` to `slot`; `done` is called by a later `poll`."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_AT_ONCE, "imload-upload")
            limits = httpx.Limits(max_connections=_AT_ONCE)
            context = ssl.create_default_context(cafile=self._verify)
            self._client = httpx.Client(verify=context, timeout=_TIMEOUT_S, limits=limits)
        self._pool.submit(self._upload, blob, slot, done)

    def poll(self, now_s: float) -> None:
        """Hand out the answers that are there."""
        while True:
            try:
                done, failure = self._done.get_nowait()
            except Empty:
                return
            done(failure, now_s)

    def close(self) -> None:
        """Forget what waits; what is under way ends within its timeout."""
        self._closed.set()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        if self._client is not None:
            self._client.close()

    def _upload(self, blob: Blob, slot: UploadSlot, done: Done) -> None:
        failure = ""
        for attempt in range(TRIES_MAX):
            failure = self._try(blob, slot)
            if not failure or self._closed.wait(_RETRY_S * attempt):
                break
        self._done.put((done, failure))

    def _try(self, blob: Blob, slot: UploadSlot) -> str:
        assert self._client is not None
        # tus 1.0, creation-with-upload: one request. It is small, so nothing is gained by resuming it.
        headers = {
            "Authorization": f"Bearer {slot.ticket}",
            "Tus-Resumable": "1.0.0",
            "Upload-Length": str(len(blob.data)),
            "Content-Type": "application/offset+octet-stream",
        }
        try:
            answer = self._client.post(slot.url, headers=headers, content=blob.data)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return repr(error)
        if answer.status_code != HTTPStatus.CREATED:
            return f"HTTP {answer.status_code} {answer.text[:100]}"
        taken_for = answer.headers.get("Media-Type")
        return "" if taken_for == blob.mime else f"taken for {taken_for}"
