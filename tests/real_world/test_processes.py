"""SIGKILL, SIGSTOP and SIGCONT of real processes: whatever was said arrives once, in order."""

import signal
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.real_world.stage import Stage


@pytest.mark.parametrize(
    "rounds", [pytest.param(1, id="light"), pytest.param(15, id="heavy", marks=pytest.mark.heavy)]
)
def test_server_and_apps_killed_again_and_again_lose_and_double_nothing(tmp_path: Path, rounds: int) -> None:
    stage = Stage(tmp_path)
    said: list[str] = []
    seen: list[str] = []
    for round_ in range(rounds):
        with stage.server() as server, stage.app("bob", "alice") as bob, stage.app("alice", "bob") as alice:
            alice.until("opened")
            texts = [f"{round_}.{n}" for n in range(30)]
            said += texts
            alice.send(*texts)
            alice.until("queued", 10)
            # Somewhere in the middle: nobody knows what of it was acked, stored or shown.
            server.process.kill()
            alice.until("queued", 30)
            alice.kill()
            bob.kill()
            seen += bob.texts()
    with stage.server() as server, stage.app("bob", "alice") as bob, stage.app("alice", "bob"):
        missing = [text for text in said if text not in seen]
        if missing:
            bob.until("message", text=missing[-1], own=False)
        seen += bob.texts()
        assert server.end() == 0
    # The app's own callback is at-least-once with the position given: after a kill, the last one again.
    assert list(dict.fromkeys(seen)) == said
    stage.verified()


@pytest.mark.heavy
def test_stopped_app_is_given_up_and_has_everything_once_after_it_goes_on(tmp_path: Path) -> None:
    """SIGSTOP: the phone's system freezes the app; its socket stays open and silent."""
    stage = Stage(tmp_path)
    with stage.server() as server, stage.app("bob", "alice") as bob, stage.app("alice", "bob") as alice:
        bob.until("state", phase="online")
        alice.until("state", phase="online")
        for round_ in range(10):
            bob.signal(signal.SIGSTOP)
            alice.send(*(f"{round_}.{n}" for n in range(20)))
            alice.until("acked", 20 * (round_ + 1))
            bob.signal(signal.SIGCONT)
            bob.until("message", text=f"{round_}.19")
        assert bob.texts() == [f"{r}.{n}" for r in range(10) for n in range(20)]
        assert server.end() == 0
    stage.verified()


@pytest.mark.heavy
def test_app_stopped_for_longer_than_the_server_s_patience_is_hung_up_and_comes_back(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    with stage.server() as server, stage.app("bob", "alice") as bob, stage.app("alice", "bob") as alice:
        bob.until("state", phase="online")
        bob.signal(signal.SIGSTOP)
        watched = f"{server.ready['operations']}/metrics"
        alice.kill()
        while b"imserver_core_attached 0.0" not in urlopen(watched, timeout=10).read():
            pass
        with stage.app("alice", "bob") as again:
            again.send("while you were frozen")
            again.until("acked")
            bob.signal(signal.SIGCONT)
            bob.until("message", text="while you were frozen")
        assert bob.texts() == ["while you were frozen"]


def test_stopped_server_goes_on_where_it_was(tmp_path: Path) -> None:
    """A machine that hangs: the apps notice nothing or reconnect; everything is sent once."""
    stage = Stage(tmp_path)
    with stage.server() as server, stage.app("bob", "alice") as bob, stage.app("alice", "bob") as alice:
        bob.until("state", phase="online")
        alice.until("state", phase="online")
        server.process.send_signal(signal.SIGSTOP)
        alice.send(*(str(n) for n in range(40)))
        alice.until("queued", 40)
        server.process.send_signal(signal.SIGCONT)
        alice.until("acked", 40)
        bob.until("message", text="39")
        assert bob.texts() == [str(n) for n in range(40)]
        assert server.end() == 0
    stage.verified()
