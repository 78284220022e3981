"""The shop shuts somebody out with real processes: what the app on the phone and the operator see."""

from pathlib import Path

import httpx
import trio

import imsdk
from improtocol import Code
from improtocol.queries import Link, MediaLink
from imsdk import Client, Phase
from tests.end_to_end.processes import Eager, Server, collect
from tests.end_to_end.test_behaviours import LONG_S, say, text_of


async def stopped(client: Client) -> int:
    """The code with which the client has stopped."""
    await client.engine.state_bell.wait_until(lambda: client.state.phase is Phase.STOPPED)
    return client.state.code


async def test_a_logged_out_app_asks_its_backend_for_a_token_and_stops_when_there_is_none(
    server: Server, tmp_path: Path
) -> None:
    """As after a lost phone: the backend gives one more token, and then no more."""
    tokens = [await server.token("bob") for _ in range(2)]
    asked = 0

    async def backend() -> str:
        nonlocal asked
        asked += 1
        return tokens.pop() if tokens else ""

    with trio.fail_after(LONG_S):
        async with (
            server.client("alice") as alice,
            imsdk.connect(
                server.urls["tcp"], token_provider=backend, data_dir=tmp_path, device="phone", rng=Eager()
            ) as bob,
        ):
            await bob.connected()
            shown = await server.call("user", "sessions", "bob")
            assert shown.startswith("User 'bob' of app 'default'\n  phone  logged in until ")
            assert shown.endswith(", connected")
            assert await server.call("user", "logout", "bob") == (
                "User 'bob' of app 'default': 1 session ended."
            )
            await say(alice, "bob", "after the first")
            assert [text_of(m) for m in await collect(bob, 1)] == ["after the first"]
            assert asked == 2
            await server.call("user", "logout", "bob")
            await stopped(bob)
            assert asked == 3
            assert (await server.call("user", "sessions", "bob")).endswith("\n  phone  logged out")
            assert alice.state.online


async def test_a_banned_app_stops_and_its_media_links_die_and_after_unban_it_has_everything(
    server: Server, tmp_path: Path
) -> None:
    picture = tmp_path / "price list.txt"
    picture.write_bytes(b"shoes: 5")
    with trio.fail_after(LONG_S):
        async with server.client("alice") as alice, httpx.AsyncClient() as web:
            async with server.client("bob", data_dir=tmp_path / "bob") as bob:
                chat = await alice.conversation(with_user="bob")
                await (await chat.send(imsdk.File.from_file(picture))).acked()
                (message,) = await collect(bob, 1)
                assert isinstance(message.content, imsdk.File)
                question = Link(
                    conversation=message.conversation, seq=message.seq, media=message.content.media.id
                )
                link = MediaLink.from_value(await bob.engine.query(question))
                assert (await web.get(link.url)).status_code == 200
                assert await server.call("user", "ban", "bob") == "User 'bob' of app 'default' is banned."
                assert (await web.get(link.url)).status_code == 404
                assert await stopped(bob) == Code.BANNED
            await say(alice, "bob", "while banned")
            await server.kill()
            await server.start()
            async with server.client("bob", data_dir=tmp_path / "bob") as bob:
                assert await stopped(bob) == Code.BANNED, "with his session"
            async with server.client("bob") as bob:
                assert await stopped(bob) == Code.BANNED, "with his token"
            await server.call("user", "unban", "bob")
            async with server.client("bob", data_dir=tmp_path / "bob") as bob:
                assert [text_of(m) for m in await collect(bob, 1)] == ["while banned"]
                assert (await web.get(link.url.replace(link.url.split("/media/")[0], server.http))).is_success
