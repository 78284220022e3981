"""Digests on resume, login and ACK: equal histories go on, others are told where they differ."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from improtocol import Body, RemoteProtocolError, ResyncReason, Text, frames, read_entry
from improtocol import commands as c
from improtocol.digest import DIGEST_MAX, sum_terms
from improtocol.entries import Erased, Recalled
from improtocol.values import pack
from imserver.core import CoreLimits
from imserver.storage.folder import DATABASE_NAME
from imserver.storage.sqlite import open_sqlite
from tests.core.house import FakeLink, House, Phone, pair, post

COLD = CoreLimits(tail_entries_max=1)


async def dialogue(house: House, count: int = 5) -> tuple[Phone, Phone]:
    """Alice has written `count` messages to bob, and he one in between; then he goes."""
    alice, bob = await pair(house)
    await bob.one(post(bob.conversation, "own"))
    await alice.do(*(post("bob", str(number)) for number in range(count - 1)))
    await bob.settle()
    bob.drop()
    return alice, bob


def claim(phone: Phone, **changes: int) -> dict[str, int]:
    """All it was sent, from position 0 on."""
    return {"digest": sum_terms(phone.entries), "span": phone.cursor} | changes


async def resume(phone: Phone, **changes: int) -> None:
    """Resume with a proof, or with `changes` to it."""
    phone.other.clear()
    phone.link = FakeLink(phone.house.core)
    frame = frames.Resume(
        session=phone.session,
        secret=phone.secret,
        epoch=phone.epoch,
        cursor=phone.cursor,
        next=phone.counter + 1,
        **claim(phone),
    )
    phone.link.say(replace(frame, **changes))
    await phone.settle()


def said(phone: Phone) -> tuple[int, int, list[tuple[int, int]]]:
    """Reason in RESUMED, its head, and (reason, verified) of each RESYNC."""
    assert phone.resumed is not None
    resyncs = [(one.reason, one.verified) for one in phone.resyncs()]
    return phone.resumed.resync, phone.resumed.head, resyncs


@pytest.mark.parametrize("limits", [None, COLD], ids=["from memory", "from the store"])
async def test_equal_histories_are_found_equal_and_go_on(house: House, limits: CoreLimits | None) -> None:
    """Own messages, which the log does not tell the device, and a recall in between do not matter."""
    if limits is not None:
        await house.restart(limits)
    alice, bob = await dialogue(house)
    await resume(bob)
    assert said(bob) == (0, 0, [])
    await alice.one(c.Recall(conversation="bob", target=2))
    await bob.settle()
    bob.drop()
    for span in (1, 3, bob.cursor):
        (digest,) = await house.store.log_sums([(2, 2, bob.cursor - span, bob.cursor)])
        await resume(bob, digest=digest, span=span)
        assert said(bob) == (0, 0, [])
        bob.drop()
    assert house.core.statistics().compared == 4
    assert house.core.statistics().diverged == 0


@pytest.mark.parametrize("limits", [None, COLD], ids=["from memory", "from the store"])
async def test_who_gets_a_message_and_its_edit_only_after_the_recall_sums_up_the_same(
    house: House, limits: CoreLimits | None
) -> None:
    if limits is not None:
        await house.restart(limits)
    alice, bob = await dialogue(house)
    target = (await alice.one(post("bob", "secret"))).value
    await alice.one(c.Edit(conversation="bob", target=target, body=Body(content=Text("better"))))
    await alice.one(c.Recall(conversation="bob", target=target))
    bob.acks = False
    cursor, held = bob.cursor, len(bob.entries)
    await resume(bob)
    late = bob.entries[held:]
    assert [type(read_entry(entry)) for entry in late] == [Erased, Erased, Recalled]
    assert bob.link is not None
    bob.link.say(frames.Ack(count=bob.cursor - cursor, digest=sum_terms(late)))
    await bob.settle()
    assert bob.resyncs() == []


@pytest.mark.parametrize("limits", [None, COLD], ids=["from memory", "from the store"])
async def test_a_device_that_holds_something_else_is_told_which_stretch_differs(
    house: House, limits: CoreLimits | None
) -> None:
    if limits is not None:
        await house.restart(limits)
    _, bob = await dialogue(house)
    del bob.entries[3]
    await resume(bob)
    assert said(bob) == (ResyncReason.DIVERGED, 0, [(ResyncReason.DIVERGED, 0)])
    bob.drop()
    await resume(bob, span=2)
    assert said(bob)[2] == [(ResyncReason.DIVERGED, bob.cursor - 2)]
    assert house.core.statistics().diverged == 2


async def test_nothing_follows_a_difference_until_the_seek(house: House) -> None:
    alice, bob = await dialogue(house)
    await alice.one(post("bob", "missed"))
    await resume(bob, digest=1)
    assert bob.resumed is not None
    assert (bob.resumed.head, bob.resumed.resync) == (bob.cursor + 1, ResyncReason.DIVERGED)
    assert "missed" not in bob.texts
    assert bob.link is not None
    bob.link.say(frames.Seek(position=bob.cursor))
    await bob.settle()
    assert bob.texts[-1] == "missed"


async def test_after_a_restart_many_are_compared_by_one_read(house: House) -> None:
    _, bob = await dialogue(house)
    await house.restart()
    asked: list[int] = []
    log_sums = house.store.log_sums

    async def counted(ranges: list[tuple[int, int, int, int]]) -> list[int]:
        asked.append(len(ranges))
        return await log_sums(ranges)

    house.store.log_sums = counted  # type: ignore[method-assign, assignment]
    await resume(bob)
    assert said(bob) == (0, 0, [])
    assert asked == [1]
    bob.drop()
    await resume(bob)
    assert asked == [1, 1], "what no tail holds is read again"


async def test_without_a_digest_nothing_is_compared(house: House) -> None:
    _, bob = await dialogue(house)
    del bob.entries[3]
    await bob.resume()
    assert said(bob) == (0, 0, [])
    assert house.core.statistics().compared == 0


async def test_a_login_is_compared_as_well(house: House) -> None:
    _, bob = await dialogue(house)
    for changes, resync in (({}, 0), ({"digest": 5}, ResyncReason.DIVERGED)):
        bob.other.clear()
        bob.link = FakeLink(house.core)
        frame = frames.Connect(
            token=house.token("bob"),
            device="phone",
            epoch=bob.epoch,
            cursor=bob.cursor,
            **claim(bob, **changes),
        )
        bob.link.say(frame)
        await bob.settle()
        assert bob.connected is not None
        assert bob.connected.resync == resync
        assert [one.reason for one in bob.resyncs()] == [resync] * bool(resync)


async def test_what_the_log_has_no_more_cannot_be_compared_and_is_said_so(house: House) -> None:
    _, bob = await dialogue(house)
    await house.restart(CoreLimits(log_positions_max=1))
    assert await house.core.trim_logs() > 0
    await resume(bob)
    assert said(bob)[2] == [(ResyncReason.RETENTION, 0)]
    bob.drop()
    await resume(bob, digest=0, span=0)
    assert said(bob) == (0, 0, [])


@pytest.mark.parametrize("trimmed", [False, True])
async def test_a_server_that_forgot_a_settled_command_says_that_histories_differ(
    house: House, trimmed: bool
) -> None:
    _, bob = await dialogue(house)
    if trimmed:  # then what the device holds of its own is not simply older than the log
        await house.restart(CoreLimits(log_positions_max=1))
        assert await house.core.trim_logs() > 0
    await resume(bob, next=bob.counter + 2)
    assert said(bob)[0] == ResyncReason.DIVERGED


async def test_the_sum_of_an_ack_is_compared_and_a_difference_begins_at_the_last_agreement(
    house: House,
) -> None:
    alice, bob = await dialogue(house)
    await resume(bob)
    bob.acks = False
    link, start, held = bob.link, bob.cursor, len(bob.entries)
    assert link is not None
    await alice.do(*(post("bob", str(number)) for number in range(3)))
    await bob.settle()
    agreed = sum_terms(bob.entries[held:])
    link.say(frames.Ack(count=bob.cursor - start, digest=agreed), frames.Ping())
    await bob.settle()
    assert bob.resyncs() == []
    agreed_to = bob.cursor
    await alice.do(post("bob", "x"), post("bob", "y"))
    await bob.settle()
    link.say(frames.Ack(count=2, digest=(agreed + 1) & DIGEST_MAX))
    await bob.settle()
    (resync,) = bob.resyncs()
    assert (resync.reason, resync.verified) == (ResyncReason.DIVERGED, agreed_to)
    link.say(frames.Seek(position=agreed_to))
    bob.cursor = agreed_to
    await bob.settle()
    assert bob.texts[-4:] == ["x", "y", "x", "y"], "the stretch came again"
    link.say(frames.Ack(count=2, digest=sum_terms(bob.entries[-2:])), frames.Ack(count=0, digest=0))
    await bob.settle()
    assert [one.verified for one in bob.resyncs()] == [agreed_to, agreed_to + 2], "an empty ACK compares too"


async def test_an_ack_with_a_digest_in_the_middle_of_a_frame_is_a_protocol_error(house: House) -> None:
    alice, bob = await dialogue(house)
    await alice.do(post("bob", "x"), post("bob", "y"))
    bob.acks = False
    await resume(bob)
    assert bob.link is not None
    with pytest.raises(RemoteProtocolError, match="frame of events"):
        bob.link.say(frames.Ack(count=1, digest=5))


# A store on a disk ------------------------------------------------------------------------------------


async def test_a_byte_that_changed_on_the_servers_disk_is_found_at_the_ack(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path, inline=True) as store, trio.open_nursery() as nursery:
        house = await House(store, COLD).open(nursery)  # type: ignore[arg-type]
        alice, bob = await dialogue(house)
        await alice.do(post("bob", "rotten"), post("bob", "last"))
        with closing(sqlite3.connect(tmp_path / DATABASE_NAME)) as db:
            found = "UPDATE record SET payload = ? WHERE payload = ?"
            assert db.execute(found, (pack("rottem"), pack("rotten"))).rowcount == 1
            db.commit()
        bob.acks = False
        cursor, held = bob.cursor, len(bob.entries)
        await resume(bob)
        assert bob.texts[-2:] == ["rottem", "last"]
        assert bob.link is not None
        bob.link.say(frames.Ack(count=bob.cursor - cursor, digest=sum_terms(bob.entries[held:])))
        await bob.settle()
        assert [(one.reason, one.verified) for one in bob.resyncs()] == [(ResyncReason.DIVERGED, cursor)]
        nursery.cancel_scope.cancel()


async def test_a_database_put_back_without_saying_so_is_found_at_the_first_resume(tmp_path: Path) -> None:
    """First by a cursor beyond its head, and, once new messages have filled it up again, by the digest."""
    backup = tmp_path / "backup.db"
    folder = tmp_path / "data"
    folder.mkdir()
    async with open_sqlite(folder, inline=True) as store, trio.open_nursery() as nursery:
        house = await House(store).open(nursery)  # type: ignore[arg-type]
        alice, bob = await dialogue(house)
        with closing(sqlite3.connect(folder / DATABASE_NAME)) as db, closing(sqlite3.connect(backup)) as copy:
            db.backup(copy)
        await resume(bob)
        await alice.do(*(post("bob", f"lost {number}") for number in range(3)))
        await bob.settle()
        bob.drop()
        nursery.cancel_scope.cancel()
    for path in folder.glob(f"{DATABASE_NAME}-*"):
        path.unlink()
    backup.replace(folder / DATABASE_NAME)
    async with open_sqlite(folder, inline=True) as store, trio.open_nursery() as nursery:
        house = House(store)  # type: ignore[arg-type]
        house.nursery = nursery
        await nursery.start(house._run)
        bob.house = house
        await resume(bob)
        assert said(bob)[2] == [(ResyncReason.FUTURE, 0)]
        bob.drop()
        carol = await house.phone("carol").connect()
        await carol.do(*(post("bob", f"new {number}") for number in range(4)))
        await resume(bob)
        assert said(bob)[2] == [(ResyncReason.DIVERGED, 0)]
        bob.drop()
        await resume(bob, digest=sum_terms(bob.entries[-2:]), span=2)
        assert said(bob)[2] == [(ResyncReason.DIVERGED, bob.cursor - 2)], "any stretch behind it shows it"
        nursery.cancel_scope.cancel()
