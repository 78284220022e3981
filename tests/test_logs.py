import errno
import io
import json
import logging

import pytest
import structlog

from imserver import logs


class Device(io.StringIO):
    """Takes nothing while `full`."""

    full = False

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


def lines(format: str, *, level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    logs.configure(level=level, format=format, stream=stream)
    return stream


@pytest.fixture(autouse=True)
def _restore() -> object:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize("format", ["console", "json"])
@pytest.mark.parametrize("evil", ["a\nb", "a\r\nb", "\x1b[2J", "\u2028", "\u202e", "\x00", "\x85", "\ud800"])
def test_whatever_a_value_holds_an_event_is_one_line(format: str, evil: str) -> None:
    stream = lines(format)
    structlog.get_logger().info("came", user=evil, more={"x": evil}, many=[evil])
    logging.getLogger("other").warning("said %s", evil)
    text = stream.getvalue()
    assert text.count("\n") == 2
    assert len(text.splitlines()) == 2
    assert all(c.isprintable() or c == "\n" for c in text)


def test_json_says_time_level_event_and_values() -> None:
    stream = lines("json")
    structlog.get_logger().info("came", user="王芳", n=3, ok=True, none=None)
    event = json.loads(stream.getvalue())
    assert event.pop("at").endswith("Z")
    assert event == {"level": "info", "event": "came", "user": "王芳", "n": 3, "ok": True, "none": None}


def test_console_is_readable() -> None:
    stream = lines("console")
    structlog.get_logger().warning("came", user="王 芳", urls=["tcp://[::1]:1", "x y"], n=3)
    assert stream.getvalue()[8:] == ' warning came user="王 芳" urls=[tcp://[::1]:1, "x y"] n=3\n'


@pytest.mark.parametrize("format", ["console", "json"])
def test_secrets_are_hidden_by_name_and_by_look(format: str) -> None:
    stream = lines(format)
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.canary-signature"
    link = "http://127.0.0.1/media/" + "canary" * 20
    log = structlog.get_logger()
    log.info("x", token="canary", resume_secret="canary", ticket="canary", nested={"password": "canary"})
    log.info("x", text=f"got {jwt} here", url=link, listed=[jwt], error=ValueError(jwt))
    logging.getLogger("hypercorn").error("failed for %s at %s", jwt, link)
    assert "canary" not in stream.getvalue()
    assert stream.getvalue().count("[hidden]") >= 8


def test_what_is_below_the_level_is_left_out() -> None:
    stream = lines("json", level="warning")
    structlog.get_logger().info("quiet")
    logging.getLogger("other").info("quiet")
    assert stream.getvalue() == ""


def test_the_debug_log_leaves_out_what_aiosqlite_says_of_every_crossing() -> None:
    stream = lines("json", level="debug")
    logging.getLogger("aiosqlite").debug("executing functools.partial")
    logging.getLogger("another").debug("something")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["something"]


def test_an_exception_is_one_line_with_the_places_it_passed() -> None:
    stream = lines("json")

    def deep() -> None:
        raise ValueError("torn\npage")

    try:
        deep()
    except ValueError:
        structlog.get_logger().error("failed", exc_info=True)
    event = json.loads(stream.getvalue())
    assert event["error"] == "ValueError: torn\npage"
    assert event["where"].endswith(" deep")
    assert "test_logs.py" in event["where"]


def test_auto_is_json_where_nobody_looks() -> None:
    stream = lines("auto")
    structlog.get_logger().info("came")
    assert json.loads(stream.getvalue())["event"] == "came"


def test_lines_that_cannot_be_written_are_counted_in_the_next_one_and_raise_nothing() -> None:
    device = Device()
    logs.configure(level="info", format="json", stream=device)
    log = structlog.get_logger()
    device.full = True
    log.info("came")
    logging.getLogger("other").warning("said")
    device.full = False
    log.info("stayed")
    log.info("went")
    stayed, went = (json.loads(line) for line in device.getvalue().splitlines())
    assert (stayed["event"], stayed["unwritten"]) == ("stayed", 2)
    assert went["event"] == "went"
    assert "unwritten" not in went
