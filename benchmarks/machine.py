"""Where a figure comes from: see `imload.machine`."""

from imload.machine import Machine, fixed_loop_ms

__all__ = ["Machine", "fixed_loop_ms"]
