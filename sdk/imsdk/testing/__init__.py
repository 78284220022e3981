"""imsdk.testing: a chat server in memory, so that an app's own tests need no network.

An app's test, whole, with pytest-trio (`trio_mode = true` among pytest's settings makes the mark needless):

    import imsdk
    import pytest
    from imsdk.testing import Server

    @pytest.mark.trio
    async def test_customer_reads_the_answer(autojump_clock):
        server = Server()
        async with imsdk.connect(
            server.url, token=server.token("alice"), dialer=server.dialer(), transfers=server.transfers()
        ) as im:
            chat = await im.conversation(with_user="shop")
            await (await chat.send(imsdk.Text("Where is my parcel?"))).acked()
            server.drop_connections()
            server.post("shop", "alice", "On its way")
            async for message in im.messages():
                if message.content == imsdk.Text("On its way"):
                    break

`dialer` carries the messages and `transfers` the media; without the latter pictures and files are refused.

It speaks the real protocol, so what is tested is the app with the real SDK. It is not the real server: it
trusts readable tokens, keeps everything in memory, never hangs up an idle connection, makes no thumbnails,
and tells at once who went and what was delivered, where the real one waits a little.

Rooms: `server` (the public object and its fault switches), `wire` (the in-memory network), `peer` (one
connection) with `signals` and `proofs`, `host` (what they share), `world` (all data), `commands`,
`questions` and `answers` (what they mean), `files` (media).

All of it belongs to one event loop. With `imsdk.blocking` call the switches through the client:
`im.in_loop(server.post, "shop", "alice", "On its way")`.
"""

from imsdk.testing.commands import Refused
from imsdk.testing.server import Server

__all__ = ["Refused", "Server"]
