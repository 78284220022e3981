"""What a shop would try first, with real processes and the SDK."""

import hashlib
import os
import time
from pathlib import Path

import httpx
import pytest
import trio
import trio.testing

import imsdk
from improtocol import NEED_DATA, Connection, Side, frames
from improtocol.queries import Link, MediaLink
from imsdk import Client, Message
from tests.end_to_end.processes import Server, collect
from tests.end_to_end.proxy import Proxy

SCHEMES = ("tcp", "tls", "ws", "wss")
LONG_S = 60


def text_of(message: Message) -> str:
    assert isinstance(message.content, imsdk.Text)
    return message.content.text


async def say(client: Client, to: str, text: str) -> int:
    chat = await client.conversation(with_user=to)
    return await (await chat.send(text)).acked()


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_two_users_chat_over_every_transport(server: Server, scheme: str) -> None:
    with trio.fail_after(LONG_S):
        async with server.client("alice", scheme) as alice, server.client("bob", scheme) as bob:
            assert await say(alice, "bob", "您好") == 2
            assert await say(bob, "alice", "hello") == 3
            assert [text_of(m) for m in await collect(bob, 1)] == ["您好"]
            assert [text_of(m) for m in await collect(alice, 1)] == ["hello"]


async def test_message_to_a_user_who_never_connected_waits_also_through_a_restart(server: Server) -> None:
    with trio.fail_after(LONG_S):
        async with server.client("alice") as alice:
            await say(alice, "bob", "are you there?")
        await server.kill()
        await server.start()
        async with server.client("bob") as bob:
            assert [text_of(m) for m in await collect(bob, 1)] == ["are you there?"]


async def until_read(client: Client) -> None:
    """Return once this device knows that nothing is unread."""
    async for _ in client.changes():
        if (await client.conversation(with_user="bob")).unread == 0:
            return


async def test_two_devices_of_one_user_see_everything_and_agree_on_read_state(
    server: Server, tmp_path: Path
) -> None:
    with trio.fail_after(LONG_S):
        async with (
            server.client("alice", data_dir=tmp_path / "phone") as phone,
            server.client("alice", data_dir=tmp_path / "tablet") as tablet,
            server.client("bob") as bob,
        ):
            await say(phone, "bob", "from the phone")
            await say(bob, "alice", "from bob")
            seen = []
            async for message in tablet.messages():
                seen.append((text_of(message), message.own))
                if len(seen) == 2:
                    break
            assert seen == [("from the phone", True), ("from bob", False)]
            await collect(phone, 1)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(until_read, tablet)
                await trio.testing.wait_all_tasks_blocked()
                marked = await (await phone.conversation(with_user="bob")).mark_read()
                assert marked is not None
                await marked.acked()


async def test_edited_and_recalled_while_away_the_final_state_is_right(
    server: Server, tmp_path: Path
) -> None:
    with trio.fail_after(LONG_S):
        async with server.client("alice") as alice:
            async with server.client("bob", data_dir=tmp_path / "bob") as bob:
                typo, secret = await say(alice, "bob", "typo"), await say(alice, "bob", "secret")
                await collect(bob, 2)
            chat = await alice.conversation(with_user="bob")
            await (await chat.edit(typo, "fixed")).acked()
            await (await chat.recall(secret)).acked()
            for data_dir in (tmp_path / "bob", tmp_path / "bob's new phone"):
                async with server.client("bob", data_dir=data_dir) as bob:
                    await bob.synced()
                    chat = await bob.conversation(with_user="alice")
                    messages = {m.seq: m for m in (await chat.history()).messages}
                    assert text_of(messages[typo]) == "fixed"
                    assert messages[secret].recalled


async def test_device_clocks_wrong_by_a_day_have_no_effect(server: Server) -> None:
    day_ms = 86_400_000
    with trio.fail_after(LONG_S):
        async with (
            server.client("alice", clock_ahead_ms=-day_ms) as alice,
            server.client("bob", clock_ahead_ms=day_ms) as bob,
        ):
            for n in range(3):
                await say(alice, "bob", f"a{n}")
                await say(bob, "alice", f"b{n}")
            messages = await collect(bob, 3)
            assert [text_of(m) for m in messages] == ["a0", "a1", "a2"]
            chat = await bob.conversation(with_user="alice")
            page = await chat.history()
            assert [text_of(m) for m in page.messages] == ["a0", "b0", "a1", "b1", "a2", "b2"]
            times_ms = [message.at_ms for message in page.messages]
            assert times_ms == sorted(times_ms), "times are the server's"
            assert abs(times_ms[-1] - time.time_ns() // 1_000_000) < day_ms / 2


async def test_an_app_reinstalled_under_its_old_device_name_has_everything_its_own_messages_too(
    server: Server, tmp_path: Path
) -> None:
    """The log does not tell a device what it said itself: a RESYNC and its snapshot do."""
    with trio.fail_after(LONG_S):
        async with server.client("bob") as bob:
            async with server.client("alice", data_dir=tmp_path / "old", device="d1") as alice:
                await say(alice, "bob", "mine")
                await say(bob, "alice", "yours")
                await collect(alice, 1)
            async with server.client("alice", data_dir=tmp_path / "new", device="d1") as alice:
                await alice.synced()
                chat = await alice.conversation(with_user="bob")
                page = await chat.history()
                assert [text_of(m) for m in page.messages] == ["mine", "yours"]
                assert await say(alice, "bob", "again") == 4
                await say(bob, "alice", "welcome back")
                async for message in alice.messages():
                    if text_of(message) == "welcome back":
                        break


async def test_silent_drop_the_new_connection_works_at_once_and_has_everything(
    server: Server, tmp_path: Path
) -> None:
    with trio.fail_after(LONG_S):
        async with trio.open_nursery() as nursery:
            proxy = Proxy(lambda: server.urls["tcp"])
            await nursery.start(proxy.run)
            url = f"tcp://127.0.0.1:{proxy.port}"
            async with (
                server.client("bob", data_dir=tmp_path / "bob", url=url) as bob,
                server.client("alice") as alice,
            ):
                await say(alice, "bob", "before")
                await collect(bob, 1)
                proxy.freeze()  # half-open: neither end hears of it
                await say(alice, "bob", "in the lift")
                bob.network_changed("cellular")
                assert [text_of(m) for m in await collect(bob, 1)] == ["in the lift"]
                await say(bob, "alice", "back again")
                assert [text_of(m) for m in await collect(alice, 1)] == ["back again"]
            nursery.cancel_scope.cancel()


async def test_removed_member_gets_nothing_more_not_even_by_history_or_media_link(
    server: Server, tmp_path: Path
) -> None:
    with trio.fail_after(LONG_S):
        async with server.client("alice") as alice, server.client("bob") as bob, httpx.AsyncClient() as web:
            group = await alice.create_group("team", members=["bob"])
            document = tmp_path / "plan.txt"
            document.write_text("the plan\n" * 100)
            await (await group.send(imsdk.File.from_file(document))).acked()
            (message,) = await collect(bob, 1)
            assert isinstance(message.content, imsdk.File)
            question = Link(
                conversation=message.conversation, seq=message.seq, media=message.content.media.id
            )
            link = MediaLink.from_value(await bob.engine.query(question))
            assert (await web.get(link.url)).status_code == 200
            await (await group.remove("bob")).acked()
            await (await group.send("he is gone")).acked()
            assert (await web.get(link.url)).status_code in {403, 404}
            with pytest.raises(imsdk.Refused):
                await bob.engine.query(question)
            await bob.synced()
            await say(alice, "bob", "goodbye")
            assert [text_of(m) for m in await collect(bob, 1)] == ["goodbye"]


async def test_upload_of_20_mb_cut_ten_times_resumes_and_is_one_blob(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    server = Server(tmp_path, certificate)
    try:
        with trio.fail_after(LONG_S):
            async with trio.open_nursery() as nursery:
                proxy = Proxy(lambda: server.http)
                await nursery.start(proxy.run)
                server.public_url = f"http://127.0.0.1:{proxy.port}"
                await server.start()
                proxy.cut_after_bytes, proxy.cuts_left = 1_500_000, 10
                film = tmp_path / "film.bin"
                film.write_bytes(os.urandom(20_000_000))
                async with server.client("alice") as alice, server.client("bob") as bob:
                    chat = await alice.conversation(with_user="bob")
                    await (await chat.send(imsdk.File.from_file(film))).acked()
                    assert proxy.cuts == 10
                    (message,) = await collect(bob, 1)
                    copy = await bob.download(message)
                    digest = hashlib.sha256(film.read_bytes()).hexdigest()
                    assert hashlib.sha256(copy.read_bytes()).hexdigest() == digest
                nursery.cancel_scope.cancel()
            blobs = [path for path in server.data_dir.rglob("*") if path.is_file()]
            assert sum(path.stat().st_size >= 20_000_000 for path in blobs) == 1
            await server.call("verify")
    finally:
        server.stop_now()


async def test_server_restarted_with_1000_sessions_attached_all_resume_without_logging_in(
    server: Server,
) -> None:
    token = await server.token("crowd")
    sessions: list[frames.Connected] = []

    async def attach(first: frames.Connect | frames.Resume) -> tuple[trio.SocketStream, object]:
        host, port = server.urls["tcp"].removeprefix("tcp://").split(":")
        stream = await trio.open_tcp_stream(host, int(port))
        connection = Connection(Side.CLIENT)
        await stream.send_all(connection.send(first))
        while (frame := connection.next_event()) is NEED_DATA:
            data = await stream.receive_some()
            assert data, "hung up"
            connection.receive_data(data)
        return stream, frame

    with trio.fail_after(LONG_S):
        streams = []
        for n in range(1000):
            stream, frame = await attach(frames.Connect(token=token, device=f"device {n}"))
            assert isinstance(frame, frames.Connected), frame
            sessions.append(frame)
            streams.append(stream)
        await server.kill()
        for stream in streams:
            await stream.aclose()
        await server.start()
        answers: list[object] = []
        opened: list[trio.SocketStream] = []

        async def resume(known: frames.Connected) -> None:
            stream, frame = await attach(
                frames.Resume(session=known.session, secret=known.secret, epoch=known.epoch, cursor=0, next=1)
            )
            opened.append(stream)
            answers.append(frame)

        async with trio.open_nursery() as nursery:
            for known in sessions:
                nursery.start_soon(resume, known)
        for stream in opened:
            await stream.aclose()
    assert len(answers) == 1000
    assert all(isinstance(answer, frames.Resumed) for answer in answers)
