"""How a connection ends: why, and what to do next."""

from dataclasses import dataclass
from typing import Final

from improtocol import Code, NextAction, action_of
from improtocol.frames import Close
from imsdk.errors import StorageError, StorageFull

#: While there is no room on the device, one connection a while tells when there is.
FULL_RETRY_MS: Final = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Why a connection is over and what to do next. `broke`: its stream did, without a word."""

    action: NextAction
    reason: str
    code: int = 0
    retry_after_ms: int = 0
    broke: bool = False


def ended_by(error: BaseException) -> Ended:
    """What a failure of the connection or of the store means, perhaps one out of nurseries."""
    error = first_of(error)
    if isinstance(error, StorageFull):
        return Ended(action=NextAction.RETRY_AFTER, reason=str(error), retry_after_ms=FULL_RETRY_MS)
    if isinstance(error, StorageError):  # fail-stop: nothing more is taken over that may not be durable
        return Ended(action=NextAction.STOP, reason=str(error))
    return Ended(action=NextAction.RETRY_NOW, reason=f"the connection broke: {words_of(error)}", broke=True)


def words_of(error: BaseException) -> str:
    """What an error says, or what is behind one of trio's that says nothing; never ""."""
    return str(error) or str(error.__cause__ or "") or type(error).__name__


def first_of(error: BaseException) -> BaseException:
    """The first error in what nurseries have wrapped."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def closed_by(frame: Close) -> Ended:
    """What a CLOSE of the server means."""
    return Ended(
        action=action_of(frame.code),
        reason=frame.reason or _name_of(frame.code),
        code=frame.code,
        retry_after_ms=frame.retry_after_ms,
    )


def _name_of(code: int) -> str:
    """A close code's name, also of one that this version does not know."""
    try:
        return Code(code).name
    except ValueError:
        return f"code {code}"
