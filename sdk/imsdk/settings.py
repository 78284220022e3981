"""What a client is made of."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import TypeAlias

from imsdk.dialers import Dialer
from imsdk.errors import ImError
from imsdk.store import Store

#: Asks the app's own backend for a token. Whatever it raises, it is asked again later.
#: A function that is not async has to return at once.
TokenProvider: TypeAlias = Callable[[], Awaitable[str] | str]


@dataclass(slots=True, kw_only=True)
class Settings:
    """What a client is made of; see `imsdk.connect`."""

    url: str
    store: Store
    dialer: Dialer
    rng: Random
    now_ms: Callable[[], int]
    token: str | None = field(default=None, repr=False)
    token_provider: TokenProvider | None = None
    foreground: bool = True
    label: str = ""

    async def fetch_token(self) -> str:
        """A token, or "" when there is none.

        Raises:
            ImError: the app's own code failed; it may do better later.
        """
        if self.token_provider is None:
            return self.token or ""
        try:
            token = self.token_provider()
            return token if isinstance(token, str) else await token
        except Exception as error:
            # Whatever it raises: the backend it asks may be reachable later.
            raise ImError(f"no token: {error}") from error
