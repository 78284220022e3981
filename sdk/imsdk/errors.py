"""Errors of the SDK, by whose fault they are and what an app can do about them."""

from improtocol import Code


class ImError(Exception):
    """Base of every error that imsdk raises on purpose."""


class StorageError(ImError):
    """The local store failed (outside: disk, file system).

    After one that is not a subclass below, open the client anew.
    """


class StorageFull(StorageError):
    """There is no room on the device.

    Nothing was changed and nothing is lost; try again when there is room.
    """


class StorageLocked(StorageError):
    """Another process, or another client of this one, uses the same `data_dir`."""


class StorageNewer(StorageError):
    """The store was written by a newer version of the SDK; this one does not touch it."""


class Refused(ImError):
    """The server refused a command or a query for good. Sending the same again would be refused again.

    Attributes:
        code: `improtocol.Code`, 500-599, or the number when this version does not know it.
        reason: a sentence in English for developers.
    """

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"{_name_of(code)}: {reason}" if reason else _name_of(code))
        self.code = code
        self.reason = reason


class Discarded(ImError):
    """It was taken back by `discard` before its upload was finished, and will never be sent."""


class Unavailable(ImError):
    """The answer needs the server, which cannot be reached in time. Ask again when `im.state` is online."""


class Stopped(ImError):
    """The client does not connect any more: logged out, replaced, banned, its token was rejected, or closed.

    What was sent and not acked stays in the outbox. `code` is the server's, or 0.
    """

    def __init__(self, reason: str, code: int = 0) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class TransferInterrupted(ImError):
    """An upload or download broke off for a reason that may pass; the next attempt goes on where it was.

    `retry_after_ms` is what the other side asked for, or 0.
    """

    def __init__(self, reason: str, retry_after_ms: int = 0) -> None:
        super().__init__(reason)
        self.retry_after_ms = retry_after_ms


class TransferRefused(ImError):
    """An upload or download will never succeed.

    Too large, of a type the server does not take, gone, or with a wrong hash.
    """

    def __init__(self, reason: str, code: int = Code.INVALID) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def _name_of(code: int) -> str:
    try:
        return Code(code).name
    except ValueError:
        return f"code {code}"
