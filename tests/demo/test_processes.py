"""Processes of the demo: orders reach an app whole, an unordered death is an error, kills are kills."""

import signal
from pathlib import Path
from typing import Any

import pytest
import trio

from imserver.demo.processes import AppProcess, Broken

ECHO = """
import json, sys
for line in sys.stdin:
    order = json.loads(line)
    if order["do"] == "die":
        sys.exit("I had to")
    print(json.dumps({"event": "did", **order}), flush=True)
"""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppProcess:
    """An app that repeats its orders, in place of the real one."""
    (tmp_path / "echo_app.py").write_text(ECHO, encoding="ascii")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = AppProcess(tmp_path, user="lin", peer="mia", token="t", chat_port=1, media_port=1)
    found._command = ("echo_app",)
    return found


class Heard:
    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self._rung = trio.Event()

    def __call__(self, user: str, event: dict[str, Any]) -> None:
        assert user == "lin"
        self.events.append(event)
        self._rung.set()

    async def wait_for(self, count: int) -> None:
        with trio.fail_after(30):
            while len(self.events) < count:
                self._rung = trio.Event()
                await self._rung.wait()


async def test_orders_of_several_tasks_arrive_whole_and_each_tasks_in_order(app: AppProcess) -> None:
    heard = Heard()
    async with trio.open_nursery() as nursery:
        await app.start(nursery, heard)

        async def speak(name: str) -> None:
            for number in range(50):
                await app.order({"do": "x", "name": name, "number": number, "pad": "y" * 5000})

        for name in "abc":
            nursery.start_soon(speak, name)
        await heard.wait_for(150)
        await app.end(signal.SIGKILL)
    for name in "abc":
        assert [event["number"] for event in heard.events if event["name"] == name] == list(range(50))


async def test_app_that_ends_by_itself_is_an_error_with_its_last_words(app: AppProcess) -> None:
    with pytest.RaisesGroup(Broken) as caught:
        async with trio.open_nursery() as nursery:
            await app.start(nursery, Heard())
            await app.order({"do": "die"})
    assert "I had to" in str(caught.value.exceptions[0])
    await app.end(signal.SIGKILL)


async def test_app_that_is_killed_by_order_is_no_error_and_hears_nothing_until_it_is_started_again(
    app: AppProcess,
) -> None:
    heard = Heard()
    async with trio.open_nursery() as nursery:
        await app.start(nursery, heard)
        await app.order({"do": "first"})
        await heard.wait_for(1)
        app.kill_now()
        assert await app.end(signal.SIGKILL) == -signal.SIGKILL
        assert app.pid is None
        assert not app.up.is_set()
        await app.order({"do": "lost"})
        await app.start(nursery, heard)
        assert app.up.is_set()
        await app.order({"do": "second"})
        await heard.wait_for(2)
        await app.end(signal.SIGTERM)
    assert [event["do"] for event in heard.events] == ["first", "second"]
