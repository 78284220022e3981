"""Records dialogues of a client and a server as JSON that an implementation in any language can check."""

from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from improtocol import NEED_DATA, Connection, Entry, Frame, RemoteProtocolError, Side, read_entry, unpack
from improtocol.framing import FrameBuffer
from improtocol.steps import STEPS


def plain(value: Any) -> Any:
    """`value` in JSON's types: bytes as `{"$bytes": hex}`, an object as its fields and `$type`."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return {"$bytes": value.hex()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if is_dataclass(value):
        shown = {"$type": type(value).__name__}
        shown |= {field.name: plain(getattr(value, field.name)) for field in fields(value)}
        if isinstance(value, Entry):
            shown["$means"] = plain(read_entry(value))
        return shown
    return value


def payload_of(framed: bytes) -> bytes:
    """The msgpack value inside one frame."""
    buffer = FrameBuffer()
    buffer.feed(framed)
    payload = buffer.take()
    assert payload is not None
    return payload


class Dialogue:
    """Frames that follow each other on one connection: each one's context is those before it.

    Args:
        name: what the dialogue shows.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.frames: list[dict[str, Any]] = []
        self._ends = {side: Connection(side) for side in Side}

    def client(self, name: str, frame: Frame, meaning: str = "") -> "Dialogue":
        """The client says `frame`."""
        return self._say(Side.CLIENT, name, frame, meaning)

    def server(self, name: str, frame: Frame, meaning: str = "", **more: Any) -> "Dialogue":
        """The server says `frame`; `more` is shown beside it, as the answer that a payload holds."""
        return self._say(Side.SERVER, name, frame, meaning, **more)

    def _say(self, side: Side, name: str, frame: Frame, meaning: str, **more: Any) -> "Dialogue":
        framed = self._ends[side].send(frame)
        heard = self._hear(side, framed)
        assert heard == frame, (heard, frame)
        self.frames.append(
            {
                "name": name,
                "side": side.name.lower(),
                "hex": framed.hex(),
                "values": plain(unpack(payload_of(framed))),
                "frame": plain(frame),
                "state": self._ends[side].state.name,
                **({"meaning": meaning} if meaning else {}),
                **{key: plain(value) for key, value in more.items()},
            }
        )
        return self

    def odd(self, side: Side, name: str, framed: bytes, meaning: str) -> "Dialogue":
        """`side` says bytes that this code would not write but must understand."""
        heard = self._hear(side, framed)
        self.frames.append(
            {
                "name": name,
                "side": side.name.lower(),
                "hex": framed.hex(),
                "frame": plain(heard),
                "state": self._ends[side].state.name,
                "meaning": meaning,
            }
        )
        return self

    def broken(self, side: Side, name: str, framed: bytes, meaning: str) -> "Dialogue":
        """`side` says bytes that end the connection. The last frame of a dialogue."""
        try:
            self._hear(side, framed)
        except RemoteProtocolError as error:
            entry = {
                "name": name,
                "side": side.name.lower(),
                "hex": framed.hex(),
                "error": int(error.code),
                "meaning": meaning,
            }
            self.frames.append(entry)
            return self
        raise AssertionError(f"{name} is understood")

    def _hear(self, side: Side, framed: bytes) -> Frame:
        peer = self._ends[side.peer]
        peer.receive_data(framed)
        heard = peer.next_event()
        assert heard is not NEED_DATA
        assert peer.next_event() is NEED_DATA
        # What was odd is understood by one end and not written by the other, whose state must follow.
        self._ends[side].step = STEPS[peer.state, side]
        return heard

    def as_json(self) -> dict[str, Any]:
        """The dialogue as it goes into a file."""
        return {"dialogue": self.name, "frames": self.frames}
