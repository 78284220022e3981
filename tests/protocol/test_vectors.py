"""The golden frames are what the code makes, what it understands, and what another msgpack reads in them."""

import binascii
import json
from pathlib import Path
from typing import Any

import msgpack
import msgspec
import pytest
from msgpack import fallback

from improtocol import NEED_DATA, Code, Connection, Kind, Opcode, RemoteProtocolError, Side, read_body, unpack
from improtocol.commands import Action, Op
from improtocol.content import CONTENT_TYPES
from improtocol.opcodes import ResyncReason, SignalKind
from improtocol.queries import QueryOp
from protocol.vectors import generate
from protocol.vectors.recorder import payload_of, plain

HERE = Path(generate.__file__).parent
FILES = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(HERE.glob("*.json"))}
DIALOGUES = {
    f"{name}:{dialogue['dialogue']}": dialogue["frames"]
    for name, content in FILES.items()
    if name not in ("bodies.json", "digests.json")
    for dialogue in content
}
FRAMES = [frame for frames in DIALOGUES.values() for frame in frames]
UNDERSTOOD = [frame for frame in FRAMES if "values" in frame]


def value_of(shown: Any) -> Any:
    """The reverse of `plain` for values."""
    if isinstance(shown, dict):
        if set(shown) == {"$bytes"}:
            return bytes.fromhex(shown["$bytes"])
        return {key: value_of(item) for key, item in shown.items()}
    if isinstance(shown, list):
        return [value_of(item) for item in shown]
    return shown


def test_the_committed_files_are_what_the_code_makes() -> None:
    """Or other implementations would fail: is the change meant? Then generate them anew."""
    made = generate.files()
    assert set(made) == set(FILES)
    for name, text in made.items():
        assert (HERE / name).read_text(encoding="utf-8") == text, (
            f"run python -m protocol.vectors.generate: {name}"
        )


@pytest.mark.parametrize("name", DIALOGUES)
def test_a_dialogue_is_understood_as_it_was_meant(name: str) -> None:
    ends = {side: Connection(side) for side in Side}
    for frame in DIALOGUES[name]:
        side = Side[frame["side"].upper()]
        listener = ends[side.peer]
        listener.receive_data(bytes.fromhex(frame["hex"]))
        if "error" in frame:
            with pytest.raises(RemoteProtocolError) as caught:
                listener.next_event()
            assert caught.value.code == frame["error"]
            assert frame is DIALOGUES[name][-1]
            continue
        heard = listener.next_event()
        assert plain(heard) == frame["frame"]
        assert listener.next_event() is NEED_DATA
        assert listener.state.name == frame["state"]
        if "values" in frame:
            assert not isinstance(heard, type(NEED_DATA))
            assert ends[side].send(heard).hex() == frame["hex"], "and is written the same"
        else:
            ends[side] = _replayed(DIALOGUES[name], frame, side)


def _replayed(frames: list[dict[str, Any]], last: dict[str, Any], side: Side) -> Connection:
    """A fresh end for after an odd frame, whose context it cannot have: only odd ones may follow."""
    assert all("values" not in frame for frame in frames[frames.index(last) :])
    return Connection(side)


@pytest.mark.parametrize("frame", UNDERSTOOD, ids=lambda frame: frame["name"])
def test_another_msgpack_reads_and_writes_the_same(frame: dict[str, Any]) -> None:
    payload, value = payload_of(bytes.fromhex(frame["hex"])), value_of(frame["values"])
    assert msgspec.msgpack.decode(payload) == value
    assert msgspec.msgpack.encode(value) == payload, "every frame is canonical"
    assert msgpack.unpackb(payload) == fallback.unpackb(payload) == unpack(payload) == value
    assert msgpack.Packer().pack(value) == fallback.Packer().pack(value) == payload


@pytest.mark.parametrize("body", FILES["bodies.json"], ids=lambda body: body["name"])
def test_a_body_has_one_form(body: dict[str, Any]) -> None:
    packed, value = bytes.fromhex(body["hex"]), value_of(body["values"])
    assert msgspec.msgpack.decode(packed) == value
    assert msgspec.msgpack.encode(value) == packed
    assert plain(read_body(unpack(packed))) == body["body"]


def every(key: str, kind: str) -> set[Any]:
    """All values of a key in objects of one type, anywhere in the files."""
    found: set[Any] = set()

    def look(shown: Any) -> None:
        if isinstance(shown, dict):
            if shown.get("$type") == kind:
                found.add(shown[key])
            for item in shown.values():
                look(item)
        elif isinstance(shown, list):
            for item in shown:
                look(item)

    look(FILES)
    return found


def first_of(frame: dict[str, Any]) -> Any:
    return frame["values"] if isinstance(frame["values"], int) else frame["values"][0]


def test_digests_are_those_of_the_entries_by_the_rule_of_the_specification() -> None:
    """Computed here from SPEC.md, by another CRC and with other arithmetic than the code's."""
    total = 0
    for line in FILES["digests.json"]:
        entry = line["entry"]
        payload = bytes.fromhex(entry["payload"]["$bytes"])
        sender = entry["sender"].encode()
        head = entry["conversation"].to_bytes(8, "big") + bytes([entry["kind"]])
        said = head + entry["at_ms"].to_bytes(8, "big") + bytes([len(sender)]) + sender + payload
        digest = binascii.crc32(said)
        if payload[-6:-4] == b"\xc4\x04":
            digest = int.from_bytes(payload[-4:], "big")
        x = in_32_bits(digest ^ entry["seq"] * 2654435761)
        x = in_32_bits((x ^ x // 2**16) * 2246822507)
        x = in_32_bits((x ^ x // 2**13) * 3266489909)
        term = 0 if entry["kind"] == Kind.READ else x ^ x // 2**16
        total = (total + term) % 2**32
        assert (line["digest"], line["term"], line["sum"]) == (digest, term, total)
    *whole, message, edit, _, _ = FILES["digests.json"]
    assert [message["term"], edit["term"]] == [whole[1]["term"], whole[5]["term"]], "recalls change no term"


def test_an_erased_entry_without_a_digest_is_hashed_as_it_came() -> None:
    message, edit = FILES["digests.json"][-2:]
    assert [line["entry"]["payload"]["$bytes"] for line in (message, edit)] == ["c0", "9204c0"]


def in_32_bits(number: int) -> int:
    """What is left in 32 bits."""
    return number % 2**32


def test_nothing_is_left_out() -> None:
    assert {first_of(frame) for frame in UNDERSTOOD} == set(Opcode)
    assert {frame["values"][2] for frame in UNDERSTOOD if first_of(frame) == Opcode.COMMAND} == set(Op)
    actions = {frame["frame"]["action"]["$type"] for frame in UNDERSTOOD if first_of(frame) == Opcode.COMMAND}
    assert actions == {action.__name__ for action in Action.__args__}
    contents = {body["body"]["content"]["$type"] for body in FILES["bodies.json"]}
    assert contents == {content.__name__ for content in CONTENT_TYPES.values()}
    assert every("kind", "Entry") == set(Kind)
    assert every("kind", "Signal") == set(SignalKind)
    assert every("op", "Query") == set(QueryOp)
    assert every("reason", "Resync") == set(ResyncReason)
    assert {type_ for frame in UNDERSTOOD if (type_ := frame.get("answer", {}).get("$type"))} == {
        "HistoryPage",
        "ConversationsPage",
        "MembersPage",
        "UploadSlot",
        "MediaLink",
        "PresenceList",
        "ConversationInfo",
    }
    assert every("code", "Close") | every("code", "Result") | every("code", "Reply") == set(Code)
    assert {frame["error"] for frame in FRAMES if "error" in frame} == {
        Code.PROTOCOL_ERROR,
        Code.FRAME_TOO_LARGE,
        Code.VERSION_UNSUPPORTED,
    }
