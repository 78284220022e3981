"""Memory of an authenticated connection with its inbox that has nothing to say."""

from benchmarks.peers.stage import Stage

CONNECTIONS = 10_000
#: Attached before, so that what the server allocates once is not counted.
WARM = 200


def measure(stage: Stage) -> dict[str, float]:
    """KiB of the server's whole process tree per connection: the difference that they make."""
    connections = stage.count(CONNECTIONS)
    stage.connect(stage.devices("w", WARM))
    stage.server.settle()
    before_kib = stage.server.memory_kib()
    stage.connect(stage.devices("u", connections))
    stage.server.settle()
    after_kib = stage.server.memory_kib()
    return {"idle_kib": (after_kib - before_kib) / connections}
