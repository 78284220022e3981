"""Who is this? JSON Web Tokens, signed by the merchant's backend with a key of the app.

Claims: `iss` the app's name, `sub` the user's id, `aud` "imserver", `exp`. The header names the key by
`kid`. The algorithm belongs to the key, never to the token (RFC 8725, 3.1), and the key is found in memory,
so nothing is read before the signature is verified.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from improtocol import limits
from improtocol.checks import check_name
from improtocol.codes import Code
from imserver.storage.store import App, AppKey

AUDIENCE: Final = "imserver"
ALGORITHMS: Final = ("HS256", "EdDSA", "ES256")
_LEEWAY_S: Final = 30


class TokenRefused(Exception):
    """The token proves nothing. `code` says whether a new one will help; the text is safe to show."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Identity:
    """A user of an app, proved by a token."""

    app: App
    user: str


class TokenVerifier:
    """Checks tokens against the keys it was given. Decides in memory, without I/O."""

    def __init__(self) -> None:
        self._apps: dict[str, App] = {}
        self._keys: dict[tuple[str, str], tuple[str, Any]] = {}

    def replace(self, apps: Iterable[App], keys: Iterable[AppKey]) -> None:
        """Know exactly these apps and keys from now on; revoked keys are left out."""
        by_id = {app.id: app for app in apps}
        self._apps = {app.name: app for app in by_id.values()}
        self._keys = {
            (by_id[key.app].name, key.kid): (key.algorithm, load_key(key.algorithm, key.key))
            for key in keys
            if not key.revoked_ms and key.app in by_id
        }

    def verify(self, token: str) -> Identity:
        """Who `token` speaks for.

        Raises:
            TokenRefused: TOKEN_EXPIRED when only the time is wrong, TOKEN_INVALID for everything else,
            without saying which
                app, key or claim it was that does not exist.
        """
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
            named = isinstance(issuer, str) and isinstance(kid, str)
            found = self._keys.get((str(issuer), str(kid))) if named else None
            if found is None:
                raise TokenRefused(Code.TOKEN_INVALID, "the token is not signed by a key of this server")
            algorithm, key = found
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=AUDIENCE,
                issuer=issuer,
                leeway=_LEEWAY_S,
                # Not `iat`: it grants nothing, and a shop's clock that is ahead must not lock its users out.
                options={"require": ["exp", "iss", "sub", "aud"], "verify_iat": False},
            )
        except jwt.ExpiredSignatureError:
            raise TokenRefused(Code.TOKEN_EXPIRED, "the token has expired; fetch a new one") from None
        except (jwt.InvalidTokenError, ValueError, TypeError, ArithmeticError, RecursionError):
            raise TokenRefused(
                Code.TOKEN_INVALID, "the token is not signed by a key of this server"
            ) from None
        user = claims["sub"]
        try:
            check_name("sub", user, limits.USER_BYTES_MAX)
        except ValueError as error:
            raise TokenRefused(Code.TOKEN_INVALID, str(error)) from None
        return Identity(self._apps[str(issuer)], user)

    def app_names(self) -> list[str]:
        """The apps known, in order."""
        return sorted(self._apps)


def load_key(algorithm: str, key: bytes) -> Any:
    """The key object PyJWT verifies with.

    Raises:
        ValueError: the algorithm is not one of `ALGORITHMS`, or the key is not one for it.
    """
    if algorithm == "HS256":
        if len(key) < 32:
            raise ValueError("an HS256 secret must have at least 32 bytes (RFC 7518, 3.2)")
        return key
    if algorithm not in ALGORITHMS:
        raise ValueError(f"algorithm must be one of {', '.join(ALGORITHMS)}, not {algorithm!r}")
    try:
        return load_pem_public_key(key)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError(f"not a public key in PEM form: {error}") from None


def sign_token(
    *, app: str, user: str, kid: str, algorithm: str, key: bytes, now_s: int, lifetime_s: int
) -> str:
    """A token as a merchant's backend would make it, for tests, demos and the `token` command."""
    claims = {"iss": app, "sub": user, "aud": AUDIENCE, "iat": now_s, "exp": now_s + lifetime_s}
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid})
