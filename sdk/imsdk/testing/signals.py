"""What may be lost: typing, presence, delivered marks. Held back while the app is in the background."""

from typing import TYPE_CHECKING

from improtocol import ClientMode, SignalKind, frames
from imsdk.testing.host import Host
from imsdk.testing.questions import acquainted

if TYPE_CHECKING:
    from imsdk.testing.peer import Peer


class Signals:
    """The signals of one connection, both ways."""

    def __init__(self, host: Host, peer: "Peer") -> None:
        self._host = host
        self._peer = peer
        self._mode = int(ClientMode.FOREGROUND)
        self._held: dict[tuple[int, object, str], frames.Signal] = {}
        #: Users whose coming and going this connection wants to be told.
        self.watched: set[str] = set()

    @property
    def _user(self) -> str:
        return self._peer.device.user if self._peer.device else ""

    def set_mode(self, mode: int) -> None:
        """The app went to the front or to the back."""
        self._mode = mode
        if mode == ClientMode.FOREGROUND:
            self.release()

    def send(self, signal: frames.Signal) -> None:
        """Send a signal, or hold the latest of its sort back while the app is in the background."""
        if self._mode == ClientMode.BACKGROUND:
            self._held[signal.kind, signal.conversation, signal.user] = signal
        else:
            self._peer.send(signal)

    def release(self) -> None:
        """Send what was held back: a real message goes out now, so the radio is awake."""
        held, self._held = self._held, {}
        for signal in held.values():
            self._peer.send(signal)

    def take(self, signal: frames.Signal) -> None:
        """A signal from the client."""
        if signal.kind == SignalKind.WATCH and acquainted(self._host.world, self._user, signal.user):
            self.watched.add(signal.user)
            there = any(peer.device and peer.device.user == signal.user for peer in self._host.peers)
            self.send(frames.Signal(kind=SignalKind.PRESENCE, user=signal.user, value=int(there)))
        elif signal.kind == SignalKind.TYPING and signal.conversation is not None:
            conversation = self._host.world.find(self._user, signal.conversation)
            if conversation is not None:
                typing = frames.Signal(
                    kind=SignalKind.TYPING,
                    conversation=conversation.id,
                    user=self._user,
                    value=signal.value,
                    text=signal.text,
                )
                self.tell_members(conversation.id, typing)

    def tell_members(self, conversation: int, signal: frames.Signal) -> None:
        """Send `signal` to every connection of the other members."""
        members = self._host.world.conversations[conversation].members
        for peer in list(self._host.peers):
            if peer.device and peer.device.user != self._user and peer.device.user in members:
                peer.signals.send(signal)

    def tell_presence(self, *, there: bool) -> None:
        """Tell the watchers, if this is the user's first connection to come or last one to go."""
        others = [peer for peer in self._host.peers if peer is not self._peer and peer.device]
        if not self._user or any(peer.device and peer.device.user == self._user for peer in others):
            return
        signal = frames.Signal(kind=SignalKind.PRESENCE, user=self._user, value=int(there))
        for peer in others:
            if self._user in peer.signals.watched:
                peer.signals.send(signal)
