"""Where a figure comes from: the machine, and which build of the server."""

from imload.machine import Machine
from imserver.version import COMPILED, VERSION


def place() -> str:
    """The machine and the server's build, in a line."""
    return f"{Machine.here()}, imserver {VERSION} {'compiled' if COMPILED else 'not compiled'}"
