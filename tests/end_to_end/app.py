"""An app as a process: `app.py URL TOKEN DATA_DIR CERTIFICATE`.

Orders on stdin, reports on stdout, one JSON a line.
"""

import json
import ssl
import sys
from pathlib import Path

import trio

import imsdk
from imsdk import Client


def report(kind: str, **facts: object) -> None:
    sys.stdout.write(json.dumps({"kind": kind, **facts}) + "\n")
    sys.stdout.flush()


async def listen(client: Client) -> None:
    async for message in client.messages():
        text = getattr(message.content, "text", "")
        report("message", seq=message.seq, own=message.own, sender=message.sender, text=text)
        await client.done(message)


async def orders(client: Client) -> None:
    buffer = b""
    stdin = trio.lowlevel.FdStream(0)
    while data := await stdin.receive_some():
        buffer += data
        *lines, buffer = buffer.split(b"\n")
        for line in lines:
            await obey(client, json.loads(line))


async def obey(client: Client, order: dict[str, str]) -> None:
    match order["do"]:
        case "send":
            chat = await client.conversation(with_user=order["to"])
            await chat.send(order["text"])
            report("queued", text=order["text"])
        case "flush":
            for row in await client.pending():
                await client.sent(row.local).acked()
            report("flushed")
        case "sync":
            await client.synced()
            report("synced")


async def main(url: str, token: str, data_dir: str, certificate: str) -> None:
    context = ssl.create_default_context(cafile=certificate)
    async with (
        imsdk.connect(url, token=token, data_dir=Path(data_dir), ssl_context=context) as client,
        trio.open_nursery() as nursery,
    ):
        report("open", user=client.user)
        nursery.start_soon(listen, client)
        await orders(client)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main, sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4])
