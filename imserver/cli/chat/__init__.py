"""`imserver chat`: a chat in a terminal, on the SDK, to try a server by hand.

- `command` reads the flags and opens the client; `talk` is the chat itself, `orders` its `/commands`
- `terminal` keeps the line that is being typed apart from what comes in; `editor` is that line
- `lines` is how messages and changes look
"""

from collections.abc import Sequence

__all__ = ["run"]


def run(arguments: Sequence[str]) -> int:
    """Run `imserver chat` with `arguments`; returns the exit code."""
    from imserver.cli.chat.command import main

    return main(arguments)
