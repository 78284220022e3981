"""The demo: a customer and a shop agent chat through a bad day, and every message is accounted for.

- `traces` (outages of real cellular links) and `assets` (media) are data
- `dialogue` is what is said, `contents` what that is on the wire
- `link` is the network between the apps and the server
- `app_process` is the process of one `app`, which keeps a `journal`; `processes` starts and kills them
- `incidents` is the bad day, `stage` runs it all, `board` knows how things stand, `view` draws it
- `checker` and `outages` read the journals in the end, `report` says what came out
- `plan` is what a run is to be, `command` the command line
"""

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str]) -> int:
    """Run `imserver demo` with `arguments`; returns the exit code."""
    # Late, so that the processes of the apps, which are in this package, start without the stage's libraries.
    from imserver.demo.command import main as run

    return run(arguments)
