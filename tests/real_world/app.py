"""An app in a process of its own: orders as JSON lines on stdin, what happens as JSON lines on stdout.

python -m tests.real_world.app URL TOKEN DATA_DIR PEER
"""

import json
import os
import sys

import trio

import imsdk


def emit(event: str, **facts: object) -> None:
    """Tell the test."""
    sys.stdout.write(json.dumps({"event": event, **facts}) + "\n")
    sys.stdout.flush()


async def tell_messages(im: imsdk.Client) -> None:
    """Every message, once it is committed here."""
    async for message in im.messages():
        content = message.content
        text = content.text if isinstance(content, imsdk.Text) else type(content).__name__
        emit("message", text=text, own=message.own, seq=message.seq)
        await done(im, message)


async def done(im: imsdk.Client, message: imsdk.Message) -> None:
    """Remember how far the app has come, when there is room for it."""
    while True:
        try:
            await im.done(message)
        except imsdk.StorageFull:
            await trio.sleep(0.1)
        else:
            return


async def tell_states(im: imsdk.Client) -> None:
    async for state in im.states():
        emit("state", phase=state.phase.value, code=state.code)


async def send(im: imsdk.Client, peer: str, text: str) -> imsdk.Sent | None:
    try:
        chat = await im.conversation(with_user=peer)
        sent = await chat.send(imsdk.Text(text))
    except imsdk.ImError as error:
        emit("error", type=type(error).__name__, text=text[:20])
        return None
    emit("queued", text=text[:20])
    return sent


async def tell_acked(sent: imsdk.Sent, text: str) -> None:
    emit("acked", text=text[:20], seq=await sent.acked())


async def main(url: str, token: str, data_dir: str, peer: str) -> None:
    """Obey until stdin ends."""
    async with imsdk.connect(url, token=token, data_dir=data_dir) as im, trio.open_nursery() as nursery:
        nursery.start_soon(tell_messages, im)
        nursery.start_soon(tell_states, im)
        emit("opened")
        rest = b""
        async with trio.lowlevel.FdStream(os.dup(0)) as orders:
            while data := await orders.receive_some():
                *lines, rest = (rest + bytes(data)).split(b"\n")
                for line in lines:
                    order = json.loads(line)
                    if "send" in order:
                        # One after the other, as from one thumb.
                        if sent := await send(im, peer, order["send"]):
                            nursery.start_soon(tell_acked, sent, order["send"])
                    else:
                        im.network_changed()
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main, *sys.argv[1:])
