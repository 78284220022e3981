"""The small client of Centrifuge: what it says is what the library's protocol asks for, byte for byte."""

import os
from pathlib import Path

import pytest

from benchmarks.peers.protocols.centrifuge import CentrifugeDevice
from benchmarks.peers.protocols.websocket import PONG, frame
from benchmarks.peers.servers import centrifuge
from tests.peers.dialogue import hear, said, server_frame


@pytest.fixture(params=[True, False], ids=["at once", "byte by byte"])
def at_once(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_centrifuge_connects_with_its_position_and_leaves_out_what_it_knows(at_once: bool) -> None:
    bob = CentrifugeDevice("bob", "pw")
    upgraded = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
    bob.connected()
    assert said(bob).startswith(b"GET /connection/websocket HTTP/1.1\r\n")
    hear(bob, upgraded, at_once=at_once)
    assert said(bob) == frame(b'{"id":1,"params":{"token":"bob.pw"}}')
    first = '{"id":1,"result":{"subs":{"#bob":{"recoverable":true,"epoch":"e","offset":4}}}}'
    hear(bob, server_frame(first), at_once=at_once)
    assert bob.attached
    bob.send("al", b"hello")
    publish = frame(b'{"id":2,"method":3,"params":{"channel":"#al","data":"hello"}}')
    assert said(bob) == publish
    hear(
        bob, server_frame('{"result":{"channel":"#bob","data":{"data":"hola","offset":5}}}'), at_once=at_once
    )

    bob.lost()
    bob.connected()
    said(bob)
    hear(bob, upgraded, at_once=at_once)
    position = b'{"#bob":{"recover":true,"epoch":"e","offset":5}}'
    assert said(bob) == frame(b'{"id":1,"params":{"token":"bob.pw","subs":' + position + b"}}")
    missed = '"recovered":true,"publications":[{"data":"hola","offset":5},{"data":"ciao","offset":6}]'
    again = '{"id":1,"result":{"subs":{"#bob":{"epoch":"e","offset":6,' + missed + "}}}}"
    hear(bob, server_frame(again), at_once=at_once)
    assert said(bob) == publish
    hear(bob, server_frame('{"id":2,"result":{}}'), at_once=at_once)
    assert (bob.acked, bob.received) == ([b"hello"], [b"hola", b"ciao"])


def test_centrifuge_goes_on_where_the_server_is_once_a_history_is_gone(at_once: bool) -> None:
    bob = CentrifugeDevice("bob", "pw")
    upgraded = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
    for position in ('"epoch":"e","offset":4', '"epoch":"f","offset":2'):
        bob.connected()
        told = '{"id":1,"result":{"subs":{"#bob":{' + position + "}}}}"
        hear(bob, upgraded + server_frame(told), at_once=at_once)
        bob.lost()
    bob.connected()
    said(bob)
    hear(bob, upgraded, at_once=at_once)
    assert b'{"recover":true,"epoch":"f","offset":2}' in said(bob)


def test_centrifuge_answers_pings_and_comes_back_when_the_server_closes(at_once: bool) -> None:
    bob = CentrifugeDevice("bob", "pw")
    bob.connected()
    said(bob)
    hear(bob, b"HTTP/1.1 101 x\r\n\r\n", at_once=at_once)
    said(bob)
    hear(bob, b"\x89\x04ping", at_once=at_once)
    assert (bob.pongs, said(bob)) == (1, frame(b"ping", PONG))
    hear(bob, b"\x88\x06\x0b\xc2gap!", at_once=at_once)
    assert bob.unreadable == "the server closed: gap!"


def test_a_server_that_is_not_built_from_the_present_source_is_missing_and_the_reason_says_how_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "centrifuge_server"
    monkeypatch.setattr(centrifuge, "_PROGRAM", program)
    peer = centrifuge.Centrifuge()
    assert peer.missing().startswith("not built")
    assert "go build -o ~/.cache/" in peer.missing()
    program.touch()
    assert peer.missing() == ""
    os.utime(program, (0, 0))
    assert peer.missing().startswith("its source is newer")
