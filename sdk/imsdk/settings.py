"""What a client is made of."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

from imsdk.dialers import Dialer
from imsdk.store import Store

#: Asks the app's own backend for a token. Whatever it raises, it is asked again later.
TokenProvider: TypeAlias = Callable[[], Awaitable[str]]


@dataclass(slots=True, kw_only=True)
class Settings:
    """What a client is made of; see `imsdk.connect`."""

    url: str
    store: Store
    dialer: Dialer
    rng: Random
    now_ms: Callable[[], int]
    token: str | None = None
    token_provider: TokenProvider | None = None
    foreground: bool = True
    label: str = ""
