"""Pages of history: from here as far as there is no hole, then from the server."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import trio

from improtocol import limits
from improtocol.queries import History, HistoryPage
from imsdk.errors import Unavailable
from imsdk.message import Message, message_of

if TYPE_CHECKING:
    from imsdk.engine import Engine

#: Pages asked for in one call of `history`, at most.
HISTORY_TURNS_MAX: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of history in rising order.

    Neither `complete` nor `offline` and still short, or empty: the server had more records without a message
    (edits, reactions) than one call asks for. They are kept; go on before the first message here, or if there
    is none before the same one again.

    `complete`: nothing older may be seen. `offline`: the server was not asked, so older ones may be missing.
    """

    messages: tuple[Message, ...]
    complete: bool
    offline: bool = False


async def read_history(
    engine: "Engine", chat: int, conversation: int, before: int, limit: int, timeout_s: float
) -> Page:
    """See `Conversation.history`. `conversation`: the server's id of `chat`, 0 if there is none yet."""
    number = before
    found: tuple[Message, ...] = ()
    offline = complete = False
    # Each turn moves further back; the bound only guards against a server that does not.
    for _ in range(HISTORY_TURNS_MAX):
        rows = await engine.store.history(chat, number, limit - len(found))
        found = (*(message_of(row, conversation, engine.user) for row in rows.messages), *found)
        if rows.complete or len(found) >= limit or not conversation:
            # Not made yet, as far as is known here; the server may know better until all has come.
            offline = not conversation and not engine.synced
            complete = rows.complete or (not conversation and engine.synced)
            break
        number = rows.first if rows.first > 1 else 0
        try:
            most = min(max(limit, 50), limits.PAGE_MAX)
            question = History(conversation=conversation, before=number, limit=most)
            with trio.fail_after(timeout_s if engine.state.online else 0):
                page = HistoryPage.from_value(await engine.query(question, timeout_s))
        except (trio.TooSlowError, Unavailable):
            complete, offline = False, True
            break
        await engine.store.take_history(chat, page, number)
        engine.changed()
        if not page.entries or (number and page.first >= number):
            complete = page.complete
            break
    return Page(messages=found[-limit:], complete=complete, offline=offline)
