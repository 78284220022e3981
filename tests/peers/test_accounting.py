"""The oracle counts what was lost, doubled and put out of order, and nothing else."""

from benchmarks.peers.accounting import account
from benchmarks.peers.protocols.floor import FloorDevice


def pair(acked: list[str], received: list[str]) -> tuple[FloorDevice, FloorDevice]:
    sender, receiver = FloorDevice("s", "pw"), FloorDevice("r", "pw")
    sender.acked = [body.encode() for body in acked]
    receiver.received = [body.encode() for body in received]
    return sender, receiver


def found(acked: list[str], received: list[str]) -> tuple[int, int, int, int]:
    sender, receiver = pair(acked, received)
    counts = account([sender], [receiver])
    return counts.acked, counts.lost, counts.doubled, counts.reordered


def test_all_is_well() -> None:
    assert found(["s:r#1", "s:r#2"], ["s:r#1", "s:r#2"]) == (2, 0, 0, 0)


def test_what_was_acknowledged_and_never_came_is_lost() -> None:
    assert found(["s:r#1", "s:r#2"], ["s:r#2"]) == (2, 1, 0, 0)


def test_what_came_without_acknowledgement_is_not_lost() -> None:
    assert found(["s:r#1"], ["s:r#1", "s:r#2"]) == (1, 0, 0, 0)


def test_what_comes_again_is_doubled_not_reordered() -> None:
    assert found(["s:r#1", "s:r#2"], ["s:r#1", "s:r#2", "s:r#1"]) == (2, 0, 1, 0)


def test_what_first_comes_after_a_later_one_is_reordered() -> None:
    assert found(["s:r#1", "s:r#2", "s:r#3"], ["s:r#2", "s:r#1", "s:r#3"]) == (3, 0, 0, 1)


def test_senders_are_ordered_each_by_itself() -> None:
    first, receiver = pair(["a:r#1", "a:r#2"], ["a:r#2", "b:r#1"])
    second, _ = pair(["b:r#1"], [])
    assert account([first, second], [receiver]).reordered == 0
