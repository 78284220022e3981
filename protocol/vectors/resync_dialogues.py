"""Golden dialogues: RESYNC for each reason."""

from collections.abc import Iterator
from dataclasses import replace

from improtocol import Code
from improtocol import frames as f
from protocol.vectors import samples as s
from protocol.vectors.dialogues import post
from protocol.vectors.recorder import Dialogue


def resyncs() -> Iterator[Dialogue]:
    """RESYNC for each reason, what becomes of commands meanwhile, and how it ends."""
    proof = replace(s.RESUME, digest=7, span=5)
    for name, resume, said in (
        ("the log was trimmed", s.RESUME, f.Resync(reason=1, oldest=40_500, head=41_000, epoch=s.EPOCH)),
        ("the cursor is ahead", s.RESUME, f.Resync(reason=3, oldest=1, head=39_990, epoch=s.EPOCH)),
        ("other entries", proof, f.Resync(reason=4, oldest=1, head=41_000, epoch=s.EPOCH, verified=39_995)),
    ):
        yield (
            Dialogue(f"Resync: {name}")
            .client("resume", resume)
            .client("a command", post(129, s.GROUP))
            .server("resumed", f.Resumed(accepted=128, head=said.head, resync=said.reason))
            .server("resync", said)
            .server("its result", f.Result(counter=129, value=9, at_ms=s.AT_MS), "carried out as ever")
            .client("seek", f.Seek(position=said.head + 1), "the head of the snapshot by queries")
            .client("the next command", post(130, s.GROUP))
        )
    for accepted, name in ((128, "and knows all commands"), (4, "and forgot commands")):
        yield (
            Dialogue(f"Resync: the server was restored {name}")
            .client("resume", s.RESUME)
            .client("a command", post(129, s.GROUP))
            .server("resumed", f.Resumed(accepted=accepted, head=39_990, resync=2))
            .server("resync", f.Resync(reason=2, oldest=39_000, head=39_990, epoch=s.EPOCH + 1))
            .server("not now", f.Result(counter=129, code=Code.OUT_OF_TURN), "not before the SEEK")
            .client("seek", f.Seek(position=39_990), "the head of the snapshot by queries")
            .client(
                "again",
                post(accepted + 1, s.GROUP),
                "its number stays" if accepted == 128 else "numbered anew, on this connection: counter whole",
            )
            .server("its result", f.Result(counter=accepted + 1, value=9, at_ms=s.AT_MS))
        )
