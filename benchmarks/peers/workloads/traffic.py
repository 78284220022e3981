"""Bytes that an app and the server say to each other, both ways, without TCP, IP and TLS."""

from benchmarks.peers.device import Device
from benchmarks.peers.stage import Stage, deliver, posts

MESSAGES = 20
#: Between messages, as people take some time. From 128 ms to a minute, the time of a message costs the same.
PAUSE_S = 0.2
MISSED = 20
KEEPALIVE_S_MAX = 40.0


def measure(stage: Stage) -> dict[str, float]:
    """Bytes per keepalive, per message and its acknowledgement on each side, and per resume; its flights."""
    (alice,), (bob,) = stage.devices("a", 1, sends=True), stage.devices("b", 1)
    stage.connect([alice, bob])
    stage.quiet()
    figures = {"keepalive_bytes": _keepalive(stage, bob)}

    stage.drop([bob])
    stage.server.settle()
    # The first message of a conversation on a connection may name what the others leave out.
    deliver(stage, {alice: posts(alice, [bob], 1)}, 1)
    stage.quiet()
    before = _bytes(stage, alice)
    for number in range(MESSAGES):
        stage.quiet(PAUSE_S)
        deliver(stage, {alice: posts(alice, [bob], 1, 1 + number)}, 1)
    stage.quiet()
    figures["sent_bytes"] = (_bytes(stage, alice) - before) / MESSAGES

    stage.connect([bob], ready=lambda device: len(device.received) > MESSAGES)
    stage.acknowledge([bob])
    deliver(stage, {alice: posts(alice, [bob], 1, 1 + MESSAGES)}, 1, [bob])
    before = _acknowledged(stage, bob)
    for number in range(MESSAGES):
        stage.quiet(PAUSE_S)
        deliver(stage, {alice: posts(alice, [bob], 1, 2 + MESSAGES + number)}, 1, [bob])
        bob.acknowledge()
        stage.pump.flush(bob)
    figures["received_bytes"] = (_acknowledged(stage, bob) - before) / MESSAGES

    stage.drop([bob])
    stage.server.settle()
    stage.connect([bob])
    figures["resume_flights"] = stage.pump.line(bob).flights
    figures["resume_bytes"] = _acknowledged(stage, bob)

    stage.drop([bob])
    stage.server.settle()
    for number in range(MISSED):
        stage.quiet(PAUSE_S)
        deliver(stage, {alice: posts(alice, [bob], 1, 2 + 2 * MESSAGES + number)}, 1)
    goal = len(bob.received) + MISSED
    stage.connect([bob], ready=lambda device: len(device.received) >= goal)
    figures["missed_20_bytes"] = _acknowledged(stage, bob)
    return figures


def _keepalive(stage: Stage, device: Device) -> float:
    """One round of it; where it is the server that asks, its next."""
    before, pongs = _bytes(stage, device), device.pongs
    device.ping()
    stage.pump.flush(device)
    stage.pump.until(lambda: device.pongs > pongs, silent_s=KEEPALIVE_S_MAX)
    return _bytes(stage, device) - before


def _acknowledged(stage: Stage, device: Device) -> float:
    """Bytes of the device's connection, once everything is acknowledged and quiet."""
    stage.acknowledge([device])
    return _bytes(stage, device)


def _bytes(stage: Stage, device: Device) -> float:
    line = stage.pump.line(device)
    return line.bytes_in + line.bytes_out
