"""CPU of a message from one app to another: acknowledged to its sender and received."""

import time

from benchmarks.peers.stage import Stage, deliver, posts

PAIRS = 100
MESSAGES = {16: 60_000, 1: 30_000}


def measure(stage: Stage) -> dict[str, float]:
    """Microseconds of CPU per message, whole process tree, with 16 and with 1 unacknowledged per sender."""
    senders, receivers = stage.devices("s", PAIRS, sends=True), stage.devices("r", PAIRS)
    stage.connect(senders + receivers)
    figures: dict[str, float] = {}
    sent = 0

    def send(count: int, window: int) -> None:
        nonlocal sent
        pairs = zip(senders, receivers, strict=True)
        plan = {sender: posts(sender, [receiver], count, sent) for sender, receiver in pairs}
        sent += count
        deliver(stage, plan, window, receivers)

    for window, usual in MESSAGES.items():
        each = max(5, stage.count(usual) // PAIRS)
        send(max(1, each // 10), window)  # warms up
        stage.server.settle()
        cpu_s, begin_s, own_s = stage.server.cpu_s(), time.perf_counter(), time.process_time()
        send(each, window)
        wall_s, own_s = time.perf_counter() - begin_s, time.process_time() - own_s
        stage.acknowledge(receivers)
        cpu_s = stage.server.cpu_s() - cpu_s
        messages = each * PAIRS
        figures[f"relay_{window}_us"] = cpu_s / messages * 1e6
        figures[f"relay_{window}_per_s"] = messages / wall_s
        figures[f"generator_{window}_us"] = own_s / messages * 1e6
    for receiver in receivers:
        if len(receiver.received) != sent:
            raise RuntimeError(f"{receiver.name} received {len(receiver.received)} of {sent}")
    return figures
