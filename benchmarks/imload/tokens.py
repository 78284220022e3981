"""Tokens for a load's users, signed with an app's key, as the shop's backend would."""

import base64
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from imserver.app import key_secret, make_token
from imserver.core import sign_token

_LIFETIME_S: Final = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class TokenSigner:
    """Makes tokens; can be sent to other processes.

    Attributes:
        app: the shop's app.
        kid: the key's id.
        secret: an HS256 key.
    """

    app: str
    kid: str
    secret: bytes = field(repr=False)

    def __call__(self, user: str) -> str:
        """A token for `user`, good for a week."""
        return sign_token(
            app=self.app,
            user=user,
            kid=self.kid,
            algorithm="HS256",
            key=self.secret,
            now_s=int(time.time()),
            lifetime_s=_LIFETIME_S,
        )

    @classmethod
    def of_data_dir(cls, data_dir: Path, app: str = "default") -> "TokenSigner":
        """With the newest HS256 key in a server's data directory; the server may run.

        Raises:
            imserver.app.AdminError: there is no such app or key.
        """
        token = make_token(data_dir, user="imload", app=app, days=1)
        head = token.partition(".")[0]
        kid = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]
        return cls(app, kid, key_secret(data_dir, app=app, kid=kid).encode())
