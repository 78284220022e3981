"""The README's examples are run as they stand, against the real `imserver serve`."""

import json
import re
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio

import imsdk
from imserver.app.administration import make_token

_README = Path(__file__).parent.parent / "README.md"


def _example(containing: str) -> types.ModuleType:
    """The README's Python block that contains this text, as a module."""
    blocks = re.findall(r"```python\n(.*?)```", _README.read_text(encoding="utf-8"), re.DOTALL)
    (source,) = [block for block in blocks if containing in block]
    module = types.ModuleType("readme_example")
    exec(compile(source, str(_README), "exec"), module.__dict__)
    return module


@dataclass(frozen=True)
class Shop:
    """A running server."""

    url: str
    token: Callable[[str], str]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """`imserver serve` on free ports, in a process of its own."""
    data, ready = tmp_path / "data", tmp_path / "ready.json"
    command = [sys.executable, "-m", "imserver", "serve", "--data-dir", str(data), "--ready-file", str(ready)]
    command += ["--listen", "tcp://127.0.0.1:0", "--http", "http://127.0.0.1:0", "--log-level", "error"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            # The banner's last line is printed once the server accepts; no clock is needed to wait for it.
            for line in process.stdout:
                if line.startswith("Stop with"):
                    break
            url = json.loads(ready.read_text())["listen"][0]
            yield Shop(url, lambda user: make_token(data, user=user, app=None, days=1))
        finally:
            process.kill()


async def test_the_embedding_example_sends_and_receives(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The five lines deliver a message to bob, and print what bob answers."""
    monkeypatch.chdir(tmp_path)
    example = _example("async def main")
    with trio.fail_after(30):
        async with (
            imsdk.connect(shop.url, token=shop.token("bob"), store=imsdk.MemoryStore()) as bob,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(example.main, shop.url, shop.token("alice"))
            async for message in bob.messages():
                assert message.content == imsdk.Text("您好,请问我的订单什么时候发货?")
                break
            chat = await bob.conversation(with_user="alice")
            await (await chat.send("今天下午")).acked()
            while "bob Text(text='今天下午')" not in capsys.readouterr().out:
                # Standard output has no event to wait for; each turn lets the example run on.
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()


async def test_the_blocking_example_sends(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same from a plain thread: when `greet` returns, bob's server has the message."""
    monkeypatch.chdir(tmp_path)
    example: Any = _example("def greet")
    with trio.fail_after(30):
        await trio.to_thread.run_sync(example.greet, shop.url, shop.token("carol"))
        async with imsdk.connect(shop.url, token=shop.token("bob"), store=imsdk.MemoryStore()) as bob:
            async for message in bob.messages():
                assert message.sender == "carol"
                assert message.content == imsdk.Text("Hello from a plain thread")
                break
