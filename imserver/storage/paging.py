"""What fits on a page of history or of the conversation list. The same for every store."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

from improtocol import limits
from improtocol.entries import Entry, Kind
from improtocol.queries import ConversationInfo

#: The bytes of a page unless asked otherwise, counted as they travel at most. A message and its newest edit
#: leave room for 280 reactions with the longest names and emoji, or for 1,500 usual ones.
PAGE_BYTES_MAX: Final = 192 * 1024
#: Later reactions that a history page looks at. However often somebody sets one and takes it back, a page
#: costs no more.
REACTIONS_MAX: Final = 2048
#: What stands around a payload and its sender's name: the header, the kind, the time, the name's header, nil
#: for the conversation, which only the first entry names, the sequence number (`improtocol.event_codec`).
_ENTRY_BYTES: Final = 1 + 1 + 9 + 2 + 1 + 9
#: A line of the list without its texts: two headers, twelve integers, four headers of texts.
_LINE_BYTES: Final = 2 + 12 * 9 + 4 * 5

assert PAGE_BYTES_MAX + 1024 < limits.FRAME_BYTES_MAX
assert 3 * limits.BODY_BYTES_MAX <= PAGE_BYTES_MAX, "a message, its newest edit, and room for reactions"
assert 3 * limits.PAGE_MAX + REACTIONS_MAX <= limits.ELEMENTS_MAX

#: (message, kind, most): the newest changes of this kind that came after the page, newest first.
Later: TypeAlias = Callable[[int, Kind, int], Sequence[Entry]]


def history_page(
    records: Iterable[tuple[Entry, bool]], later: Later, bytes_max: int
) -> tuple[list[Entry], list[Entry]]:
    """As many of `records` as fit together with what decides of the later changes to them.

    At least one record, with its newest edit and its recall whatever their size; of the reactions to it, if
    they do not fit, the newest that do.

    Args:
        records: newest first, each with whether it was changed later.
        later: finds the changes.
        bytes_max: of both together.

    Returns the records and the changes, both in rising order.
    """
    page: list[Entry] = []
    changes: list[Entry] = []
    reactions_left = REACTIONS_MAX
    for record, changed in records:
        decisive: list[Entry] = []
        looked_at = 0
        if changed:
            reactions = later(record.seq, Kind.REACTED, reactions_left + 1)
            looked_at = len(reactions)
            decisive += later(record.seq, Kind.EDITED, 1)
            decisive += later(record.seq, Kind.RECALLED, 1)
            decisive += _newest_of_each(reactions[:reactions_left])
        bytes_max -= sum(map(_entry_bytes, (record, *decisive)))
        if page and (bytes_max < 0 or looked_at > reactions_left):
            break
        while bytes_max < 0 and decisive and decisive[-1].kind == Kind.REACTED:
            bytes_max += _entry_bytes(decisive.pop())
        reactions_left = max(0, reactions_left - looked_at)
        page.append(record)
        changes += decisive
    page.reverse()
    changes.sort(key=lambda entry: entry.seq)
    return page, changes


def list_page(infos: Iterable[ConversationInfo], bytes_max: int) -> list[ConversationInfo]:
    """As many lines as fit, at least one if there is any."""
    page: list[ConversationInfo] = []
    for info in infos:
        bytes_max -= _LINE_BYTES + len(info.title.encode()) + len(info.peer.encode())
        if info.last is not None:
            bytes_max -= len(info.last.payload) + len(info.last.sender.encode())
        if page and bytes_max < 0:
            break
        page.append(info)
    return page


def _newest_of_each(reactions: Iterable[Entry]) -> Iterable[Entry]:
    """Of each user and emoji the first; the others were superseded."""
    newest: dict[tuple[str, bytes], Entry] = {}
    for entry in reactions:
        # All but the last byte of `[message, emoji, on]` say which.
        newest.setdefault((entry.sender, entry.payload[:-1]), entry)
    return newest.values()


def _entry_bytes(entry: Entry) -> int:
    return _ENTRY_BYTES + len(entry.sender.encode()) + len(entry.payload)
