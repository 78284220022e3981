"""The process of one app: `python -m imserver.demo.app_process --user lin ...`; the stage starts it.

Orders come as JSON lines on stdin, events go as JSON lines to stdout. It ends when it is told to quit, when
stdin ends (the stage is gone), or when it is killed.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import trio

import imsdk
from imsdk.media.transfers import HttpTransfers
from imserver.demo.app import App, Order

_LINE_BYTES_MAX = 1024 * 1024


class ViaLink(httpx.AsyncBaseTransport):
    """Sends every request to the phone's own link instead of where the URL points.

    The server names one public URL for media, as it does in life; which network the bytes cross on the way
    there is the phone's affair.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._http = httpx.AsyncHTTPTransport()

    async def network_changed(self) -> None:
        """Requests under way fail: a phone's system closes the sockets of a network that is gone."""
        old, self._http = self._http, httpx.AsyncHTTPTransport()
        await old.aclose()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(host="127.0.0.1", port=self._port)
        return await self._http.handle_async_request(request)

    async def aclose(self) -> None:
        await self._http.aclose()


def emit(event: str, **facts: object) -> None:
    """Tell the stage."""
    sys.stdout.write(json.dumps({"event": event, "at": time.monotonic(), **facts}, ensure_ascii=False) + "\n")
    sys.stdout.flush()


async def read_orders() -> AsyncIterator[Order]:
    """The orders on stdin."""
    buffer = bytearray()
    async with trio.lowlevel.FdStream(os.dup(0)) as stream:
        while data := await stream.receive_some():
            buffer += data
            if len(buffer) > _LINE_BYTES_MAX:
                raise ValueError("an order is too long")
            *lines, rest = buffer.split(b"\n")
            buffer = bytearray(rest)
            for line in lines:
                yield json.loads(line)


async def run(arguments: argparse.Namespace) -> None:
    """Open the client and obey until there are no more orders."""
    media = ViaLink(arguments.media_port)
    client = imsdk.connect(
        arguments.url,
        token=os.environ.get("IMSERVER_DEMO_TOKEN", ""),
        data_dir=arguments.data_dir,
        transfers=HttpTransfers(transport=media),
    )
    async with client as im, trio.open_nursery() as nursery:
        app = App(im, await im.conversation(with_user=arguments.peer), arguments.journal, emit)
        nursery.start_soon(app.run)
        emit("opened")
        async for order in read_orders():
            if order["do"] == "quit":
                break
            if order["do"] == "network":
                await media.network_changed()
            await app.obey(order)
        nursery.cancel_scope.cancel()


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--user", "--peer", "--url"):
        parser.add_argument(name, required=True)
    parser.add_argument("--media-port", type=int, required=True)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--journal", type=Path, required=True)
    trio.run(run, parser.parse_args())


if __name__ == "__main__":
    main()
