"""Errors of the protocol, by whose fault they are."""

from improtocol.codes import Code


class ProtocolError(Exception):
    """Something breaks the protocol. Base of the two below; `code` is what a CLOSE would carry."""

    def __init__(self, reason: str, code: Code = Code.PROTOCOL_ERROR) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


class LocalProtocolError(ProtocolError):
    """Our own side tried to send or build something the protocol does not allow: a bug or bad input here."""


class RemoteProtocolError(ProtocolError):
    """The peer sent something the protocol does not allow."""
