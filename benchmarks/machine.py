"""Where a figure comes from: see `imload.machine`; and which build of the server."""

from imload.machine import Machine, fixed_loop_ms
from imserver.version import COMPILED, VERSION

__all__ = ["Machine", "fixed_loop_ms", "place"]


def place() -> str:
    """The machine and the server's build, in a line."""
    return f"{Machine.here()}, imserver {VERSION} {'compiled' if COMPILED else 'not compiled'}"
