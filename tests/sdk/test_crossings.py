"""How often a phone's store is asked: each question is a crossing to its thread and back."""

from collections.abc import Callable
from typing import Any

import pytest
import trio.testing
from trio.testing import MockClock

import imsdk
from imsdk.testing import Server
from tests.sdk.conftest import Open


async def test_a_message_crosses_to_the_store_three_times_into_the_outbox_out_of_it_and_with_its_result(
    autojump_clock: MockClock, client: Open, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = imsdk.SqliteStore(None)
    asked: list[str] = []
    run: Callable[..., Any] = store._run

    async def counted(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        asked.append(function.__name__)
        return await run(function, *arguments, **named)

    async with client("alice", store=store) as im:
        await im.synced()
        chat = await im.conversation(with_user="bob")
        await (await chat.send("first")).acked()
        await trio.testing.wait_all_tasks_blocked()
        monkeypatch.setattr(store, "_run", counted)
        await (await chat.send("second")).acked()
        await trio.testing.wait_all_tasks_blocked()
    assert asked == ["enqueue", "window", "settle"]
