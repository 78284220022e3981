"""Eclipse Mosquitto: stripped to what the work needs, saved at every change, and with a door."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from benchmarks.peers.device import Device
from benchmarks.peers.peer import Peer, Promises
from benchmarks.peers.process import Server, free_port, launch
from benchmarks.peers.protocols.mqtt import MqttDevice

#: As long as the secret of our sessions.
PASSWORD = "sixteen-bytes-pw"
_COMMON = """\
listener {port} 127.0.0.1
user root
persistence true
persistence_location {folder}/
max_queued_messages 100000
"""
#: Nothing else to do: no log, nobody is asked who they are.
_STRIPPED = "allow_anonymous true\nlog_dest none\n"
#: A log file as in Debian's /etc/mosquitto/mosquitto.conf, and only those who have a password.
_GUARDED = "allow_anonymous false\npassword_file {folder}/passwords\nlog_dest file {folder}/log\n"
_USER = "everybody"


class Mosquitto(Peer):
    """Persistent sessions, QoS 1. Passwords are said and not checked, which is cheaper than checking them."""

    key = "mosquitto"
    title = "mosquitto"
    configuration = (
        "QoS 1, clean_session 0, persistence true, max_queued_messages 100000, no password check, no log"
    )
    promises = Promises(fsync_before_ack=False, resume_after_restart=False, once=False)
    options = _STRIPPED

    def missing(self) -> str:
        return "" if _binary() else "no mosquitto on this machine (Debian: apt-get install mosquitto)"

    def version(self) -> str:
        shown = subprocess.run([_binary(), "-h"], capture_output=True, text=True, check=False).stdout
        found = re.search(r"version (\S+)", shown)
        return found[1] if found else "unknown"

    def start(self, folder: Path) -> Server:
        port = free_port()
        config = folder / "mosquitto.conf"
        config.write_text((_COMMON + self.options).format(port=port, folder=folder))
        return launch([_binary(), "-c", str(config)], folder=folder, port=port)

    def device(self, server: Server, name: str, *, sends: bool) -> Device:
        del server, sends
        return MqttDevice(name, name, PASSWORD)


class MosquittoSaved(Mosquitto):
    """The whole database is written out after every change: the most durable it can be told to be."""

    key = "mosquitto-saved"
    title = "mosquitto, saved on change"
    configuration = Mosquitto.configuration + ", autosave_on_changes true, autosave_interval 1"
    promises = Promises(fsync_before_ack=False, resume_after_restart=True, once=False)
    #: The whole database is written at every change: 200,000 messages would take many minutes.
    shares: ClassVar[Mapping[str, float]] = {"storm": 0.2}
    options = _STRIPPED + "autosave_on_changes true\nautosave_interval 1\n"


class MosquittoGuarded(Mosquitto):
    """Who resumes must show who they are, as with us, and connections are logged, as by default."""

    key = "mosquitto-guarded"
    title = "mosquitto, passwords checked"
    configuration = (
        "QoS 1, clean_session 0, persistence true, max_queued_messages 100000; log_dest file, as in Debian's "
        "configuration; everybody logs in as one user of a password file made by mosquitto_passwd (PBKDF2)"
    )
    options = _GUARDED

    def missing(self) -> str:
        return super().missing() or ("" if shutil.which("mosquitto_passwd") else "no mosquitto_passwd here")

    def start(self, folder: Path) -> Server:
        passwords = folder / "passwords"
        passwords.write_text(f"{_USER}:{PASSWORD}\n")
        subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True)
        return super().start(folder)

    def device(self, server: Server, name: str, *, sends: bool) -> Device:
        del server, sends
        return MqttDevice(name, _USER, PASSWORD)


def _binary() -> str:
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin") or ""
