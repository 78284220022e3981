"""Reaching the server: a token if there is no session, then a stream."""

from typing import TYPE_CHECKING, Final

import trio

from improtocol import NextAction
from imsdk.dialers import NurseryDialer
from imsdk.ending import Ended, words_of
from imsdk.errors import ImError

if TYPE_CHECKING:
    from imsdk.engine import Engine

DIAL_S_MAX: Final = 10.0


async def reach(engine: "Engine", nursery: trio.Nursery) -> tuple[str, trio.abc.Stream] | Ended:
    """(token, or "" when none is needed; stream), or why there is none.

    What the stream needs beside it runs in `nursery`.
    """
    token = ""
    try:
        if engine.session.needs_token:
            token = await engine.settings.fetch_token()
            if not token:
                return Ended(action=NextAction.STOP, reason="a token is needed, and there is none")
        engine.session.open(token, engine.mode)
        engine.statistics.dials += 1
        with trio.fail_after(DIAL_S_MAX):
            return token, await _dial(engine, nursery)
    except trio.TooSlowError:
        return Ended(action=NextAction.RETRY_NOW, reason="the server cannot be reached in time")
    except (OSError, trio.BrokenResourceError, trio.ClosedResourceError) as error:
        return Ended(action=NextAction.RETRY_NOW, reason=f"the server cannot be reached: {words_of(error)}")
    except ImError as error:
        return Ended(action=NextAction.RETRY_NOW, reason=str(error))
    except ValueError as error:  # a token or a URL that can never be right
        return Ended(action=NextAction.STOP, reason=str(error))


async def _dial(engine: "Engine", nursery: trio.Nursery) -> trio.abc.Stream:
    dialer, url = engine.settings.dialer, engine.settings.url
    if isinstance(dialer, NurseryDialer):
        return await dialer.dial_in(nursery, url)
    return await dialer.dial(url)
