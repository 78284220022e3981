"""Where to listen: a URL with scheme, host and port, and nothing else."""

import ipaddress
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

#: Schemes of listeners for chat, and of those for HTTP; True: encrypted.
CHAT_SCHEMES: Final = {"tcp": False, "tls": True, "ws": False, "wss": True}
HTTP_SCHEMES: Final = {"http": False, "https": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Scheme, host and port (0: any free one). Its text is the URL."""

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str, schemes: dict[str, bool]) -> Self:
        """Read `scheme://host:port`.

        Raises:
            ValueError: it is something else; the text says what is expected.
        """
        example = f"{next(iter(schemes))}://127.0.0.1:7400"
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise ValueError(f"{text!r} is no address ({error}); write it like {example}") from None
        if parts.scheme not in schemes:
            raise ValueError(f"{text!r} must begin with one of {', '.join(f'{s}://' for s in schemes)}")
        extras = parts.username or parts.password or parts.query or parts.fragment
        if not host or port is None or parts.path.strip("/") or extras:
            raise ValueError(f"{text!r} must be scheme, host and port, like {example}")
        return cls(scheme=parts.scheme, host=host, port=port)

    @property
    def encrypted(self) -> bool:
        """Whether the scheme is TLS."""
        return (CHAT_SCHEMES | HTTP_SCHEMES)[self.scheme]

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def everywhere(self) -> bool:
        """Whether it is every address of the machine, so that clients cannot be told to connect to it."""
        try:
            return ipaddress.ip_address(self.host).is_unspecified
        except ValueError:
            return False

    def at_port(self, port: int) -> "Address":
        """The same with another port."""
        return Address(scheme=self.scheme, host=self.host, port=port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"
