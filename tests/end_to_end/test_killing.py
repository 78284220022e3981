"""SIGKILL of the server and of the app, again and again: nothing lost, doubled or out of order."""

from pathlib import Path

import pytest
import trio

from imsdk import Client
from tests.end_to_end.processes import App, Server, collect

SCHEMES = ("tcp", "tls", "ws", "wss")


async def send_all(client: Client, texts: list[str], acked: trio.MemorySendChannel[str]) -> None:
    chat = await client.conversation(with_user="bob")
    for text in texts:
        sent = await chat.send(text)
        await sent.acked()
        acked.send_nowait(text)


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_server_killed_in_a_loop_everything_acked_arrives_once_and_in_order(
    server: Server, scheme: str, tmp_path: Path
) -> None:
    texts = [f"message {n}" for n in range(45)]
    acked: list[str] = []
    received: list[str] = []
    tell, told = trio.open_memory_channel[str](len(texts))

    async def receive(client: Client) -> None:
        received.extend(m.content.text for m in await collect(client, len(texts)))  # type: ignore[union-attr]

    with trio.fail_after(60):
        async with (
            server.client("alice", scheme, data_dir=tmp_path / "alice") as alice,
            server.client("bob", scheme, data_dir=tmp_path / "bob") as bob,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(send_all, alice, texts, tell)
            nursery.start_soon(receive, bob)
            while len(acked) < len(texts):
                acked.append(await told.receive())
                if len(acked) in {15, 30}:
                    await server.kill()
                    await server.start()
    assert acked == texts
    assert received == texts
    await server.call("verify")


async def test_app_killed_in_mid_send_in_a_loop_every_message_is_stored_once(
    server: Server, tmp_path: Path
) -> None:
    app = App(server, "alice", tmp_path / "alice")
    expected = []
    async with server.client("bob", data_dir=tmp_path / "bob") as bob:
        for life in range(4):
            await app.open()
            await app.hear("open")
            for n in range(8):
                expected.append(f"life {life} message {n}")
                await app.tell(do="send", to="bob", text=expected[-1])
            for _ in range(8):
                await app.hear("queued")  # durable in the outbox: from here on it must not be lost
            await app.kill()
        await app.open()
        await app.hear("open")
        await app.tell(do="flush")
        with trio.fail_after(30):
            await app.hear("flushed")
            received = await collect(bob, len(expected))
        await app.kill()
        assert [message.content.text for message in received] == expected  # type: ignore[union-attr]
        assert [message.seq for message in received] == list(range(2, len(expected) + 2))
    await server.call("verify")


async def test_receiver_killed_in_a_loop_sees_every_message_in_order(server: Server, tmp_path: Path) -> None:
    """The app's own view is at-least-once: what it sees again is what it had not done with."""
    app = App(server, "bob", tmp_path / "bob")
    seen: list[int] = []
    async with server.client("alice") as alice:
        chat = await alice.conversation(with_user="bob")
        for life in range(4):
            for n in range(10):
                await (await chat.send(f"{life} {n}")).acked()
            await app.open()
            with trio.fail_after(20):
                seen += [(await app.hear("message"))["seq"] for _ in range(10 if life == 3 else 5)]
            if life < 3:
                await app.kill()
        with trio.fail_after(20):
            while seen[-1] < 41:
                seen.append((await app.hear("message"))["seq"])
        await app.kill()
    first_seen = list(dict.fromkeys(seen))
    assert first_seen == list(range(2, 42)), "each once, in order, but for the last one before a kill"
    assert len(seen) - len(first_seen) <= 3


async def test_message_sent_with_no_network_app_killed_and_reopened_with_network_is_sent_once(
    server: Server, tmp_path: Path
) -> None:
    app = App(server, "alice", tmp_path / "alice")
    await app.open(url="tcp://127.0.0.1:9")  # the discard port: nobody is there
    await app.hear("open")
    await app.tell(do="send", to="bob", text="from the tunnel")
    await app.hear("queued")
    await app.kill()
    async with server.client("bob") as bob:
        for _ in range(2):
            await app.open()
            await app.hear("open")
            await app.tell(do="flush")
            with trio.fail_after(20):
                await app.hear("flushed")
            await app.kill()
        (message,) = await collect(bob, 1)
        assert message.content.text == "from the tunnel"  # type: ignore[union-attr]
        chat = await bob.conversation(with_user="alice")
        assert chat.unread == 1
        await bob.synced()
