"""Comparing histories: what a device says its last positions sum up to, and what the log says (G13)."""

from collections.abc import Iterable, Sequence

from improtocol.digest import DIGEST_MAX
from improtocol.frames import Connect, Resume, ResyncReason
from imserver.core.sessions import Session
from imserver.core.users import Held
from imserver.storage.store import Store

Hello = Connect | Resume


class Proofs:
    """Answers from memory where the log's hot tail reaches back far enough, else by one read for many."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def at_hand(self, session: Session, frame: Hello) -> bool:
        """Whether `difference` needs no `read` before it."""
        return not self._comparable(session, frame) or frame.cursor - frame.span >= session.user.tail_after

    async def read(self, asked: Iterable[tuple[Session, Hello]]) -> dict[int, int]:
        """The sums of all that are not at hand, by `id` of their frame; one read for all of them."""
        wanted = [(session, frame) for session, frame in asked if not self.at_hand(session, frame)]
        if not wanted:
            return {}
        ranges = [(s.user.id, s.device, f.cursor - f.span, f.cursor) for s, f in wanted]
        sums = await self._store.log_sums(ranges)
        return {id(frame): total for (_, frame), total in zip(wanted, sums, strict=True)}

    def reason(self, session: Session, frame: Hello, sums: dict[int, int]) -> int:
        """Why the device cannot simply go on after its cursor: a `ResyncReason`, or 0."""
        user, cursor = session.user, frame.cursor
        if (frame.epoch or self._store.epoch) != self._store.epoch:
            return ResyncReason.RESTORED
        if cursor > user.head:
            return ResyncReason.FUTURE
        if isinstance(frame, Resume) and frame.next - 1 > session.accepted:
            return ResyncReason.DIVERGED  # a command that was acked is not here any more
        # A login from 0 after having sent something: the device has lost its data, and of its own messages
        # the log tells it nothing. The snapshot does. (Who resumes has not lost them: at 0 he never heard of
        # his first messages' end.) What is asked to be compared must be there as well.
        lost = isinstance(frame, Connect) and cursor == 0 and session.accepted > 0 and user.head > 0
        compared_from = cursor - frame.span if frame.digest is not None else cursor
        if lost or compared_from < user.oldest - 1:
            return ResyncReason.RETENTION
        if frame.digest is None or frame.digest == self._sum(session, frame, sums):
            return 0
        return ResyncReason.DIVERGED

    def _comparable(self, session: Session, frame: Hello) -> bool:
        user = session.user
        return bool(
            frame.digest is not None
            and frame.span
            and frame.cursor <= user.head
            and frame.cursor - frame.span >= user.oldest - 1
            and (frame.epoch or self._store.epoch) == self._store.epoch
        )

    def _sum(self, session: Session, frame: Hello, sums: dict[int, int]) -> int | None:
        if not frame.span:
            return 0
        known = sums.get(id(frame))
        if known is not None:
            return known
        after = frame.cursor - frame.span
        if after < session.user.tail_after:
            return None  # trimmed while it was read
        return sum_sent(session.user.after(after, frame.span), session.device)


def sum_sent(entries: Sequence[Held], device: int) -> int:
    """The sum of the terms of what `device` is sent of these entries, as `Store.log_sums` counts."""
    total = 0
    for one in entries:
        if one.goes_to(device):
            total += one.term
    return total & DIGEST_MAX
