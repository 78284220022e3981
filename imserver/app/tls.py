"""The operator's certificate and key as a context; what is wrong with them is one sentence."""

import ssl
from pathlib import Path
from typing import Final

from imserver.app.errors import CannotServe

#: What both ends agree on in the handshake (ALPN, RFC 7301), by the scheme of the listener.
_ALPN: Final = {"tls": "im1", "wss": "http/1.1", "https": "http/1.1"}


def server_context(certificate: Path, key: Path, scheme: str) -> ssl.SSLContext:
    """A context for TLS 1.3 (DESIGN: outside loopback, by default).

    A client that offers no protocol by name, or others, is served as well: it will be found out.

    Raises:
        CannotServe: a file cannot be read, is not PEM, or they do not belong together.
    """
    for name, path in (("tls_certificate", certificate), ("tls_key", key)):
        try:
            path.read_bytes()
        except OSError as error:
            raise CannotServe(f"cannot read {name} {path}: {error.strerror}") from None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols([_ALPN[scheme]])
    try:
        # Without a callback OpenSSL would ask for the password on the terminal.
        context.load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        reason = (getattr(error, "reason", "") or str(error)).replace("_", " ").lower()
        raise CannotServe(
            f"cannot use tls_certificate {certificate} with tls_key {key} ({reason}): "
            f"both must be PEM, the key without a password and the certificate's own"
        ) from None
    return context


def _no_password() -> str:
    raise ValueError("the key is encrypted")
