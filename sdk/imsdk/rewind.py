"""After RESYNC DIVERGED in the middle of a connection: has the stretch that differs come again."""

from typing import TYPE_CHECKING

from improtocol import ResyncReason
from improtocol.frames import Resync, Seek
from imsdk.changes import HistoryDiverged

if TYPE_CHECKING:
    from imsdk.engine import Engine
    from imsdk.link import Link


async def rewound(engine: "Engine", link: "Link", frame: Resync, *, at_once: bool) -> bool:
    """Go back to the last position known to be equal, and say so to the app; False: a snapshot is needed.

    A stretch that comes again and differs again is damaged at the server: it is left as it came.

    Args:
        engine: whose history it is.
        link: the connection.
        frame: what the server said.
        at_once: it came with the answer to the greeting, so that nothing is known of how deep the
            difference goes.
    """
    if frame.reason != ResyncReason.DIVERGED:
        return False
    session, position = engine.session, frame.verified
    session.proof.differs(position)
    engine.statistics.diverged += 1
    in_vain = not at_once and position == session.proof.rewound_to
    notice = HistoryDiverged(after=position, upto=session.cursor, healed=not in_vain)
    engine.signals.seen.append(notice)
    engine.changed()
    if at_once or not frame.oldest - 1 <= position <= session.cursor:
        return False
    if in_vain:
        position, session.proof.rewound_to = session.cursor, -1
    else:
        session.proof.rewound_to = position
    await engine.store.rewind(position, session.cursor)
    session.end_resync(await engine.store.identity())
    link.send(Seek(position=position))
    link.outbox_changed()
    return True
