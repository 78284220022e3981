"""Tokens: the algorithm belongs to the key, and nothing a token says can do harm (RFC 8725)."""

import base64
import hashlib
import hmac
import json

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from improtocol import Code
from imserver.core import TokenRefused, TokenVerifier, sign_token
from imserver.core.tokens import load_key
from imserver.storage.store import App, AppKey

NOW_S = 4_000_000_000 - 10**9
SECRET = b"s" * 32
PRIVATE = Ed25519PrivateKey.generate()
PUBLIC = PRIVATE.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)
CLAIMS = {"iss": "shop", "sub": "alice", "aud": "imserver", "exp": NOW_S}


def verifier(*, revoked_ms: int = 0) -> TokenVerifier:
    apps = [App(id=1, name="shop", created_ms=1, media_bytes_max=1)]
    keys = [
        AppKey(app=1, kid="h", algorithm="HS256", key=SECRET, created_ms=1, revoked_ms=revoked_ms),
        AppKey(app=1, kid="e", algorithm="EdDSA", key=PUBLIC, created_ms=1),
    ]
    made = TokenVerifier()
    made.replace(apps, keys)
    return made


def signed(claims: dict[str, object], kid: str = "h", secret: bytes = SECRET) -> str:
    return jwt.encode(claims, secret, algorithm="HS256", headers={"kid": kid})


def code_of(token: str) -> Code:
    with pytest.raises(TokenRefused) as caught:
        verifier().verify(token)
    return caught.value.code


def test_a_good_token_proves_app_and_user_with_either_algorithm() -> None:
    identity = verifier().verify(signed(dict(CLAIMS)))
    assert (identity.app.name, identity.user) == ("shop", "alice")
    token = jwt.encode(dict(CLAIMS), PRIVATE, algorithm="EdDSA", headers={"kid": "e"})
    assert verifier().verify(token).user == "alice"


def test_the_public_key_is_no_secret_to_sign_with() -> None:
    """The classic confusion: HS256 over the bytes of the public key."""
    header = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": "e"}).encode()).rstrip(b"=")
    body = base64.urlsafe_b64encode(json.dumps(CLAIMS).encode()).rstrip(b"=")
    mac = hmac.new(PUBLIC, header + b"." + body, hashlib.sha256).digest()
    token = (header + b"." + body + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()
    assert code_of(token) == Code.TOKEN_INVALID


def test_an_unsigned_token_is_worth_nothing() -> None:
    token = jwt.encode(dict(CLAIMS), "", algorithm="none", headers={"kid": "h"})
    assert code_of(token) == Code.TOKEN_INVALID


@pytest.mark.parametrize("missing", ["iss", "sub", "aud", "exp"])
def test_every_claim_is_needed(missing: str) -> None:
    claims = {name: value for name, value in CLAIMS.items() if name != missing}
    assert code_of(signed(claims)) == Code.TOKEN_INVALID


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "rival"},
        {"aud": "another service"},
        {"sub": ""},
        {"sub": "x" * 200},
        {"sub": "line\nbreak"},
        {"exp": "never"},
        {"exp": float("inf")},
        {"nbf": float("inf")},
    ],
    ids=str,
)
def test_a_claim_that_makes_no_sense_is_refused_and_harms_nobody(change: dict[str, object]) -> None:
    assert code_of(signed({**CLAIMS, **change})) == Code.TOKEN_INVALID


def test_an_expired_token_is_told_apart_because_a_new_one_helps() -> None:
    assert code_of(signed({**CLAIMS, "exp": 1000})) == Code.TOKEN_EXPIRED


def test_a_revoked_key_proves_nothing() -> None:
    with pytest.raises(TokenRefused):
        verifier(revoked_ms=5).verify(signed(dict(CLAIMS)))


def test_sign_token_makes_what_verify_takes_also_from_a_clock_that_is_far_ahead() -> None:
    token = sign_token(
        app="shop", user="bob", kid="h", algorithm="HS256", key=SECRET, now_s=NOW_S - 60, lifetime_s=60
    )
    assert verifier().verify(token).user == "bob"


@pytest.mark.parametrize(("algorithm", "key"), [("HS256", b"short"), ("RS256", b"x" * 32), ("EdDSA", b"x")])
def test_a_key_that_fits_no_algorithm_is_refused(algorithm: str, key: bytes) -> None:
    with pytest.raises(ValueError, match=r"HS256|algorithm|public key"):
        load_key(algorithm, key)
