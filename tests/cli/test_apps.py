"""`imserver app …`, with and without a running server: the same requests, the same results."""

from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.cli.here import Here
from tests.cli.house import Cli, Server


@pytest.fixture(params=["running", "stopped"])
def here(request: pytest.FixtureRequest, cli: Cli, call: Here, data: Path) -> Iterator[Here]:
    if request.param == "stopped":
        yield call
        return
    with Server(cli.folder):
        yield call


def test_an_app_is_made_listed_and_its_users_get_tokens(here: Here) -> None:
    said = here.says("app", "create", "shoes", "--media-quota", str(5 * 1024**2))
    assert said.startswith("App 'shoes' is made.\nKey '1' (HS256) of app 'shoes'.\n")
    secret = said.split()[-1]
    token = here.says("token", "alice", "--app", "shoes").strip()
    claims = jwt.decode(token, secret, algorithms=["HS256"], audience="imserver")
    assert (claims["iss"], claims["sub"]) == ("shoes", "alice")
    assert here.says("token-check", token).startswith("user 'alice' of app 'shoes', until ")
    listed = here.says("app", "list")
    assert "default  since " in listed
    assert "shoes  since " in listed
    assert "media 0.0 of 5 MiB" in listed
    assert secret not in listed


def test_keys_rotate(here: Here) -> None:
    """A second key, its secret shown again, the first one revoked: tokens of the second go on."""
    old = here.says("token", "alice").strip()
    secret = here.says("app", "key", "default").split()[-1]
    assert here.says("app", "key", "default", "--show", "--kid", "2").strip() == secret
    assert here.says("app", "key", "default", "--revoke", "1") == "Key '1' of app 'default' is revoked.\n"
    assert ", revoked " in here.says("app", "list")
    new = here.says("token", "alice").strip()
    assert jwt.get_unverified_header(new)["kid"] == "2"
    here.says("token-check", new)
    assert here("token-check", old).code == 1
    assert here.says("app", "key", "default", "--revoke", "1")  # again: nothing more to do, no error
    assert "it was the last" in here.says("app", "key", "default", "--revoke", "2")


def test_a_public_key_lets_the_backend_keep_its_private_one(here: Here, cli: Cli) -> None:
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (cli.folder / "shop.pem").write_bytes(public)
    said = here.says(
        "app", "key", "default", "--algorithm", "EdDSA", "--public-key", "shop.pem", "--kid", "2027"
    )
    assert said == "Key '2027' (EdDSA) of app 'default'.\n"
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    claims = {"iss": "default", "sub": "bob", "aud": "imserver", "exp": 4_000_000_000}
    token = jwt.encode(claims, pem, algorithm="EdDSA", headers={"kid": "2027"})
    assert here.says("token-check", token).startswith("user 'bob' of app 'default', until 2096-")
