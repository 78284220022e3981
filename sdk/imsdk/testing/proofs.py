"""Whether what a device says of its log agrees with what the fake server knows."""

from improtocol import ResyncReason, frames
from imsdk.testing.world import DeviceState, World


def difference(world: World, device: DeviceState, frame: frames.Connect | frames.Resume) -> int:
    """Why the device cannot simply go on after its cursor: a `ResyncReason`; 0: it can."""
    cursor, log = frame.cursor, world.log(device.user)
    if frame.epoch != world.epoch and (frame.epoch, cursor) != (0, 0):
        return ResyncReason.RESTORED
    if cursor > log.head:
        return ResyncReason.FUTURE
    if isinstance(frame, frames.Resume) and frame.next - 1 > device.accepted:
        return ResyncReason.DIVERGED
    if cursor - (frame.span if frame.digest is not None else 0) < log.oldest - 1:
        return ResyncReason.RETENTION
    if frame.digest in (None, world.sum_sent(device.actor, cursor - frame.span, cursor)):
        return 0
    return ResyncReason.DIVERGED
