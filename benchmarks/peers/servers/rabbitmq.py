"""RabbitMQ's MQTT plugin."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import ClassVar

from benchmarks.peers.device import Device
from benchmarks.peers.peer import Peer, Promises
from benchmarks.peers.process import Server, free_port, launch
from benchmarks.peers.protocols.mqtt import MqttDevice
from benchmarks.peers.servers import erlang

_PROGRAM = "/usr/lib/rabbitmq/bin/rabbitmq-server"
_CONFIG = """\
listeners.tcp = none
mqtt.listeners.tcp.1 = 127.0.0.1:{port}
mqtt.tcp_listen_options.backlog = 4096
loopback_users.guest = true
log.console.level = error
"""


class RabbitMq(Peer):
    """Durable queues; a publish is confirmed once its queue has written it."""

    key = "rabbitmq"
    title = "RabbitMQ, MQTT plugin"
    configuration = (
        "QoS 1, clean_session 0, classic queues, everybody logs in as guest with the password checked, "
        "which takes 12 bytes less than the others' names and passwords"
    )
    promises = Promises(fsync_before_ack=True, resume_after_restart=True, once=False)
    pace: ClassVar[float] = 0.2

    def missing(self) -> str:
        if not Path(_PROGRAM).exists():
            return "no RabbitMQ on this machine (Debian: apt-get install rabbitmq-server)"
        return erlang.missing()

    def version(self) -> str:
        command = ["dpkg-query", "-W", "-f", "${Version}", "rabbitmq-server"]
        if shutil.which(command[0]) is None:
            return "unknown"
        shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        return re.split("[-+]", shown)[0]

    def start(self, folder: Path) -> Server:
        port = free_port()
        (folder / "rabbitmq.conf").write_text(_CONFIG.format(port=port))
        (folder / "plugins").write_text("[rabbitmq_mqtt].\n")
        env = erlang.environment(folder) | {
            "RABBITMQ_NODENAME": "peer@localhost",
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }
        return launch(erlang.command([_PROGRAM]), folder=folder, port=port, env=env)

    def device(self, server: Server, name: str, *, sends: bool) -> Device:
        del server, sends
        return MqttDevice(name, "guest", "guest")
