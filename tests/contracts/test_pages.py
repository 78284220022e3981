"""Pages of history and of the conversation list: what they hold, in which order, and where they end."""

from improtocol.entries import Kind
from improtocol.queries import ConversationInfo
from improtocol.values import pack
from imserver.storage.paging import REACTIONS_MAX
from imserver.storage.store import Store
from tests.contracts.house import ROOM, House, chat

#: Bytes that an entry counts beyond its payload and its sender.
AROUND = 23


async def seqs(store: Store, **page: int) -> tuple[list[int], int]:
    entries, low = await store.history(ROOM, **({"first": 1, "before": 0, "limit": 99} | page))
    return [entry.seq for entry in entries], low


async def test_a_history_page_holds_the_newest_records_below_its_end(store: Store) -> None:
    await chat(store, 9)
    assert await seqs(store) == (list(range(1, 11)), 1)
    assert await seqs(store, limit=3) == ([8, 9, 10], 8)
    assert await seqs(store, before=8, limit=3) == ([5, 6, 7], 5)
    assert await seqs(store, first=4, before=6) == ([4, 5], 4)
    assert await seqs(store, first=4, before=4) == ([], 4)
    assert await seqs(store, first=11) == ([], 11)
    assert await seqs(store, before=99, limit=2) == ([9, 10], 9)


async def test_a_history_page_is_bounded_in_bytes_and_never_empty_for_it(store: Store) -> None:
    await chat(store, 9)
    one = AROUND + len("alice") + len(pack("x"))
    assert await seqs(store, bytes_max=3 * one) == ([8, 9, 10], 8)
    assert await seqs(store, bytes_max=4 * one - 1) == ([8, 9, 10], 8)
    assert await seqs(store, bytes_max=1) == ([10], 10)


async def test_changes_to_a_page_follow_it_in_order(store: Store) -> None:
    house = await chat(store, 9)
    await house.append(
        house.change("alice", Kind.EDITED, 4, pack([4, "y"]), "bob"),
        house.change("bob", Kind.REACTED, 2, pack([2, "!", True]), "bob"),
        house.change("bob", Kind.REACTED, 5, pack([5, "!", True]), "bob"),
        house.change("bob", Kind.REACTED, 5, pack([5, "!", False]), "bob"),
    )
    assert await seqs(store, before=6, limit=3) == ([3, 4, 5, 11, 14], 3)
    assert await seqs(store) == (list(range(1, 15)), 1), "none twice"
    assert await seqs(store, limit=2) == ([13, 14], 13)
    assert await seqs(store, before=14, limit=2) == ([12, 13], 12)


async def test_of_the_later_changes_to_a_message_a_page_has_those_that_decide(store: Store) -> None:
    house = await chat(store, 2)
    await house.append(
        house.change("alice", Kind.EDITED, 2, pack([2, "y"]), "bob"),
        house.change("alice", Kind.EDITED, 2, pack([2, "z"]), "bob"),  # 5
        house.change("bob", Kind.REACTED, 2, pack([2, "!", True]), "bob"),
        house.change("bob", Kind.REACTED, 2, pack([2, "?", True]), "bob"),  # 7
        house.change("alice", Kind.REACTED, 2, pack([2, "!", True]), "bob"),  # 8
        house.change("bob", Kind.REACTED, 2, pack([2, "!", False]), "bob"),
        house.change("bob", Kind.REACTED, 2, pack([2, "!", True]), "bob"),
        house.change("bob", Kind.REACTED, 2, pack([2, "!", False]), "bob"),  # 11
    )
    assert await seqs(store, before=4, limit=2) == ([2, 3, 5, 7, 8, 11], 2)
    await house.append(house.change("alice", Kind.RECALLED, 2, pack([2]), "bob"))
    assert await seqs(store, before=4, limit=2) == ([2, 3, 5, 7, 8, 11, 12], 2)
    assert await seqs(store, before=8, limit=7) == ([1, 2, 3, 4, 5, 6, 7, 8, 11, 12], 1)


async def test_a_page_is_cut_where_it_does_not_fit_with_its_changes(store: Store) -> None:
    house = await chat(store, 3)
    for seq in (2, 4):
        await house.append(house.change("alice", Kind.EDITED, seq, pack([seq, "y" * 1000]), "bob"))
    assert await seqs(store, before=5, bytes_max=2350) == ([1, 2, 3, 4, 5, 6], 1)
    assert await seqs(store, before=5, bytes_max=2000) == ([3, 4, 6], 3)
    assert await seqs(store, before=3, bytes_max=2000) == ([1, 2, 5], 1)
    assert await seqs(store, before=5, bytes_max=1) == ([4, 6], 4), "one record with its edit always comes"


async def test_of_more_reactions_than_fit_one_message_has_the_newest(store: Store) -> None:
    house = await chat(store, 2)
    for number in range(9):
        await house.append(house.change("bob", Kind.REACTED, 3, pack([3, f"{number}", True]), "bob"))
    message = AROUND + len("alice") + len(pack("x"))
    reaction = AROUND + len("bob") + len(pack([3, "0", True]))
    assert await seqs(store, before=4, bytes_max=message + 4 * reaction) == ([3, 9, 10, 11, 12], 3)
    assert await seqs(store, before=4, bytes_max=2 * message + 9 * reaction) == ([2, 3, *range(4, 13)], 2)


async def test_a_page_looks_at_a_bounded_number_of_reactions(store: Store) -> None:
    house = await chat(store, 2)
    on = house.change("bob", Kind.REACTED, 2, pack([2, "?", True]))
    await house.append(on)
    toggles = [
        house.change("bob", Kind.REACTED, target, pack([target, "!", bool(number % 2)]))
        for target in (2, 3)
        for number in range(REACTIONS_MAX)
    ]
    await house.append(*toggles)
    last = 4 + 2 * REACTIONS_MAX
    assert await seqs(store, before=4) == ([3, last], 3), "the other message has a page of its own"
    assert await seqs(store, before=3) == ([1, 2, last - REACTIONS_MAX], 1), "the oldest of them is not told"


async def test_the_list_goes_by_activity_then_by_id_in_pages(store: Store) -> None:
    house = await House.build(store)
    for number, at_ms in enumerate((30, 10, 20, 20, 5)):
        await house.room("alice", "bob", room=number + 1)
        await house.append(house.message("alice", "x", "bob", conversation=number + 1, at_ms=at_ms))
    bob = house.users["bob"]
    seen: list[tuple[int, int]] = []
    before, complete = (0, 0), False
    while not complete:
        infos, complete = await store.conversation_infos(bob, before=before, limit=2)
        seen += [(info.changed_ms, info.conversation) for info in infos]
        before = seen[-1]
    assert seen == [(30, 1), (20, 4), (20, 3), (10, 2), (5, 5)]
    infos, complete = await store.conversation_infos(bob, limit=5)
    assert (len(infos), complete) == (5, True)


async def test_by_id_the_list_goes_on_where_it_was_whatever_has_moved(store: Store) -> None:
    house = await House.build(store)
    for number in (1, 2, 3, 4, 5):
        await house.room("alice", "bob", room=number)
        await house.append(house.message("alice", "x", "bob", conversation=number, at_ms=number))
    bob = house.users["bob"]
    seen: list[int] = []
    complete = False
    while not complete:
        infos, complete = await store.conversation_infos(bob, after=seen[-1] if seen else 0, limit=2)
        seen += [info.conversation for info in infos]
        await house.append(house.message("alice", "y", "bob", conversation=4, at_ms=100 + len(seen)))
    assert seen == [1, 2, 3, 4, 5]


async def test_a_page_of_the_list_is_bounded_in_bytes_in_either_order_and_never_empty_for_it(
    store: Store,
) -> None:
    house = await House.build(store)
    for number in (1, 2, 3, 4, 5):
        await house.room("alice", "bob", room=number, title="t" * 100)
        await house.append(house.message("alice", "x" * 1000, "bob", conversation=number, at_ms=number))
    bob = house.users["bob"]
    for bytes_max, pages in ((1, [1, 1, 1, 1, 1]), (2600, [2, 2, 1]), (9999, [5])):
        for by_id in (False, True):
            seen: list[ConversationInfo] = []
            sizes: list[int] = []
            complete = False
            while not complete:
                before = (seen[-1].changed_ms, seen[-1].conversation) if seen and not by_id else (0, 0)
                after = (seen[-1].conversation if seen else 0) if by_id else None
                infos, complete = await store.conversation_infos(
                    bob, before=before, after=after, limit=9, bytes_max=bytes_max
                )
                seen += infos
                sizes.append(len(infos))
            assert sizes == pages
            assert [info.conversation for info in seen] == ([1, 2, 3, 4, 5] if by_id else [5, 4, 3, 2, 1])
