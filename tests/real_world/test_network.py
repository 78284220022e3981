"""Two machines: a network namespace behind a veth pair, whose cable is pulled, and whose packets get lost."""

import pytest

from tests.real_world.conftest import impair, run
from tests.real_world.stage import Stage

pytestmark = pytest.mark.heavy


@pytest.fixture
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(tmp_path_factory.mktemp("network"), host="198.18.77.1")


def inside(network: str) -> tuple[str, ...]:
    """Runs a command on the other machine."""
    return "ip", "netns", "exec", network


def cable(network: str, how: str) -> None:
    assert run("ip", "link", "set", f"{network}a", how).returncode == 0


def test_pulled_cable_loses_and_doubles_nothing(network: str, stage: Stage) -> None:
    """No FIN, no reset: both ends must find out by silence."""
    with (
        stage.server() as server,
        stage.app("bob", "alice") as bob,
        stage.app("alice", "bob", prefix=inside(network)) as alice,
    ):
        alice.send("before")
        bob.until("message", text="before")
        for round_ in range(3):
            cable(network, "down")
            alice.send(*(f"{round_}.{n}" for n in range(10)))
            bob.send(f"to you {round_}")
            bob.until("acked", round_ + 1)
            cable(network, "up")
            alice.tell(network_changed=True)
            bob.until("message", text=f"{round_}.9")
            alice.until("message", text=f"to you {round_}")
        assert bob.texts() == ["before", *(f"{r}.{n}" for r in range(3) for n in range(10))]
        assert alice.texts() == [f"to you {r}" for r in range(3)]
        assert server.end() == 0
    stage.verified()


@pytest.mark.parametrize(
    "netem", ["delay 150ms 50ms loss 10%", "loss 30%", "delay 20ms reorder 25% duplicate 5%"]
)
def test_bad_network_loses_and_doubles_nothing(network: str, stage: Stage, netem: str) -> None:
    impair(network, *netem.split())
    with (
        stage.server() as server,
        stage.app("bob", "alice") as bob,
        stage.app("alice", "bob", prefix=inside(network)) as alice,
    ):
        texts = [f"{n} {'x' * 500}" for n in range(200)]
        alice.send(*texts)
        bob.until("message", len(texts), own=False)
        assert bob.texts() == texts
        assert server.end() == 0
    stage.verified()
