"""The WebSocket as a byte stream."""

from typing import cast

import trio
from trio_websocket import WebSocketConnection

from imsdk.websocket import MESSAGE_BYTES, WebSocketStream


class Recorder:
    """Stands for a connection, and notes the messages it is given."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []

    async def send_message(self, message: bytes) -> None:
        self.messages.append(message)


async def test_what_is_sent_is_cut_into_messages_that_any_server_reads() -> None:
    """A RESUME with its flight may be longer than what a server reads before it knows who is there."""
    recorder = Recorder()
    _, messages = trio.open_memory_channel[bytes](0)
    stream = WebSocketStream(cast(WebSocketConnection, recorder), messages, trio.Event())
    data = bytes(range(256)) * 40
    await stream.send_all(data)
    assert b"".join(recorder.messages) == data
    assert max(map(len, recorder.messages)) == MESSAGE_BYTES
