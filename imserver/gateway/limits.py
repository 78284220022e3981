"""The gateway's numbers, with their units last, and the relations between them."""

from dataclasses import dataclass

from improtocol import limits as protocol_limits


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayLimits:
    """Bounds of every connection. Times are in seconds."""

    #: Open connections, those without a session included. Beyond, new ones wait in the kernel's accept queue.
    #: A server takes fewer if the system lets it open fewer files.
    connections_max: int = 100_000
    #: From accept to an attached session, TLS and WebSocket handshakes included.
    handshake_s_max: float = protocol_limits.HANDSHAKE_S_MAX
    #: All bytes a peer may send before it has a session: its TLS-free handshake and one frame.
    handshake_bytes_max: int = 16 * 1024
    #: Silence after which a connection is hung up.
    idle_s_max: int = protocol_limits.IDLE_S_MAX
    #: A connection whose peer takes no byte for so long is hung up.
    blocked_s_max: float = 30.0
    #: Once so many bytes wait for a peer that reads slowly, nothing more is read from it.
    unsent_bytes_pause: int = 256 * 1024
    #: Beyond this it is hung up. Holds all the answers that were under way when the reading stopped.
    unsent_bytes_max: int = 4 * 1024 * 1024
    #: How long a closed connection is kept to let the peer read the CLOSE.
    #: A principal who was shut out has no socket any more within a second or two; bytes end at once (G10).
    linger_s_max: float = 0.9
    #: Bytes read at once from one connection. What they hold is acted on before anybody else has a turn: 8 ms
    #: of CPU at worst (PINGs without end), where 64 KiB were 130 ms. A full window of short messages fits.
    read_bytes_max: int = 4 * 1024
    #: Connections accepted in one turn of the pump.
    accepts_per_turn_max: int = 256
    #: Connections whose bytes wait for the kernel's listen queue.
    backlog: int = 4096

    def __post_init__(self) -> None:
        if self.unsent_bytes_max < self.unsent_bytes_pause + 2 * protocol_limits.EVENT_BYTES_IN_FLIGHT_MAX:
            raise ValueError("unsent_bytes_max must hold two event windows above unsent_bytes_pause")
        if self.handshake_bytes_max < protocol_limits.FRAME_BYTES_PREAUTH_MAX:
            raise ValueError("handshake_bytes_max must hold a handshake frame")
        if self.idle_s_max <= self.handshake_s_max:
            raise ValueError("idle_s_max must be longer than handshake_s_max")
