"""An app's own tests, as the package's docstring shows them: the SDK against the fake server."""

from pathlib import Path
from textwrap import dedent

import pytest
import trio

import imsdk
import imsdk.testing
from improtocol import Code
from imsdk.testing import Server

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000020000000308020000003610" + "00" * 16)


def connect(server: Server, user: str, **options: object):
    return imsdk.connect(
        server.url,
        token=server.token(user),
        dialer=server.dialer(),
        transfers=server.transfers(),
        **options,
    )


async def test_customer_reads_the_answer(autojump_clock) -> None:
    server = Server()
    async with connect(server, "alice") as im:
        chat = await im.conversation(with_user="shop")
        await (await chat.send(imsdk.Text("Where is my parcel?"))).acked()
        server.drop_connections()
        server.post("shop", "alice", "On its way")
        texts = []
        async for message in im.messages():
            texts.append((message.sender, message.content.text))
            if len(texts) == 2:
                break
    assert texts == [("alice", "Where is my parcel?"), ("shop", "On its way")]


async def test_sent_while_offline_arrives_once_when_online(autojump_clock) -> None:
    server = Server()
    server.offline()
    async with connect(server, "alice") as im:
        chat = await im.conversation(with_user="shop")
        sent = await chat.send("hello")
        await trio.sleep(60)
        assert server.messages("shop", "alice") == []
        server.online()
        assert await sent.acked() == 2
    assert server.messages("shop", "alice") == [("alice", imsdk.Text("hello"))]


async def test_lost_result_stores_nothing_twice(autojump_clock) -> None:
    server = Server()
    async with connect(server, "alice") as im:
        chat = await im.conversation(with_user="shop")
        server.lose_next_result()
        await (await chat.send("once")).acked()
    assert server.messages("shop", "alice") == [("alice", imsdk.Text("once"))]


@pytest.mark.parametrize("count", [0, 3, 40, 90, 141, 222])
async def test_cut_anywhere_is_survived(count: int, autojump_clock) -> None:
    server = Server()
    async with connect(server, "alice") as im:
        server.drop_after_bytes(count)
        chat = await im.conversation(with_user="shop")
        for number in range(5):
            sent = await chat.send(str(number))
        with trio.fail_after(60):
            await sent.acked()
    assert [content.text for _, content in server.messages("shop", "alice")] == list("01234")


async def test_dead_spot_is_noticed_and_left(autojump_clock) -> None:
    """Half-open: nothing fails and nothing arrives; the SDK's keepalive finds out."""
    server = Server()
    async with connect(server, "alice") as im:
        await im.connected()
        server.offline(silent=True)
        await trio.sleep(120)
        server.online()
        server.post("shop", "alice", "are you there?")
        with trio.fail_after(60):
            async for message in im.messages():
                assert message.content == imsdk.Text("are you there?")
                break


async def test_log_trimmed_away_is_resynchronised(autojump_clock) -> None:
    server = Server()
    async with connect(server, "alice") as im:
        await im.connected()
        server.offline()
        for number in range(50):
            server.post("shop", "alice", str(number))
        server.trim_log("alice", keep=5)
        await trio.testing.wait_all_tasks_blocked()  # the client has seen its connection break
        server.online()
        with trio.fail_after(60):
            await im.synced()
        (chat,) = await im.conversations()
        page = await chat.history(limit=100)
        assert [m.content.text for m in page.messages] == [str(number) for number in range(50)]


async def test_restore_from_backup_loses_only_what_the_server_lost(autojump_clock) -> None:
    server = Server()
    async with connect(server, "alice") as im:
        chat = await im.conversation(with_user="shop")
        await (await chat.send("kept")).acked()
        server.backup()
        await (await chat.send("lost by the server")).acked()
        server.restore()
        with trio.fail_after(60):
            await (await chat.send("after")).acked()
    assert [content.text for _, content in server.messages("shop", "alice")] == ["kept", "after"]


async def test_picture_survives_a_cut_upload_and_reaches_the_other_side(
    autojump_clock, tmp_path: Path
) -> None:
    server = Server()
    async with connect(server, "alice") as alice, connect(server, "bob") as bob:
        chat = await alice.conversation(with_user="bob")
        await alice.connected()
        server.drop_after_bytes(120)
        sent = await chat.send(imsdk.Image.from_bytes(PNG, name="shoes.png"))
        with trio.fail_after(120):
            await sent.acked()
            async for message in bob.messages():
                assert isinstance(message.content, imsdk.Image)
                assert (message.content.width, message.content.height) == (2, 3)
                assert (await bob.download(message)).read_bytes() == PNG
                break


async def test_the_example_of_the_docstring_runs_as_it_stands(autojump_clock) -> None:
    """Not marked by this project's settings: it brings its own mark."""
    example = imsdk.testing.__doc__.split("makes the mark needless):\n")[1].split("\n`dialer`")[0]
    place: dict[str, object] = {}
    exec(dedent(example), place)
    test = place["test_customer_reads_the_answer"]
    assert [mark.name for mark in test.pytestmark] == ["trio"]
    await test(autojump_clock)


async def test_a_picture_without_the_fake_transfers_is_refused_with_what_to_give(autojump_clock) -> None:
    server = Server()
    async with imsdk.connect(server.url, token=server.token("alice"), dialer=server.dialer()) as im:
        chat = await im.conversation(with_user="bob")
        sent = await chat.send(imsdk.Image.from_bytes(PNG, name="shoes.png"))
        with pytest.raises(imsdk.Refused, match=r"transfers=server.transfers\(\)"):
            await sent.acked()


async def test_banned_user_is_stopped(autojump_clock) -> None:
    server = Server()
    server.refuse(Code.BANNED)
    async with connect(server, "alice") as im:
        with pytest.raises(imsdk.Stopped) as stopped:
            await im.connected()
    assert stopped.value.code == Code.BANNED
