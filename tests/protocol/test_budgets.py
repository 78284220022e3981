"""The byte budgets of the design, with realistic positions and ids of full width."""

from improtocol import Body, Entry, Side, Text, limits, pack_body
from improtocol import frames as f
from improtocol.commands import Post
from imsdk.proof import COMPARE_AFTER
from tests.protocol.dialogue import AT_MS, CONVERSATION, SECRET, SESSION, Pair

#: As wide as the epochs that stores draw (`imserver.storage.Store.epoch`): 32 bits.
EPOCH = 2**32 - 99
RESUME = f.Resume(
    session=SESSION, secret=SECRET, epoch=EPOCH, cursor=40_000, next=40_001, digest=2**32 - 1, span=127
)
TEXT = Body(content=Text("x" * 45))


def resumed_bytes(behind_events: int = 0, behind_bytes: int = 0) -> tuple[Pair, int, int]:
    """A resumed pair, and what RESUME and RESUMED cost."""
    pair = Pair()
    ask = pair.client.send(RESUME)
    pair.carry(Side.CLIENT, ask)
    resumed = f.Resumed(
        accepted=40_000,
        head=40_000 + behind_events if behind_events else 0,
        behind_events=behind_events,
        behind_bytes=behind_bytes,
    )
    answer = pair.server.send(resumed)
    assert pair.carry(Side.SERVER, answer) == [resumed]
    return pair, len(ask), len(answer)


def messages(count: int, apart_ms: int = 7_000) -> list[Entry]:
    """What an agent wrote, one message after the other."""
    payload = pack_body(TEXT)
    return [Entry(0, AT_MS + apart_ms * n, "agent-7", CONVERSATION, 3_000 + n, payload) for n in range(count)]


def test_resume_and_its_answer_when_nothing_was_missed() -> None:
    _, ask, answer = resumed_bytes()
    assert ask <= 64
    assert answer <= 32
    assert ask + answer <= 55


def test_every_resume_fits_its_budget() -> None:
    """Also with the largest positions there are, and the longest stretch to compare."""
    last = 2**53 - 1
    pair = Pair()
    resume = f.Resume(
        session=last,
        secret=SECRET,
        epoch=2**32 - 1,
        cursor=last,
        next=last,
        mode=1,
        digest=2**32 - 1,
        span=limits.DIGEST_SPAN_MAX,
    )
    ask = pair.client.send(resume)
    pair.carry(Side.CLIENT, ask)
    answer = pair.server.send(f.Resumed(accepted=last, head=last))
    assert len(ask) <= 64
    assert len(answer) <= 32


def test_a_message_and_its_result() -> None:
    """In a conversation under way; the very first one also names the conversation and the time."""
    pair, *_ = resumed_bytes()
    costs = []
    for n in range(3):
        post = pair.client.send(
            f.Command(counter=40_001 + n, action=Post(conversation=CONVERSATION, body=TEXT))
        )
        pair.carry(Side.CLIENT, post)
        result = pair.server.send(f.Result(counter=40_001 + n, value=3_000 + n, at_ms=AT_MS + 7_000 * n))
        costs.append(len(post) + len(result))
    assert costs[0] <= 62 + 9 + 8
    assert max(costs[1:]) <= 62


def test_a_message_received_and_acknowledged() -> None:
    """From the same sender as the one before, as in any chat of two: one's own messages are not echoed."""
    pair, *_ = resumed_bytes()
    first, second = messages(2)
    pair.server.send_events(40_000, 40_001, [first])
    event = pair.server.send_events(40_001, 40_002, [second])
    assert len(event) + len(pair.client.send(f.Ack(count=1))) <= 60


def test_a_message_of_another_sender_received_and_acknowledged() -> None:
    """In a group the sender's name comes on top, and nothing else."""
    pair, *_ = resumed_bytes()
    first, second = messages(2)
    pair.server.send_events(40_000, 40_001, [first])
    other = Entry(0, second.at_ms, "u2", second.conversation, second.seq, second.payload)
    event = pair.server.send_events(40_001, 40_002, [other])
    assert len(event) + len(pair.client.send(f.Ack(count=1))) <= 60 + len(b"\xa2u2")


def missed_bytes(apart_ms: int) -> int:
    """What RESUME, RESUMED, 20 missed messages of 45 bytes (900 bytes of text) and the ACK cost."""
    pair, ask, answer = resumed_bytes(behind_events=20, behind_bytes=1_040)
    events = pair.server.send_events(40_000, 40_020, messages(20, apart_ms))
    return ask + answer + len(events) + len(pair.client.send(f.Ack(count=20)))


def test_twenty_missed_messages_with_resume_and_acknowledgement() -> None:
    """A burst; messages seconds apart pay two bytes each for saying so, and the proof costs seven."""
    assert missed_bytes(100) <= 1_100
    assert missed_bytes(7_000) <= 1_100 + 20 + 7


def test_an_ack_with_a_digest_costs_seven_bytes_more_each_sixteen_positions() -> None:
    pair, *_ = resumed_bytes()
    entries = messages(32)
    cost = 0
    for number, entry in enumerate(entries, 1):
        cost += len(pair.server.send_events(40_000 + number - 1, 40_000 + number, [entry]))
        digest = 2**32 - 1 if number % COMPARE_AFTER == 0 else None
        cost += len(pair.client.send(f.Ack(count=1, digest=digest)))
    assert len(pair.client.send(f.Ack(count=1, digest=2**32 - 1))) <= 9
    assert cost / len(entries) <= 62


def test_keepalive_is_two_bytes_each_way() -> None:
    pair, *_ = resumed_bytes()
    assert len(pair.client.send(f.Ping())) + len(pair.server.send(f.Pong())) <= 4
