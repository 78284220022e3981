"""What the shop of the tests does: it signs its users' tokens."""

import time

from imserver.core import sign_token


def shop_token(user: str, key: bytes) -> str:
    """A token for an hour, by the shop's key "1"."""
    return sign_token(
        app="shop",
        user=user,
        kid="1",
        algorithm="HS256",
        key=key,
        now_s=int(time.time()),
        lifetime_s=3600,
    )
