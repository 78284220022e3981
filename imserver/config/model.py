"""Every key an operator may set, its default, and the rules between keys."""

import math
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from imserver.config.addresses import CHAT_SCHEMES, HTTP_SCHEMES, Address
from imserver.core import CoreLimits
from imserver.gateway import GatewayLimits
from imserver.media import MediaLimits

_GIB: Final = 1024**3
#: Limits for which 0 means "none of it".
_MAY_BE_ZERO: Final = frozenset(
    {"receipts_members_max", "delivered_wait_s", "presence_grace_s", "silent_positions_max"}
)

Limits = CoreLimits | GatewayLimits | MediaLimits


def _positive(limits: Limits) -> Limits:
    """Refuse a limit that cannot be one: below 1, or not a number."""
    for field in fields(limits):
        value = getattr(limits, field.name)
        if not math.isfinite(value) or value < 0 or (value == 0 and field.name not in _MAY_BE_ZERO):
            raise ValueError(f"{field.name} must be above 0, not {value}")
    return limits


def _words(value: object) -> object:
    """A list in one text, as an environment variable or a flag holds it."""
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


def _chat_address(text: str) -> str:
    return str(Address.parse(text, CHAT_SCHEMES))


def _http_address(text: str) -> str:
    return str(Address.parse(text, HTTP_SCHEMES))


def _public_url(text: str) -> str:
    parts = urlsplit(text)
    if text and (parts.scheme not in HTTP_SCHEMES or not parts.hostname or parts.query or parts.fragment):
        raise ValueError(f"{text!r} must be a URL like https://chat.example.com")
    return text.rstrip("/")


def _optional(text: str) -> str:
    return _http_address(text) if text else text


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LogConfig(_Model):
    """What is logged, to stderr. `auto` is `console` on a terminal and `json` elsewhere."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"


class Config(_Model):
    """The server's settings. `imserver.example.toml` has every key with its explanation."""

    data_dir: Path = Path("imserver-data")
    listen: Annotated[
        tuple[Annotated[str, AfterValidator(_chat_address)], ...],
        BeforeValidator(_words),
        Field(min_length=1, max_length=64),
    ] = ("tcp://127.0.0.1:7400", "ws://127.0.0.1:7401")
    http: Annotated[str, AfterValidator(_http_address)] = "http://127.0.0.1:7402"
    http_public_url: Annotated[str, AfterValidator(_public_url)] = ""
    operations: Annotated[str, AfterValidator(_optional)] = ""
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    allow_plaintext: bool = False
    drain_s: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = 10.0
    churn_log: Path | None = None
    media_quota_bytes: Annotated[int, Field(gt=0, lt=2**53)] = 10 * _GIB
    log: LogConfig = LogConfig()
    core: Annotated[CoreLimits, AfterValidator(_positive)] = CoreLimits()
    gateway: Annotated[GatewayLimits, AfterValidator(_positive)] = GatewayLimits()
    media: Annotated[MediaLimits, AfterValidator(_positive)] = MediaLimits()

    @property
    def chat_addresses(self) -> tuple[Address, ...]:
        """`listen`, parsed."""
        return tuple(Address.parse(url, CHAT_SCHEMES) for url in self.listen)

    @property
    def http_address(self) -> Address:
        """`http`, parsed."""
        return Address.parse(self.http, HTTP_SCHEMES)

    @property
    def operations_address(self) -> Address | None:
        """`operations`, parsed, if there is such a listener of its own."""
        return Address.parse(self.operations, HTTP_SCHEMES) if self.operations else None

    @model_validator(mode="after")
    def _check(self) -> Self:
        chat, http, operations = self.chat_addresses, self.http_address, self.operations_address
        addresses = [*chat, http, *([operations] if operations else [])]
        for address in addresses:
            if address.encrypted and not (self.tls_certificate and self.tls_key):
                raise ValueError(f"{address} needs tls_certificate and tls_key (files in PEM form)")
        # Health and metrics carry no content; everything else outside this machine is encrypted unless told
        # otherwise.
        for address in [*chat, http]:
            if not address.encrypted and not address.loopback and not self.allow_plaintext:
                secure = {"tcp": "tls", "ws": "wss", "http": "https"}[address.scheme]
                raise ValueError(
                    f"{address} would carry messages unencrypted beyond this machine; use {secure}:// with "
                    f"tls_certificate and tls_key, or say allow_plaintext = true (behind a TLS proxy)"
                )
        if http.everywhere and not self.http_public_url:
            raise ValueError(
                f"http_public_url must be set: clients cannot be told to fetch media from {http}"
            )
        taken: set[str] = set()
        for address in addresses:
            place = f"{address.host}:{address.port}"
            if address.port and place in taken:
                raise ValueError(f"{place} is given to two listeners")
            taken.add(place)
        return self
