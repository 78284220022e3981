"""What became of every acknowledged message: an oracle over bodies that name sender, recipient and number."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.peers.device import Device


@dataclass(frozen=True, slots=True)
class Account:
    """Counts over all recipients."""

    acked: int
    lost: int  #: acknowledged to the sender, never received
    doubled: int  #: received again
    reordered: int  #: first received after a later one of the same sender


def account(senders: Iterable[Device], receivers: Iterable[Device]) -> Account:
    """Compare what senders had acknowledged with what receivers got."""
    acked = [body for sender in senders for body in sender.acked]
    got: Counter[bytes] = Counter()
    reordered = 0
    for receiver in receivers:
        seen: set[bytes] = set()
        newest: dict[bytes, bytes] = {}
        for body in receiver.received:
            if body not in seen:
                seen.add(body)
                pair = body.partition(b"#")[0]
                if body < newest.get(pair, b""):
                    reordered += 1
                else:
                    newest[pair] = body
        got.update(receiver.received)
    return Account(
        acked=len(acked),
        lost=sum(1 for body in acked if not got[body]),
        doubled=sum(times - 1 for times in got.values()),
        reordered=reordered,
    )
