"""What a page is counted as is no less than what it takes, so the largest one fits a frame."""

from collections.abc import Sequence

from improtocol.answers import ConversationInfo, ConversationsPage, HistoryPage
from improtocol.entries import ConversationType, Entry, Kind, Role
from improtocol.limits import (
    BODY_BYTES_MAX,
    ELEMENTS_MAX,
    EMOJI_BYTES_MAX,
    FRAME_BYTES_MAX,
    INT_MAX,
    PAGE_MAX,
    TITLE_BYTES_MAX,
    USER_BYTES_MAX,
)
from improtocol.values import pack
from imserver.storage.paging import PAGE_BYTES_MAX, REACTIONS_MAX, history_page, list_page

#: Of a REPLY frame, what is not its payload.
REPLY_BYTES = 64


def entry(kind: int, seq: int, payload: bytes, name: str = "n") -> Entry:
    """An entry that says all of its integers in full: time jumps from one end to the other."""
    return Entry(kind, INT_MAX * (seq % 2), name * USER_BYTES_MAX, INT_MAX, INT_MAX - 2 * seq, payload)


def frame_bytes(page: Sequence[Entry]) -> int:
    return len(HistoryPage(entries=tuple(page), first=INT_MAX, complete=False).to_payload()) + REPLY_BYTES


def test_the_largest_message_its_largest_edit_and_reactions_of_everybody_fit_a_frame() -> None:
    body = pack("x" * (BODY_BYTES_MAX - 3))
    assert len(body) == BODY_BYTES_MAX
    edit = entry(Kind.EDITED, 3, b"\x92" + pack(INT_MAX) + body)
    payload = pack([INT_MAX, "e" * EMOJI_BYTES_MAX, True])
    reactions = [entry(Kind.REACTED, 5 + seq, payload, "ab"[seq % 2]) for seq in range(9)]
    page, changes = history_page(
        [(entry(Kind.MESSAGE, 0, body), True), (entry(Kind.MESSAGE, 1, body), False)],
        lambda _, kind, most: {Kind.EDITED: [edit], Kind.REACTED: reactions * 999}.get(Kind(kind), [])[:most],
        PAGE_BYTES_MAX,
    )
    assert (len(page), len(changes)) == (1, 3)
    everybody = [
        entry(Kind.REACTED, 5 + seq, pack([INT_MAX, f"{seq:0{EMOJI_BYTES_MAX}}", True]))
        for seq in range(3000)
    ]
    page, changes = history_page(
        [(entry(Kind.MESSAGE, 0, body), True)],
        lambda _, kind, most: {Kind.EDITED: [edit], Kind.REACTED: everybody}.get(Kind(kind), [])[:most],
        PAGE_BYTES_MAX,
    )
    assert len(changes) > 250
    assert frame_bytes([*page, *changes]) <= FRAME_BYTES_MAX


def test_a_full_page_of_the_longest_names_and_numbers_fits_a_frame() -> None:
    """One byte less in what surrounds an entry would be counted too little here."""
    records = [(entry(Kind.RENAMED, seq, pack(["t"]), "ab"[seq % 2]), False) for seq in range(10_000)]
    page, _ = history_page(records, lambda *_: [], PAGE_BYTES_MAX)
    assert len(page) > 1000
    assert PAGE_BYTES_MAX - 200 < frame_bytes(page) - REPLY_BYTES <= PAGE_BYTES_MAX + 24


def test_a_page_with_its_changes_has_no_more_elements_than_an_array_may_have() -> None:
    reaction = Entry(Kind.REACTED, 1, "", 1, 9, pack([1, "!", True]))
    edit = Entry(Kind.EDITED, 1, "", 1, 9, pack([1, "y"]))
    records = [(Entry(Kind.MESSAGE, 1, "", 1, seq, b"\xa0"), True) for seq in range(PAGE_MAX, 0, -1)]
    distinct = [
        Entry(Kind.REACTED, 1, "", 1, 9, pack([1, f"{number}", True])) for number in range(REACTIONS_MAX + 1)
    ]
    page, changes = history_page(
        records,
        lambda seq, kind, most: (
            (distinct if seq == 1 else [reaction] * (seq == 2))[:most] if kind == Kind.REACTED else [edit]
        ),
        PAGE_BYTES_MAX,
    )
    assert len(page) + len(changes) <= ELEMENTS_MAX
    page, changes = history_page(
        records[-1:],
        lambda _, kind, most: distinct[:most] if kind == Kind.REACTED else [edit],
        PAGE_BYTES_MAX,
    )
    assert len(changes) == REACTIONS_MAX + 2


def test_the_longest_line_of_the_list_fits_a_frame_and_a_full_page_does() -> None:
    for body in (b"\xa0", pack("x" * (BODY_BYTES_MAX - 3))):
        last = Entry(Kind.MESSAGE, INT_MAX, "n" * USER_BYTES_MAX, INT_MAX, INT_MAX, body)
        line = ConversationInfo(
            conversation=INT_MAX,
            type=ConversationType.GROUP,
            title="t" * TITLE_BYTES_MAX,
            peer="p" * USER_BYTES_MAX,
            role=Role.OWNER,
            head=INT_MAX,
            first=INT_MAX,
            read=INT_MAX,
            unread=INT_MAX,
            members=INT_MAX,
            changed_ms=INT_MAX,
            last=last,
        )
        page = list_page([line] * 999, PAGE_BYTES_MAX)
        payload = ConversationsPage(head=INT_MAX, conversations=tuple(page), complete=False).to_payload()
        assert 2 <= len(page) < 999
        assert len(payload) <= PAGE_BYTES_MAX + 16
        assert len(payload) + REPLY_BYTES <= FRAME_BYTES_MAX
