"""Peers, one server each: how it is started, and what it promises."""

from benchmarks.peers.peer import Peer
from benchmarks.peers.servers.centrifuge import Centrifuge
from benchmarks.peers.servers.imserver import Imserver, ImserverCompiled, ImserverWebSocket
from benchmarks.peers.servers.mosquitto import Mosquitto, MosquittoGuarded, MosquittoSaved
from benchmarks.peers.servers.nats import Nats
from benchmarks.peers.servers.own import EpollFloor, Floor, LongPoll, PollingEvery3s, PollingEvery5s
from benchmarks.peers.servers.rabbitmq import RabbitMq
from benchmarks.peers.servers.socketio import SocketIo
from benchmarks.peers.servers.xmpp import Ejabberd, Prosody

_OURS = (Imserver(), ImserverCompiled(), ImserverWebSocket())
_THEIRS = (
    Mosquitto(),
    MosquittoGuarded(),
    MosquittoSaved(),
    Nats(),
    SocketIo(),
    Centrifuge(),
    RabbitMq(),
    Ejabberd(),
    Prosody(),
)
_FOR_COMPARISON = (LongPoll(), PollingEvery3s(), PollingEvery5s(), Floor(), EpollFloor())
#: In the order of the report; ours first, because the others are compared with it.
PEERS: dict[str, Peer] = {peer.key: peer for peer in (*_OURS, *_THEIRS, *_FOR_COMPARISON)}
#: Servers that could not be had to try a client on, so that there is none, and why.
UNTRIED: dict[str, str] = {
    "Centrifugo": (
        "Debian, npm and PyPI have no package of it, and `go install` of "
        "`github.com/centrifugal/centrifugo/v6`, and of v5, was refused (403); the library it is made of "
        "is measured instead"
    ),
    "Tinode": (
        "Debian, npm and PyPI have no package of its server, and `go install` of "
        "`github.com/tinode/chat/server` was refused (403)"
    ),
}
