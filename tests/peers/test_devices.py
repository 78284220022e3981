"""Each small client speaks its protocol: what it says is what the protocol's text asks for, byte for byte."""

import pytest

from benchmarks.peers.protocols.floor import FloorDevice
from benchmarks.peers.protocols.longpoll import PollDevice, PostDevice
from benchmarks.peers.protocols.mqtt import MqttDevice
from benchmarks.peers.protocols.nats import NatsDevice
from benchmarks.peers.protocols.socketio import SocketIoDevice
from benchmarks.peers.protocols.websocket import TEXT, WebSocket, frame
from benchmarks.peers.protocols.xmpp import XmppDevice
from tests.peers.dialogue import hear, said, server_frame


@pytest.fixture(params=[True, False], ids=["at once", "byte by byte"])
def at_once(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_mqtt_subscribes_once_sends_again_as_duplicate_and_acknowledges(at_once: bool) -> None:
    bob = MqttDevice("bob", "bob", "pw")
    bob.connected()
    connect = b"\x10\x18\x00\x04MQTT\x04\xc0\x02\x58\x00\x03bob\x00\x03bob\x00\x02pw"
    assert said(bob) == connect
    hear(bob, b"\x20\x02\x00\x00", at_once=at_once)
    assert said(bob) == b"\x82\x0a\x00\x01\x00\x05u/bob\x01"
    hear(bob, b"\x90\x03\x00\x01\x01", at_once=at_once)
    assert bob.attached

    bob.send("al", b"hello")
    assert said(bob) == b"\x32\x0d\x00\x04u/al\x00\x01hello"
    bob.lost()
    bob.connected()
    said(bob)
    hear(bob, b"\x20\x02\x01\x00", at_once=at_once)
    assert bob.attached
    assert said(bob) == b"\x3a\x0d\x00\x04u/al\x00\x01hello"
    hear(bob, b"\x40\x02\x00\x01" + b"\x32\x0d\x00\x05u/bob\x00\x09hola", at_once=at_once)
    assert said(bob) == b"\x40\x02\x00\x09"
    assert (bob.acked, bob.received, bob.outbox) == ([b"hello"], [b"hola"], {})


def test_mqtt_reads_lengths_of_two_bytes(at_once: bool) -> None:
    bob = MqttDevice("bob", "bob", "pw")
    bob.connected()
    body = b"x" * 200
    hear(bob, b"\x32\xd1\x01\x00\x05u/bob\x00\x09" + body, at_once=at_once)
    assert bob.received == [body]


def test_nats_creates_its_consumer_once_and_leaves_out_what_it_knows(at_once: bool) -> None:
    bob = NatsDevice("bob", "pw")
    bob.connected()
    assert said(bob).endswith(b"SUB r.bob.* 1\r\nSUB d.bob 2\r\nPING\r\n")
    hear(bob, b'INFO {"server_id":"x"} \r\nPONG\r\n', at_once=at_once)
    assert said(bob).startswith(b"PUB $JS.API.CONSUMER.DURABLE.CREATE.INBOX.bob r.bob.c ")
    hear(bob, b'MSG r.bob.c 1 13\r\n{"name":"bob"}\r\n'.replace(b" 13", b" 14"), at_once=at_once)
    assert bob.attached

    bob.send("al", b"hello")
    assert said(bob) == b"HPUB u.al r.bob.1 32 37\r\nNATS/1.0\r\nNats-Msg-Id: bob-1\r\n\r\nhello\r\n"
    hear(bob, b'MSG r.bob.1 1  9\r\n{"seq":7}\r\n', at_once=at_once)
    assert bob.acked == [b"hello"]

    reply = b"$JS.ACK.INBOX.bob.1.12.3.1795302794865804338.0"
    event = b"HMSG u.bob 2 " + reply + b" 12 16\r\nNATS/1.0\r\n\r\nhola\r\n"
    hear(bob, event + event, at_once=at_once)
    assert bob.received == [b"hola"]
    assert said(bob) == (b"PUB " + reply + b" 0\r\n\r\n") * 2


def test_a_poll_follows_the_other_and_tells_the_cursor(at_once: bool) -> None:
    bob = PollDevice("bob", "pw")
    bob.connected()
    assert said(bob).startswith(b"GET /poll?after=0&wait=0 HTTP/1.1\r\n")
    body = b'{"cursor":5,"messages":["hola"]}'
    hear(bob, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body, at_once=at_once)
    assert (bob.attached, bob.received) == (True, [b"hola"])
    assert said(bob).startswith(b"GET /poll?after=5&wait=60 HTTP/1.1\r\n")


def test_an_app_that_does_not_wait_asks_for_news_only_when_told_to(at_once: bool) -> None:
    bob = PollDevice("bob", "pw", wait_s=0)
    bob.connected()
    said(bob)
    for cursor in (5, 6):
        body = b'{"cursor":%d,"messages":["hola"]}' % cursor
        hear(bob, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body, at_once=at_once)
        assert said(bob) == b""
        bob.ping()
        assert said(bob).startswith(b"GET /poll?after=%d&wait=0 HTTP/1.1\r\n" % cursor)
    assert (bob.pongs, bob.received) == (1, [b"hola"] * 2)


def test_a_post_is_sent_again_under_its_number(at_once: bool) -> None:
    alice = PostDevice("al", "pw")
    alice.connected()
    alice.send("bob", b"hello")
    first = said(alice)
    assert first.startswith(b"POST /send?id=1&to=bob HTTP/1.1\r\n")
    alice.lost()
    alice.connected()
    assert said(alice) == first
    hear(alice, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", at_once=at_once)
    assert alice.acked == [b"hello"]


def test_the_floor_acknowledges_by_number(at_once: bool) -> None:
    alice = FloorDevice("al", "pw")
    alice.connected()
    assert said(alice) == b"\x06Hal\0pw"
    hear(alice, b"\x01h", at_once=at_once)
    alice.send("bob", b"hello")
    assert said(alice) == b"\x0cM\x00\x01bob\0hello"
    hear(alice, b"\x03a\x00\x01\x05Dhola\x01p", at_once=at_once)
    assert (alice.acked, alice.received, alice.pongs) == ([b"hello"], [b"hola"], 1)


def test_socketio_recovers_with_its_private_id_and_the_last_offset(at_once: bool) -> None:
    bob = SocketIoDevice("bob", "pw")
    upgraded = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
    bob.connected()
    assert said(bob).startswith(b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n")
    hear(bob, upgraded + server_frame('0{"sid":"a"}'), at_once=at_once)
    assert said(bob) == frame(b'40{"name":"bob","password":"pw"}')
    hear(bob, server_frame('40{"sid":"b","pid":"secret"}'), at_once=at_once)
    assert not bob.attached
    hear(bob, server_frame('42["welcome","o1"]') + server_frame('42["message","hola","o2"]'), at_once=at_once)
    assert (bob.attached, bob.received) == (True, [b"hola"])
    bob.send("al", b"hello")
    assert said(bob) == frame(b'421["post","al","hello"]')

    bob.lost()
    bob.connected()
    said(bob)
    hear(bob, upgraded + server_frame('0{"sid":"c"}'), at_once=at_once)
    assert said(bob) == frame(b'40{"pid":"secret","offset":"o2","name":"bob","password":"pw"}')
    hear(bob, server_frame('40{"sid":"b","pid":"secret"}'), at_once=at_once)
    assert said(bob) == frame(b'421["post","al","hello"]')
    hear(bob, server_frame("431[]") + server_frame("2"), at_once=at_once)
    assert (bob.acked, bob.pongs, said(bob)) == ([b"hello"], 1, frame(b"3"))


def test_a_refused_upgrade_is_said() -> None:
    socket = WebSocket("/")
    assert list(socket.receive(b"HTTP/1.1 403 Forbidden\r\n\r\n")) == []
    assert socket.failed == "HTTP/1.1 403 Forbidden"


def test_websocket_messages_of_all_three_lengths_are_read() -> None:
    socket = WebSocket("/")
    sizes = (5, 500, 70_000)
    heads = (b"\x81\x05", b"\x81\x7e\x01\xf4", b"\x81\x7f" + (70_000).to_bytes(8, "big"))
    data = b"".join(head + b"x" * size for head, size in zip(heads, sizes, strict=True))
    found = list(socket.receive(b"HTTP/1.1 101 x\r\n\r\n" + data))
    assert [(opcode, len(payload)) for opcode, payload in found] == [
        (0, 0),
        *((TEXT, size) for size in sizes),
    ]


def test_xmpp_resumes_and_sends_again_what_was_not_handled(at_once: bool) -> None:
    bob = XmppDevice("bob", "pw")
    header = b"<?xml version='1.0'?><stream:stream id='1' xmlns='jabber:client'>"
    features = b"<stream:features><register xmlns='r'/></stream:features>"
    bob.connected()
    said(bob)
    hear(bob, header + features, at_once=at_once)
    assert b"jabber:iq:register" in said(bob)
    hear(bob, b"<iq type='result' id='g'/>", at_once=at_once)
    assert said(bob).endswith(b"mechanism='PLAIN'>AGJvYgBwdw==</auth>")
    hear(bob, b"<success xmlns='s'/>" + header + features, at_once=at_once)
    hear(bob, b"<iq type='result' id='b'><bind xmlns='b'><jid>bob@x/y</jid></bind></iq>", at_once=at_once)
    hear(bob, b"<enabled resume='true' id='again' xmlns='urn:xmpp:sm:3'/>", at_once=at_once)
    assert bob.attached
    assert said(bob).endswith(b"<presence/>")
    message = b"<message from='al@x'><stanza-id id='a1' by='x'/><body>hola</body></message>"
    hear(bob, message + b"<r xmlns='urn:xmpp:sm:3'/>", at_once=at_once)
    assert said(bob) == b"<a xmlns='urn:xmpp:sm:3' h='1'/>"
    bob.send("al", b"hello")
    said(bob)

    bob.lost()
    bob.connected()
    hear(bob, header + features + b"<success xmlns='s'/>" + header + features, at_once=at_once)
    assert said(bob).endswith(b"<resume xmlns='urn:xmpp:sm:3' h='1' previd='again'/>")
    hear(bob, b"<resumed h='1' previd='again' xmlns='urn:xmpp:sm:3'/>" + message, at_once=at_once)
    assert b"<body>hello</body>" in said(bob)
    assert bob.received == [b"hola"]
    hear(bob, b"<a h='2' xmlns='urn:xmpp:sm:3'/>", at_once=at_once)
    assert bob.acked == [b"hello"]


def test_xmpp_asks_the_archive_where_the_stream_is_not_known(at_once: bool) -> None:
    bob = XmppDevice("bob", "pw")
    test_xmpp = b"<stream:features></stream:features>"
    bob._registered = bob._known = True
    bob._previous, bob._newest = "gone", "a1"
    bob.connected()
    hear(bob, test_xmpp + b"<success xmlns='s'/>" + test_xmpp, at_once=at_once)
    hear(bob, b"<failed xmlns='urn:xmpp:sm:3'><item-not-found xmlns='e'/></failed>", at_once=at_once)
    hear(bob, b"<iq type='result' id='b'><bind xmlns='b'/></iq>", at_once=at_once)
    said(bob)
    hear(bob, b"<enabled resume='true' id='next' xmlns='urn:xmpp:sm:3'/>", at_once=at_once)
    assert b"<after>a1</after>" in said(bob)
    inner = b"<forwarded xmlns='f'><message from='al@x'><body>hola</body></message></forwarded>"
    hear(bob, b"<message><result id='a2' queryid='m'>" + inner + b"</result></message>", at_once=at_once)
    assert not bob.attached
    hear(bob, b"<iq type='result' id='m'><fin complete='true' xmlns='m'/></iq>", at_once=at_once)
    assert (bob.attached, bob.received) == (True, [b"hola"])
