"""The everyday case of a mobile network: the old connection stays half-open while the new one resumes."""

from benchmarks.peers.accounting import account
from benchmarks.peers.device import Device
from benchmarks.peers.stage import OPENING_MAX, Feed, Post, Stage, deliver, posts

SESSIONS = 1000
SENDERS = 10
#: For each session, before it comes back (into the void) and while it does.
MESSAGES = 10
WINDOW = 16
SILENT_S = 3.0


def measure(stage: Stage) -> dict[str, float]:
    """Counts of messages over all sessions."""
    sessions = stage.devices("u", stage.count(SESSIONS))
    senders = stage.devices("s", SENDERS, sends=True)
    stage.connect(sessions + senders)
    for session in sessions:
        stage.pump.freeze(session)

    def plan(first: int) -> dict[Device, list[Post]]:
        return {s: posts(s, sessions[n::SENDERS], MESSAGES, first) for n, s in enumerate(senders)}

    deliver(stage, plan(0), WINDOW)
    feed = Feed(stage.pump, plan(MESSAGES), WINDOW)
    stage.retrying()
    stage.pump.on_progress = feed.progress
    feed.start()
    for begin in range(0, len(sessions), OPENING_MAX):
        batch = sessions[begin : begin + OPENING_MAX]
        for session in batch:
            stage.pump.open(session, stage.server.address)
        stage.until(lambda batch=batch: all(session.attached for session in batch))  # type: ignore[misc]
    stage.until(feed.done)
    stage.until_silent(SILENT_S)
    found = account(senders, sessions)
    return {
        "silent_acked": found.acked,
        "silent_lost": found.lost,
        "silent_doubled": found.doubled,
        "silent_reordered": found.reordered,
    }
