"""What tests say to the small clients: bytes, at once or one by one; frames of a WebSocket server."""

from benchmarks.peers.device import Device


def said(device: Device) -> bytes:
    """What the device has to say, taken away."""
    data = bytes(device.out)
    device.out.clear()
    return data


def hear(device: Device, data: bytes, *, at_once: bool) -> None:
    if at_once:
        device.receive(data)
    else:
        for number in range(len(data)):
            device.receive(data[number : number + 1])


def server_frame(text: str) -> bytes:
    """A text message in one unmasked frame."""
    size = len(text)
    head = bytes((0x81, size)) if size < 126 else b"\x81\x7e" + size.to_bytes(2, "big")
    return head + text.encode()
