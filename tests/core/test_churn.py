"""Whoever watches churn hears of every connection that comes and goes, and why."""

from improtocol.codes import Code
from improtocol.frames import Close
from imserver.gateway.deadlines import cause_of
from tests.core.house import House, post


class Listener:
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[object, ...]] = []

    def connected(self, device: int, missed: int) -> None:
        self.heard.append(("connected", device, missed))

    def resumed(self, device: int, missed: int) -> None:
        self.heard.append(("resumed", device, missed))

    def dropped(self, device: int, cause: str) -> None:
        self.heard.append(("dropped", device, cause))


async def test_logins_drops_and_resumes_are_told_with_what_was_missed(house: House) -> None:
    alice = await house.phone("alice").connect()
    bob = await house.phone("bob").connect()
    await alice.one(post("bob", "first"))
    await bob.settle()
    listener = Listener()
    house.core._churn = listener
    bob.drop()
    await alice.one(post("bob", "missed"))
    await alice.one(post("bob", "missed too"))
    await bob.resume()
    await house.phone("carol").connect()
    (dropped, one, cause), (resumed, two, missed), (connected, three, nothing) = listener.heard
    assert (dropped, cause) == ("dropped", "closed")
    assert (resumed, missed) == ("resumed", 2)
    assert (connected, nothing) == ("connected", 0)
    assert one == two != three, "the same device has the same number"


def test_a_close_is_told_by_its_codes_name_and_an_unknown_one_as_closed() -> None:
    assert cause_of(Close(code=Code.REPLACED)) == "replaced"
    assert cause_of(Close(code=Code.IDLE_TIMEOUT)) == "idle_timeout"
    assert cause_of(Close(code=999)) == "closed"
