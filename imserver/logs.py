"""Structured logs: one line an event, to stderr, for people (console) or programs (JSON).

Guarantees, whatever a value holds: an event is exactly one line (control characters are escaped, so nobody
can forge a second one), and what is secret by its name or its look is hidden. Where no line can be written
(the reader of a pipe has gone, the disk is full), the program goes on without.
"""

import json
import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final, TextIO, cast

import structlog

_HIDDEN: Final = "[hidden]"
_SECRET_NAMES: Final = re.compile(
    r"(^|_)(token|secret|password|ticket|authorization|private_key|key)$", re.ASCII
)
#: Tokens (JWT) and links with tickets, wherever they stand in a text.
_SECRET_LOOKS: Final = re.compile(r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]*|(?<=/media/)[\w-]{40,}", re.ASCII)
_PLAIN: Final = re.compile(r"[\w./:@+,%\[\]-]+")
_VALUE_CHARS_MAX: Final = 2000

Event = MutableMapping[str, Any]


def configure(*, level: str, format: str, stream: TextIO | None = None) -> None:
    """Send structlog's and the standard library's logs to `stream`, in one form. May be called again.

    Args:
        level: "debug", "info", "warning" or "error".
        format: "console", "json", or "auto": console on a terminal.
        stream: stderr if None.
    """
    stream = stream or sys.stderr
    if format == "auto":
        format = "console" if stream.isatty() else "json"
    lines = _Lines(stream)
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        lines.count_unwritten,
        _where,
        _hide,
    ]
    render = _json_line if format == "json" else _console_line
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", lines)),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(lines)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _hide, render],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    # It tells of every function that crosses to its thread, twice: nobody would find anything else.
    logging.getLogger("aiosqlite").setLevel(logging.WARNING)


class _Lines:
    """A stream of lines that never raises what the outside does to it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._unwritten = 0

    def write(self, line: str) -> None:
        """Write `line`, if that is possible."""
        try:
            self._stream.write(line)
            self._stream.flush()
            self._unwritten = 0
        except OSError:
            # The oldest may still wait in the stream's buffer (8 KiB), the others are lost.
            self._unwritten += 1

    def flush(self) -> None:
        """Every line is flushed already."""

    def count_unwritten(self, _logger: object, _method: str, event: Event) -> Event:
        """The first line after a gap says how many before it could not be written at their time."""
        if self._unwritten:
            event["unwritten"] = self._unwritten
        return event


def _where(_logger: object, _method: str, event: Event) -> Event:
    """A traceback as one value: the error, and the innermost places it passed through."""
    info = event.pop("exc_info", None)
    error = info[1] if isinstance(info, tuple) else sys.exc_info()[1] if info is True else info
    if isinstance(error, BaseException):
        event.setdefault("error", f"{type(error).__name__}: {error}")
        places = []
        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            places.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}")
            trace = trace.tb_next
        event.setdefault("where", " > ".join(places[-8:]))
    return event


def _hide(_logger: object, _method: str, event: Event) -> Event:
    for name, value in event.items():
        event[name] = _HIDDEN if _SECRET_NAMES.search(name) else _safe(value)
    return event


def _safe(value: object) -> Any:
    if isinstance(value, bool | int | float | None):
        return value
    if isinstance(value, dict):
        return {
            str(name): _HIDDEN if _SECRET_NAMES.search(str(name)) else _safe(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_safe(inner) for inner in value]
    return _SECRET_LOOKS.sub(_HIDDEN, str(value))[:_VALUE_CHARS_MAX]


def _json_line(_logger: object, _method: str, event: Event) -> str:
    event.pop("logger", None)
    head = {"at": event.pop("timestamp"), "level": event.pop("level"), "event": event.pop("event")}
    return json.dumps(head | dict(event))


def _console_line(_logger: object, _method: str, event: Event) -> str:
    event.pop("logger", None)
    at, level, name = event.pop("timestamp"), event.pop("level"), event.pop("event")
    fields = "".join(f" {key}={_console_value(value)}" for key, value in event.items())
    return f"{at[11:19]} {level:<7} {_console_text(str(name))}{fields}"


def _console_value(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_console_value(inner) for inner in value)}]"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if _PLAIN.fullmatch(text) else json.dumps(_console_text(text), ensure_ascii=False)


def _console_text(text: str) -> str:
    """Printable characters as they are, all others escaped (control, bidirectional, surrogates)."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )
