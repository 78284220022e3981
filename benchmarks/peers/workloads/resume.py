"""CPU of coming back: the connection, the session, 20 missed messages and their acknowledgements."""

from benchmarks.peers.stage import Stage, deliver, posts

SESSIONS = 1000
MISSED = 20
SENDERS = 20


def measure(stage: Stage) -> dict[str, float]:
    """Microseconds of CPU per resumed session, whole process tree."""
    sessions = stage.devices("u", stage.count(SESSIONS))
    senders = stage.devices("s", SENDERS, sends=True)
    stage.connect(sessions + senders)
    stage.drop(sessions)
    stage.server.settle()
    deliver(stage, {s: posts(s, sessions[n::SENDERS], MISSED) for n, s in enumerate(senders)}, 16)
    stage.server.settle()
    cpu_s = stage.server.cpu_s()
    stage.connect(sessions, ready=lambda device: len(device.received) >= MISSED)
    stage.acknowledge(sessions)
    cpu_s = stage.server.cpu_s() - cpu_s
    for session in sessions:
        if len(session.received) != MISSED:
            raise RuntimeError(f"{session.name} received {len(session.received)} of {MISSED}")
    return {"resume_us": cpu_s / len(sessions) * 1e6}
