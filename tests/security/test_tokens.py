"""The token matrix: what is not exactly a good token of this tenant is refused, and learns nothing."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from improtocol import Code, frames
from imserver.core import TokenRefused, TokenVerifier
from imserver.storage.store import App, AppKey
from tests.core.house import House
from tests.core.links import FakeLink

NOW_S = int(time.time())
SHOP_SECRET, RIVAL_SECRET, OLD_SECRET = b"s" * 32, b"r" * 32, b"o" * 32
ED = ed25519.Ed25519PrivateKey.generate()
EC = ec.generate_private_key(ec.SECP256R1())
REFUSAL = "the token is not signed by a key of this server"


def pem(key: Any) -> bytes:
    found: bytes = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return found


def app_key(app: int, kid: str, algorithm: str, key: bytes, revoked_ms: int = 0) -> AppKey:
    return AppKey(app=app, kid=kid, algorithm=algorithm, key=key, created_ms=1, revoked_ms=revoked_ms)


@pytest.fixture(scope="module")
def verifier() -> TokenVerifier:
    """Two tenants whose keys have the same kids, with keys of every algorithm."""
    verifier = TokenVerifier()
    verifier.replace(
        [App(id=n, name=name, created_ms=1, media_bytes_max=1) for n, name in ((1, "shop"), (2, "rival"))],
        [
            app_key(1, "hs", "HS256", SHOP_SECRET),
            app_key(1, "old", "HS256", OLD_SECRET, revoked_ms=5),
            app_key(1, "ed", "EdDSA", pem(ED)),
            app_key(1, "ec", "ES256", pem(EC)),
            app_key(2, "hs", "HS256", RIVAL_SECRET),
        ],
    )
    return verifier


def claims(**changes: Any) -> dict[str, Any]:
    good = {"iss": "shop", "sub": "alice", "aud": "imserver", "exp": NOW_S + 3600} | changes
    return {name: value for name, value in good.items() if value is not None}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(header: object, payload: object, secret: bytes = SHOP_SECRET) -> str:
    """A token put together by hand, with an HMAC by `secret`: no library stands in the attacker's way."""
    head = header if isinstance(header, bytes) else json.dumps(header).encode()
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    said = f"{b64(head)}.{b64(body)}"
    return f"{said}.{b64(hmac.digest(secret, said.encode(), hashlib.sha256))}"


def hs(payload: object, kid: object = "hs", secret: bytes = SHOP_SECRET, **header: object) -> str:
    return forged({"alg": "HS256", "typ": "JWT", "kid": kid} | header, payload, secret)


GOOD: dict[str, Callable[[], str]] = {
    "HS256": lambda: hs(claims()),
    "EdDSA": lambda: jwt.encode(claims(), ED, algorithm="EdDSA", headers={"kid": "ed"}),
    "ES256": lambda: jwt.encode(claims(), EC, algorithm="ES256", headers={"kid": "ec"}),
}
NONE = {"typ": "JWT", "kid": "hs"}
DEEP = b'{"a":' * 600 + b"1" + b"}" * 600
ATTACKS: dict[str, Callable[[], str]] = {
    "alg none": lambda: (
        f"{b64(json.dumps(NONE | {'alg': 'none'}).encode())}.{b64(json.dumps(claims()).encode())}."
    ),
    "alg None in another case": lambda: forged(NONE | {"alg": "NoNe"}, claims()),
    "alg left out": lambda: forged(NONE, claims()),
    "alg is a list": lambda: forged(NONE | {"alg": ["HS256"]}, claims()),
    "HS256 with the EdDSA public key as secret": lambda: hs(claims(), "ed", pem(ED)),
    "HS256 with the ES256 public key as secret": lambda: hs(claims(), "ec", pem(EC)),
    "HS512 for an HS256 key": lambda: jwt.encode(claims(), b"s" * 64, "HS512", headers={"kid": "hs"}),
    "EdDSA for an HS256 kid": lambda: jwt.encode(claims(), ED, algorithm="EdDSA", headers={"kid": "hs"}),
    "an unknown kid": lambda: hs(claims(), "nope"),
    "no kid": lambda: forged({"alg": "HS256"}, claims()),
    "a kid that is a list": lambda: hs(claims(), ["hs"]),
    "a kid with a path": lambda: hs(claims(), "../../../../dev/null", b""),
    "a kid with SQL": lambda: hs(claims(), "' UNION SELECT 'x", b"x"),
    "a revoked kid": lambda: hs(claims(), "old", OLD_SECRET),
    "a key of its own in the header": lambda: jwt.encode(
        claims(), ED, algorithm="EdDSA", headers={"kid": "hs", "jwk": {"kty": "OKP", "crv": "Ed25519"}}
    ),
    "another tenant's key under the same kid": lambda: hs(claims(), "hs", RIVAL_SECRET),
    "our key for another tenant's name": lambda: hs(claims(iss="rival")),
    "a tenant that does not exist": lambda: hs(claims(iss="nobody")),
    "iss left out": lambda: hs(claims(iss=None)),
    "iss as a list": lambda: hs(claims(iss=["shop"])),
    "aud of another service": lambda: hs(claims(aud="mail")),
    "aud left out": lambda: hs(claims(aud=None)),
    "exp left out": lambda: hs(claims(exp=None)),
    "exp as text": lambda: hs(claims(exp="never")),
    "exp beyond all numbers": lambda: hs(claims(exp=1e400)),
    "exp not a number": lambda: hs(json.dumps(claims()).replace(str(NOW_S + 3600), "NaN").encode()),
    "exp of 5,000 digits": lambda: hs(json.dumps(claims(exp=1)).replace("1}", "9" * 5000 + "}").encode()),
    "nbf tomorrow": lambda: hs(claims(nbf=NOW_S + 86_400)),
    "sub left out": lambda: hs(claims(sub=None)),
    "sub as a number": lambda: hs(claims(sub=7)),
    "claims that are a list": lambda: hs([1, 2]),
    "claims that are no JSON": lambda: hs(b"\xff\xfe{"),
    "claims that nest deep": lambda: hs(DEEP),
    "a header that nests deep": lambda: forged(DEEP, claims()),
    "a header that is a list": lambda: forged(["HS256"], claims()),
    "a critical header nobody knows": lambda: hs(claims(), crit=["x"], x=1),
    "an unencoded payload": lambda: hs(claims(), crit=["b64"], b64=False),
    "no signature": lambda: hs(claims()).rpartition(".")[0] + ".",
    "two segments": lambda: hs(claims()).rpartition(".")[0],
    "four segments": lambda: hs(claims()) + ".AAAA",
    "encrypted, five segments": lambda: "e30.e30.e30.e30.e30",
    "padding": lambda: hs(claims()) + "==",
    "blanks": lambda: " " + hs(claims()),
    "a new line": lambda: hs(claims()) + "\n",
    "dots": lambda: ".." * 50,
    "not ASCII": lambda: "é" * 30,
    "huge claims": lambda: hs(claims(x="y" * 100_000), secret=b"?" * 32),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_token_is_taken(verifier: TokenVerifier, name: str) -> None:
    """Else the tests below would prove nothing."""
    identity = verifier.verify(GOOD[name]())
    assert (identity.app.name, identity.user) == ("shop", "alice")


@pytest.mark.parametrize("name", ATTACKS)
def test_token_attack_is_refused_with_the_same_words(verifier: TokenVerifier, name: str) -> None:
    with pytest.raises(TokenRefused) as refused:
        verifier.verify(ATTACKS[name]())
    assert (refused.value.code, refused.value.reason) == (Code.TOKEN_INVALID, REFUSAL)


@pytest.mark.parametrize("sub", ["", " alice", "a\nb", "a\0b", "\u202ealice", "x" * 129])
def test_a_sub_that_is_no_name_is_refused(verifier: TokenVerifier, sub: str) -> None:
    with pytest.raises(TokenRefused) as refused:
        verifier.verify(hs(claims(sub=sub)))
    assert refused.value.code == Code.TOKEN_INVALID
    assert "\n" not in refused.value.reason


def test_an_expired_token_is_told_apart_only_when_everything_else_is_right(verifier: TokenVerifier) -> None:
    old = claims(exp=NOW_S - 3600)
    for payload, secret, code in (
        (old, SHOP_SECRET, Code.TOKEN_EXPIRED),
        (old, RIVAL_SECRET, Code.TOKEN_INVALID),
    ):
        with pytest.raises(TokenRefused) as refused:
            verifier.verify(hs(payload, secret=secret))
        assert refused.value.code == code


@pytest.mark.parametrize("name", GOOD)
def test_every_byte_of_a_token_flipped_is_refused(verifier: TokenVerifier, name: str) -> None:
    """Each character by three of its bits. What base64 decodes to the very same bytes is the same token."""
    token = GOOD[name]()
    taken = []
    for index in range(len(token)):
        for bit in (1, 2, 32):
            changed = token[:index] + chr(ord(token[index]) ^ bit) + token[index + 1 :]
            try:
                verifier.verify(changed)
            except TokenRefused:
                continue
            taken.append(changed)
    # The last character of a segment holds spare bits.
    assert all(_same_bytes(changed, token) for changed in taken)
    assert len(taken) <= 6


def _same_bytes(one: str, other: str) -> bool:
    def segments(token: str) -> list[bytes]:
        return [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in token.split(".")]

    try:
        return segments(one) == segments(other)
    except ValueError:
        return False


async def answer_to(house: House, token: str) -> frames.Frame:
    link = FakeLink(house.core)
    link.say(frames.Connect(token=token, device="phone"))
    phone = house.phone("x")
    phone.link = link
    await phone.settle()
    return phone.other[0]


async def test_all_bad_tokens_get_the_same_bytes_on_the_wire(house: House) -> None:
    """Unknown tenant, unknown kid, wrong key, rubbish: nobody learns which tenants or keys exist."""
    good = house.token("alice")
    bad = [
        "x.y.z",
        good[:-8] + "AAAAAAAA",
        house.token("alice", "rival").rpartition(".")[0] + "." + good.rpartition(".")[2],
        hs(claims(iss="nobody")),
        hs(claims(), "nope"),
    ]
    answers = [await answer_to(house, token) for token in bad]
    assert answers == [frames.Close(code=Code.TOKEN_INVALID, reason=REFUSAL)] * len(bad)
