"""CPU of a flapping network: connect, resume, find nothing missed, drop."""

from benchmarks.peers.stage import OPENING_MAX, Stage

SESSIONS = 500
CYCLES = 6


def measure(stage: Stage) -> dict[str, float]:
    """Microseconds of CPU per cycle, whole process tree."""
    sessions = stage.devices("u", stage.count(SESSIONS))
    stage.connect(sessions)
    stage.drop(sessions)
    stage.server.settle()
    cpu_s = stage.server.cpu_s()
    for _ in range(CYCLES):
        for begin in range(0, len(sessions), OPENING_MAX):
            batch = sessions[begin : begin + OPENING_MAX]
            stage.connect(batch)
            stage.drop(batch)
    stage.server.settle()
    return {"churn_us": (stage.server.cpu_s() - cpu_s) / (len(sessions) * CYCLES) * 1e6}
