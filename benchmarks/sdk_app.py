"""An app on the real SDK with its data on disk, as a process of its own: `sdk_app URL TOKEN DATA_DIR`.

Orders on stdin, one JSON a line, each answered by one on stdout that says what it cost. A first one says what
the process holds before it has connected.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import trio

import imsdk
from benchmarks.clients import TEXT
from imload.processes import usage_of


async def _send(client: imsdk.Client, to: str, count: int, *, in_turn: bool) -> None:
    """Send so many messages: each when the one before was acked, or all at once."""
    chat = await client.conversation(with_user=to)
    waiting = []
    for _ in range(count):
        sent = await chat.send(TEXT)
        if in_turn:
            await sent.acked()
        else:
            waiting.append(sent)
    for sent in waiting:
        await sent.acked()


async def _receive(client: imsdk.Client, count: int) -> None:
    """Take so many messages of others, each done with before the next."""
    left = count
    async for message in client.messages():
        await client.done(message)
        left -= not message.own
        if not left:
            return


async def _obey(client: imsdk.Client, order: dict[str, Any]) -> None:
    match order["do"]:
        case "sync":
            await client.synced()
        case "send":
            await _send(client, order["to"], order["count"], in_turn=order["in_turn"])
        case "receive":
            await _receive(client, order["count"])


def _answer(client: imsdk.Client, since: dict[str, float]) -> dict[str, float]:
    """What was used since, and what is held now."""
    figures = client.statistics()
    now = {
        "cpu_s": time.process_time(),
        "bytes_in": float(figures.bytes_in),
        "bytes_out": float(figures.bytes_out),
    }
    used = {name: value - since.get(name, 0.0) for name, value in now.items()}
    since |= now
    return used | {"memory_kib": _memory_kib()}


def _memory_kib() -> float:
    usage = usage_of(os.getpid())
    return usage.memory_kib if usage is not None else 0.0


async def _main(url: str, token: str, data_dir: Path) -> None:
    print(json.dumps({"memory_kib": _memory_kib()}), flush=True)
    since = {"cpu_s": time.process_time()}
    stdin = trio.lowlevel.FdStream(os.dup(0))
    async with imsdk.connect(url, token=token, data_dir=data_dir, device="bench") as client:
        buffer = b""
        while data := await stdin.receive_some():
            *lines, buffer = (buffer + data).split(b"\n")
            for line in lines:
                await _obey(client, json.loads(line))
                print(json.dumps(_answer(client, since)), flush=True)


if __name__ == "__main__":
    trio.run(_main, sys.argv[1], sys.argv[2], Path(sys.argv[3]))
