"""Golden dialogues: every frame, command, entry kind, query and reply there is."""

from collections.abc import Iterator
from dataclasses import replace

from improtocol import ClientMode, Code, Entry, Role, Side, SignalKind, pack
from improtocol import commands as c
from improtocol import frames as f
from improtocol.digest import sum_terms
from improtocol.framing import frame_bytes
from protocol.vectors import samples as s
from protocol.vectors.recorder import Dialogue


def resumed(name: str) -> Dialogue:
    """A dialogue that begins with a resume where nothing was missed."""
    return (
        Dialogue(name)
        .client("resume", s.RESUME, "counters go on at 129, the log after position 40,000")
        .server("resumed", s.RESUMED, "commands up to 128 are accepted; nothing was missed")
    )


def command(counter: int, action: c.Action) -> f.Command:
    """COMMAND `counter`."""
    return f.Command(counter=counter, action=action)


def post(counter: int, conversation: c.ConversationRef, body: str = "text") -> f.Command:
    """COMMAND `counter`, posting one of the samples."""
    return command(counter, c.Post(conversation=conversation, body=s.BODIES[body]))


def handshakes() -> Iterator[Dialogue]:
    """CONNECT, RESUME, and what follows at once."""
    yield (
        Dialogue("A device connects for the first time")
        .client(
            "connect", f.Connect(token="eyJ.a.token", device="phone-1"), "nothing stored: epoch and cursor 0"
        )
        .server(
            "connected",
            f.Connected(
                session=s.SESSION,
                secret=s.SECRET,
                epoch=s.EPOCH,
                accepted=0,
                head=2,
                behind_events=2,
                behind_bytes=120,
                idle_s=330,
                user="u1",
            ),
        )
        .server("its log from the start", f.Events(start=0, end=2, entries=s.ENTRIES[:2]))
        .client("acknowledge two positions", f.Ack(count=2))
        .client("ping", f.Ping())
        .server("pong", f.Pong())
        .server("ping from the server", f.Ping())
        .client("pong from the client", f.Pong())
    )
    yield (
        Dialogue("A device that has data connects again, in the background")
        .client(
            "connect",
            f.Connect(token="t", device="phone-1", epoch=s.EPOCH, cursor=40_000, mode=ClientMode.BACKGROUND),
        )
        .server(
            "connected", f.Connected(session=1, secret=s.SECRET, epoch=s.EPOCH, accepted=128, head=40_000)
        )
        .client("the first command", post(129, s.GROUP))
        .client("foreground", f.Mode(mode=ClientMode.FOREGROUND))
        .client("background", f.Mode(mode=ClientMode.BACKGROUND))
    )
    yield (
        Dialogue("Resume with messages missed and commands in the same flight")
        .client("resume", s.RESUME)
        .client("first unacked command", post(129, s.GROUP), "sent without waiting for the answer")
        .client("second unacked command", post(130, s.GROUP, "text in Chinese"))
        .server("resumed", f.Resumed(accepted=129, head=40_003, behind_events=3, behind_bytes=180))
        .server("what was missed", f.Events(start=40_000, end=40_003, entries=s.ENTRIES[1:4]))
        .server("result of the first, once more", f.Result(counter=129, value=13, at_ms=s.AT_MS + 2_500))
        .server("result of the second", f.Result(counter=130, value=14, at_ms=s.AT_MS + 11_000))
        .client("acknowledge", f.Ack(count=3))
        .client("acknowledge one", f.Ack(count=1), "a count of 1 is left out")
    )


def proofs() -> Iterator[Dialogue]:
    """Digests compared on resume, on login and by ACK."""
    entries, more = s.ENTRIES[:5], s.ENTRIES[5:]
    digest = sum_terms(entries)
    resume = replace(s.RESUME, digest=digest, span=5)
    yield (
        Dialogue("Resume with a digest that agrees")
        .client("resume", resume, "the last 5 positions held the first five of the entries in digests.json")
        .server("resumed", f.Resumed(accepted=128), "nothing was missed, and what was compared is equal")
        .server("events", f.Events(start=40_000, end=40_008, entries=more))
        .client(
            "acknowledge with digest", f.Ack(count=8, digest=sum_terms(more)), "of all since the attachment"
        )
        .client("ping", f.Ping())
        .server("pong", f.Pong(), "the ACK before the PING was compared, and agreed")
        .client("compare again", f.Ack(count=0, digest=sum_terms(more)), "nothing new")
    )
    yield (
        Dialogue("Resume with a digest that differs")
        .client("resume", resume)
        .server("resumed", f.Resumed(accepted=128, head=40_002, behind_events=2, behind_bytes=90, resync=4))
        .server("resync", f.Resync(reason=4, oldest=39_000, head=40_002, epoch=s.EPOCH, verified=39_995))
        .client("seek", f.Seek(position=40_002), "the client took a snapshot by queries")
    )
    yield (
        resumed("An ACK with a digest that differs")
        .server("events", f.Events(start=40_000, end=40_005, entries=entries))
        .client("acknowledge", f.Ack(count=5, digest=7))
        .server(
            "resync",
            f.Resync(reason=4, oldest=39_000, head=40_005, epoch=s.EPOCH, verified=40_000),
            "the range (40,000, 40,005] differs",
        )
        .client("seek back", f.Seek(position=40_000), "to have it again")
        .server("events again", f.Events(start=40_000, end=40_005, entries=entries))
    )
    connect = f.Connect(token="t", device="phone-1", epoch=s.EPOCH, cursor=40_000, digest=digest, span=5)
    yield (
        Dialogue("A device that has data connects with a digest")
        .client("connect", connect)
        .server(
            "connected",
            f.Connected(session=1, secret=s.SECRET, epoch=s.EPOCH, accepted=128, head=40_000, resync=4),
        )
        .server("resync", f.Resync(reason=4, oldest=1, head=40_000, epoch=s.EPOCH, verified=39_995))
    )


def commands() -> Iterator[Dialogue]:
    """Every command and every content; counters across the edges of seven bits."""
    dialogue = resumed("Every content, one conversation")
    for counter, name in enumerate(s.BODIES, 129):
        meaning = (
            "names the conversation" if counter == 129 else "the conversation is the one before: left out"
        )
        dialogue.client(name, post(counter, s.GROUP, name), meaning)
        dialogue.server(
            f"result of {name}", f.Result(counter=counter, value=counter, at_ms=s.AT_MS + counter)
        )
    yield dialogue
    group, edited = s.GROUP, s.BODIES["text in Chinese"]
    yield (
        resumed("Every command")
        .client("post", post(129, "u2"), "to a user: the direct conversation with them")
        .client("edit", command(130, c.Edit(conversation="u2", target=5, body=edited)))
        .client("recall", command(131, c.Recall(conversation="u2", target=5)))
        .client("react", command(132, c.React(conversation="u2", target=4, emoji="👍")))
        .client(
            "take a reaction back", command(133, c.React(conversation="u2", target=4, emoji="👍", on=False))
        )
        .client("read", command(134, c.MarkRead(conversation="u2", seq=5)))
        .client("create", command(135, c.Create(conversation=group, title="Kettles", members=("u1", "u2"))))
        .client("invite", command(136, c.Invite(conversation=group, users=("u3", "u4"))))
        .client("remove", command(137, c.Remove(conversation=group, user="u4")))
        .client("set role", command(138, c.SetRole(conversation=group, user="u2", role=Role.ADMIN)))
        .client("rename", command(139, c.Rename(conversation=group, title="Tea")))
        .client("leave", command(140, c.Leave(conversation=group)))
        .client("another conversation", post(141, "u2"))
        .client("log out", command(142, c.Logout()))
    )
    edges = Dialogue("Counters around the edges of seven bits")
    edges.client("resume", f.Resume(session=1, secret=s.SECRET, epoch=1, cursor=0, next=126))
    edges.server("resumed", f.Resumed(accepted=125, head=0))
    for counter in (126, 127, 128, 129, 127, 190, 255, 256, 257, 130, 500_000, 2**53 - 1):
        edges.client(f"counter {counter}", post(counter, s.GROUP))
        edges.server(f"result {counter}", f.Result(counter=counter, value=1, at_ms=s.AT_MS))
    yield edges
    newer = [3, 1, 1, [77, ["of a later version"]], s.GROUP]
    yield (
        resumed("What another implementation may write")
        .odd(
            Side.CLIENT, "ping in an array", frame_bytes(pack([8])), "understood; the bare opcode is shorter"
        )
        .odd(
            Side.CLIENT,
            "more fields",
            frame_bytes(pack([7, 1, "from", ["later"]])),
            "unknown fields are ignored",
        )
        .odd(
            Side.CLIENT, "a content of a later version", frame_bytes(pack(newer)), "refused by RESULT INVALID"
        )
        .odd(
            Side.CLIENT,
            "whole degrees as integers",
            frame_bytes(pack([3, 2, 1, [3, [31, 121]]])),
            "JavaScript's encoders write them so",
        )
        .odd(
            Side.CLIENT,
            "long integers",
            frame_bytes(bytes.fromhex("92cd0004cf0000000000000003")),
            "an ACK of 3, not in the shortest form",
        )
    )


def events() -> Iterator[Dialogue]:
    """Every kind of entry; results between entries; what a range may leave out."""
    yield (
        resumed("Every kind of entry")
        .server("all kinds", f.Events(start=40_000, end=40_013, entries=s.ENTRIES))
        .server(
            "a recalled message",
            f.Events(start=40_013, end=40_014, entries=(Entry(0, s.AT_MS, "u1", s.GROUP, 3, pack(None)),)),
            "its body is given out no more",
        )
        .server(
            "a recalled message and an edit of it, with their digests",
            f.Events(start=40_014, end=40_016, entries=s.ERASED),
            "4 bytes each stand for a body",
        )
        .client("acknowledge all", f.Ack(count=16))
    )
    chat = [s.message(seq, after_ms=7_000 * seq) for seq in (20, 21, 22)]
    yield (
        resumed("A chat: each entry says only what differs")
        .server("first", f.Events(start=40_000, end=40_001, entries=(chat[0],)), "says everything")
        .server("second", f.Events(start=40_001, end=40_002, entries=(chat[1],)), "text and 7,000 ms later")
        .client("own message between", post(129, s.GROUP))
        .server(
            "its result",
            f.Result(counter=129, value=22, at_ms=s.AT_MS + 150_000),
            "moves the clock of entries",
        )
        .server(
            "third, own position skipped",
            f.Events(start=40_002, end=40_004, entries=(s.message(23, after_ms=151_000),)),
            "two positions, one entry: the end is said, and the sequence number",
        )
        .server("nothing but positions", f.Events(start=40_004, end=40_006, entries=()))
        .server(
            "another sender",
            f.Events(start=40_006, end=40_007, entries=(s.message(24, sender="u2", after_ms=150_900),)),
            "earlier than the one before: -100",
        )
    )
    refusals = resumed("Refusals")
    refusals.client("a command", post(129, s.GROUP))
    for code in Code:
        if code.action in {2, 5}:
            retry = 1_500 if code.action == 2 else 0
            result = f.Result(
                counter=129, code=code, retry_after_ms=retry, reason="" if retry else code.name.lower()
            )
            refusals.server(f"result {code.name}", result)
    yield refusals
    for code in Code:
        if 100 <= code < 500:
            retry = 1_500 if code.action == 2 else 0
            yield resumed(f"Close: {code.name}").server("close", f.Close(code=code, retry_after_ms=retry))
    yield resumed("The client says goodbye").client("close", f.Close(code=Code.BYE, reason="app ended"))
    yield (
        resumed("Signals")
        .client("typing", f.Signal(kind=SignalKind.TYPING, conversation=s.GROUP, value=1, text="Is the bl"))
        .client("stopped", f.Signal(kind=SignalKind.TYPING, conversation="u2"))
        .client("watch", f.Signal(kind=SignalKind.WATCH, user="u2"))
        .server("somebody types", f.Signal(kind=SignalKind.TYPING, conversation=s.GROUP, user="u2", value=1))
        .server("somebody came", f.Signal(kind=SignalKind.PRESENCE, user="u2", value=1))
        .server("delivered", f.Signal(kind=SignalKind.DELIVERED, conversation=s.GROUP, user="u2", value=12))
    )
