"""Workloads: what is measured, one file each; the same steps for every peer, over `Device` alone.

- `idle`    memory of a connection that has nothing to say
- `relay`   CPU of a message from one app to another
- `resume`  CPU of coming back to 20 missed messages
- `churn`   CPU of coming, finding nothing, and going
- `traffic` bytes on the wire
- `hour`    bytes and radio of one customer who is mostly idle
- `storm`   10,000 sessions come back at once while others talk
- `kills`   the server is killed five times under load
- `silent`  the old connection stays half-open while the new one resumes
- `fsyncs`  how often the disk is asked to keep what was acknowledged
"""

from collections.abc import Callable

from benchmarks.peers.stage import Stage
from benchmarks.peers.workloads import churn, fsyncs, hour, idle, kills, relay, resume, silent, storm, traffic

#: In the order in which they are run.
WORKLOADS: dict[str, Callable[[Stage], dict[str, float]]] = {
    "idle": idle.measure,
    "relay": relay.measure,
    "resume": resume.measure,
    "churn": churn.measure,
    "traffic": traffic.measure,
    "hour": hour.measure,
    "fsyncs": fsyncs.measure,
    "silent": silent.measure,
    "kills": kills.measure,
    "storm": storm.measure,
}
