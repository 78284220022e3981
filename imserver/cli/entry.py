"""The one place where an error becomes a line on stderr and an exit code, never a traceback."""

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, TextIO

import typer

EXIT_REFUSED: Final = 1
EXIT_USAGE: Final = 2
EXIT_FAILED: Final = 70
EXIT_INTERRUPTED: Final = 128 + signal.SIGINT


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0 done, 1 refused or found wrong, 2 called wrongly, 70 data damaged."""
    # None when started with it closed (2>&-). This takes the descriptor as well, before a database gets it.
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115 - until the end
    code = run(sys.argv[1:] if arguments is None else list(arguments))
    try:
        sys.stderr.flush()
    except OSError:
        # Lines that could not be written (logs, complaints). Python would try again, and exit with 120.
        _discard(sys.stderr)
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """`main`, returning the exit code."""
    from imserver.cli.root import root

    try:
        result = root(args=list(arguments), prog_name="imserver", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except BrokenPipeError:
        # The reader of our output (head, say) has gone. Python would complain again when it closes stdout.
        _discard(sys.stdout)
        return EXIT_REFUSED
    except (KeyboardInterrupt, typer.Abort):
        return complain("interrupted", EXIT_INTERRUPTED)
    except typer.TyperException as error:
        return _usage(error)
    except Exception as error:
        code = _exit_code(error)
        if code is None:
            raise
        return complain(str(error), code)


def _discard(stream: TextIO) -> None:
    """Let `stream` end nowhere, with what is left in its buffer."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _exit_code(error: Exception) -> int | None:
    """The code for an error that is the caller's or the outside's; None: it is a fault of this program."""
    from imserver.app.errors import AdminError, CannotServe
    from imserver.config import ConfigError
    from imserver.media import MediaBroken, MediaError
    from imserver.storage.folder import FolderError
    from imserver.storage.model import StoreBroken

    if isinstance(error, ConfigError):
        return EXIT_USAGE
    if isinstance(error, StoreBroken | MediaBroken):
        return EXIT_FAILED
    return EXIT_REFUSED if isinstance(error, AdminError | CannotServe | FolderError | MediaError) else None


def complain(text: str, code: int) -> int:
    """Print one line, whatever the text holds, if that is possible; returns the code."""
    line = " ".join(text.split())
    with suppress(OSError):  # the code tells as well
        print(f"imserver: {''.join(c if c.isprintable() else '?' for c in line)}", file=sys.stderr)
    return code


def _usage(error: typer.TyperException) -> int:
    context = getattr(error, "ctx", None)
    text = error.format_message()
    if context is not None and text.startswith("Usage:"):
        print(text)  # no command was given: the help is the answer
        return EXIT_USAGE
    hint = f" (see: {context.command_path} --help)" if context is not None else ""
    return complain(f"{text.rstrip('.')}{hint}", EXIT_USAGE)
