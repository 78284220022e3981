"""The churn log: what it holds, what it never holds, and that a disk that refuses it harms nobody."""

import json
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from imserver.app import churn_log
from imserver.app.churn_log import ChurnLog, open_churn_log
from imserver.app.errors import CannotServe


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_lines_tell_offsets_and_devices_by_order_of_appearance(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    log = ChurnLog(tmp_path / "churn.jsonl")
    log.connected(900_001, 0)
    await trio.sleep(1.5)
    log.connected(17, 2)
    log.dropped(900_001, "reset")
    await trio.sleep(0.25)
    log.resumed(900_001, 4)
    log.close()
    head, *lines = lines_of(tmp_path / "churn.jsonl")
    assert head["what"] == "log"
    assert lines == [
        {"ms": 0, "who": 0, "what": "connected", "missed": 0},
        {"ms": 1500, "who": 1, "what": "connected", "missed": 2},
        {"ms": 1500, "who": 0, "what": "dropped", "cause": "reset"},
        {"ms": 1750, "who": 0, "what": "resumed", "missed": 4},
    ]


async def test_lines_reach_the_system_within_a_second(tmp_path: Path, autojump_clock: MockClock) -> None:
    log = ChurnLog(tmp_path / "churn.jsonl")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(log.run)
        log.connected(1, 0)
        await trio.sleep(1.1)
        assert len(lines_of(tmp_path / "churn.jsonl")) == 2
        nursery.cancel_scope.cancel()
    log.close()


async def test_a_full_log_stops_and_what_follows_is_ignored(
    tmp_path: Path, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(churn_log, "LOG_BYTES_MAX", 200)
    log = ChurnLog(tmp_path / "churn.jsonl")
    for _ in range(100):
        log.connected(1, 0)
    log.close()
    assert (tmp_path / "churn.jsonl").stat().st_size <= 200


async def test_a_disk_that_refuses_ends_the_recording_and_raises_nothing() -> None:
    log = ChurnLog(Path("/dev/full"))
    log.connected(1, 0)
    await log.run()  # it returns, because the recording is over
    log.connected(2, 0)
    log.close()


async def test_a_file_that_cannot_be_made_stops_the_start_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(CannotServe, match="no-such-folder"):
        open_churn_log(tmp_path / "no-such-folder" / "churn.jsonl")
    assert open_churn_log(None) is None
