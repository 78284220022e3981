import pytest
from pydantic import ValidationError

from imserver.config import Config


def refused(**keys: object) -> str:
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(keys)
    return str(caught.value)


@pytest.mark.parametrize("scheme", ["tcp", "ws"])
def test_plaintext_beyond_this_machine_needs_to_be_said(scheme: str) -> None:
    listen = [f"{scheme}://0.0.0.0:1"]
    assert "allow_plaintext = true" in refused(listen=listen)
    assert Config.model_validate({"listen": listen, "allow_plaintext": True}).listen == tuple(listen)


def test_media_beyond_this_machine_are_not_plaintext_either() -> None:
    assert "use https://" in refused(http="http://192.0.2.1:7402")


@pytest.mark.parametrize(
    "keys",
    [{"listen": ["tls://127.0.0.1:1"]}, {"listen": ["wss://127.0.0.1:1"]}, {"http": "https://[::1]:1"}],
)
def test_an_encrypted_listener_needs_certificate_and_key(keys: dict[str, object]) -> None:
    assert "needs tls_certificate and tls_key" in refused(**keys)
    assert "needs tls_certificate and tls_key" in refused(**keys, tls_certificate="c.pem")
    Config.model_validate({**keys, "tls_certificate": "c.pem", "tls_key": "k.pem"})


def test_clients_must_be_told_a_real_address_for_media() -> None:
    keys = {"http": "http://0.0.0.0:7402", "allow_plaintext": True}
    assert "http_public_url must be set" in refused(**keys)
    config = Config.model_validate({**keys, "http_public_url": "https://chat.example.com/"})
    assert config.http_public_url == "https://chat.example.com"


def test_two_listeners_cannot_have_one_port_unless_any_will_do() -> None:
    assert "given to two listeners" in refused(listen=["tcp://127.0.0.1:7402"])
    Config.model_validate({"listen": ["tcp://127.0.0.1:0", "ws://127.0.0.1:0"], "http": "http://127.0.0.1:0"})


def test_health_alone_may_be_plain_beyond_this_machine() -> None:
    assert Config.model_validate({"operations": "http://0.0.0.0:7403"}).operations_address is not None
