import pytest

from imserver.config import Address
from imserver.config.addresses import CHAT_SCHEMES, HTTP_SCHEMES


@pytest.mark.parametrize("url", ["tcp://127.0.0.1:7400", "wss://chat.example.com:443", "ws://[::1]:0"])
def test_an_address_is_its_url(url: str) -> None:
    assert str(Address.parse(url, CHAT_SCHEMES)) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "127.0.0.1:7400",
        "tcp://127.0.0.1",
        "tcp://:7400",
        "tcp://127.0.0.1:99999",
        "tcp://127.0.0.1:x",
        "tcp://[::1:7400",
        "tcp://127.0.0.1:1/path",
        "tcp://user@127.0.0.1:1",
        "ws://127.0.0.1:1?q",
        "http://127.0.0.1:1",
    ],
)
def test_what_is_no_address_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match=r"tcp://"):
        Address.parse(text, CHAT_SCHEMES)


@pytest.mark.parametrize(
    ("host", "loopback", "everywhere"),
    [
        ("127.0.0.1", True, False),
        ("127.9.9.9", True, False),
        ("[::1]", True, False),
        ("localhost", True, False),
        ("0.0.0.0", False, True),
        ("[::]", False, True),
        ("192.0.2.1", False, False),
        ("localhost.example.com", False, False),
    ],
)
def test_who_can_reach_an_address(host: str, loopback: bool, everywhere: bool) -> None:
    address = Address.parse(f"http://{host}:1", HTTP_SCHEMES)
    assert (address.loopback, address.everywhere) == (loopback, everywhere)
