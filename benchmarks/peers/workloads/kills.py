"""Five SIGKILLs under load: what was acknowledged and then lost, doubled or put out of order.

Half of the recipients are connected, half are away all the time and come back at the end. Senders try again
what was not acknowledged, as the protocol asks for.
"""

from benchmarks.peers.accounting import account
from benchmarks.peers.stage import Feed, Stage, posts

PAIRS = 20
MESSAGES = 1000
KILLS = 5
WINDOW = 16
#: A server that has something to deliver to a connected app, and no load, does so within this time.
SILENT_S = 3.0


def measure(stage: Stage) -> dict[str, float]:
    """Counts of messages over all pairs and kills."""
    senders = stage.devices("s", PAIRS, sends=True)
    online, away = stage.devices("o", PAIRS // 2), stage.devices("a", PAIRS // 2)
    stage.connect([*senders, *online, *away])
    stage.drop(away)
    stage.server.settle()
    pairs = zip(senders, online + away, strict=True)
    each = stage.count(MESSAGES)
    feed = Feed(stage.pump, {sender: posts(sender, [receiver], each) for sender, receiver in pairs}, WINDOW)
    stage.retrying()
    stage.pump.on_progress = feed.progress
    feed.start()
    for kill in range(KILLS):
        goal = each * PAIRS * (kill + 1) // (KILLS + 1)
        stage.until(lambda goal=goal: feed.acked >= goal)  # type: ignore[misc]
        stage.restart()
    stage.until(feed.done)
    for device in away:
        stage.pump.open(device, stage.server.address)
    stage.until_silent(SILENT_S)
    found = account(senders, online + away)
    return {
        "kills_acked": found.acked,
        "kills_lost": found.lost,
        "kills_doubled": found.doubled,
        "kills_reordered": found.reordered,
    }
