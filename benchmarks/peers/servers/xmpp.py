"""XMPP servers: ejabberd and Prosody, both with stream management and an archive."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from benchmarks.peers.device import Device
from benchmarks.peers.peer import Peer, Promises
from benchmarks.peers.process import Server, free_port, launch
from benchmarks.peers.protocols.xmpp import DOMAIN, XmppDevice
from benchmarks.peers.servers.mosquitto import PASSWORD

_CLIENT = "stream resumption (XEP-0198), the archive where that fails (XEP-0313), no TLS"
_EJABBERD = """\
hosts: [{domain}]
loglevel: error
auth_method: internal
registration_timeout: infinity
acl: {{local: {{user_regexp: ""}}}}
listen:
  - {{port: {port}, ip: "127.0.0.1", module: ejabberd_c2s, starttls: false, shaper: none, backlog: 4096}}
modules:
  mod_register: {{ip_access: all, access: all, welcome_message: {{}}, password_strength: 0}}
  mod_offline: {{access_max_user_messages: all_messages}}
  mod_stream_mgmt: {{resume_timeout: 600, max_ack_queue: 100000, ack_timeout: infinity}}
  mod_mam: {{default: always, db_type: mnesia}}
shaper_rules: {{all_messages: infinity}}
"""
_PROSODY = """\
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/data"
run_as_root = true
daemonize = false
log = {{ error = "*console" }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
c2s_direct_tls_ports = {{}}
s2s_ports = {{}}
http_ports = {{}}
https_ports = {{}}
network_backend = "epoll"
modules_enabled = {{
  "saslauth", "register_ibr", "smacks", "mam", "offline", "presence", "message", "iq", "ping"
}}
modules_disabled = {{ "s2s", "tls" }}
allow_registration = true
authentication = "internal_plain"
allow_unencrypted_plain_auth = true
c2s_require_encryption = false
smacks_hibernation_time = 600
smacks_max_queue_size = 1000
archive_expires_after = "never"
VirtualHost "{domain}"
"""


class Ejabberd(Peer):
    """One node without distribution, everything in Mnesia, as it comes."""

    key = "ejabberd"
    title = "ejabberd"
    configuration = f"Mnesia, mod_offline, mod_mam; {_CLIENT}"
    promises = Promises(fsync_before_ack=False, resume_after_restart=False, once=False)
    pace: ClassVar[float] = 0.2

    def missing(self) -> str:
        return (
            ""
            if shutil.which("erl") and _ejabberd()
            else "no ejabberd here (Debian: apt-get install ejabberd)"
        )

    def version(self) -> str:
        return _ejabberd().split("-")[-2]

    def start(self, folder: Path) -> Server:
        port = free_port()
        config = folder / "ejabberd.yml"
        config.write_text(_EJABBERD.format(domain=DOMAIN, port=port))
        command = [
            "erl",
            "-noinput",
            "+P",
            "250000",
            "-mnesia",
            "dir",
            f'"{folder}/mnesia"',
            "-s",
            "ejabberd",
        ]
        env = {
            "HOME": str(folder),
            "ERL_LIBS": str(Path(_ejabberd()).parent),
            "EJABBERD_CONFIG_PATH": str(config),
            "EJABBERD_LOG_PATH": str(folder / "ejabberd.log"),
            "ERL_CRASH_DUMP": "/dev/null",
        }
        return launch(command, folder=folder, port=port, env=env)

    def device(self, server: Server, name: str, *, sends: bool) -> Device:
        del server, sends
        return XmppDevice(name, PASSWORD)


class Prosody(Peer):
    """One process, everything in files, as it comes."""

    key = "prosody"
    title = "Prosody"
    configuration = f"storage in files, mod_offline, mod_mam, mod_smacks; {_CLIENT}"
    promises = Promises(fsync_before_ack=False, resume_after_restart=False, once=False)
    pace: ClassVar[float] = 0.2
    #: 1,000 sessions took a minute to come back, and three minutes in all.
    shares: ClassVar[Mapping[str, float]] = {"storm": 0.25}

    def missing(self) -> str:
        return (
            "" if shutil.which("prosody") else "no Prosody on this machine (Debian: apt-get install prosody)"
        )

    def version(self) -> str:
        command = ["dpkg-query", "-W", "-f", "${Version}", "prosody"]
        if shutil.which(command[0]) is None:
            return "unknown"
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.partition("-")[0]

    def start(self, folder: Path) -> Server:
        port = free_port()
        (folder / "data").mkdir(exist_ok=True)
        config = folder / "prosody.cfg.lua"
        config.write_text(_PROSODY.format(folder=folder, domain=DOMAIN, port=port))
        return launch(["prosody", "-F", "--config", str(config)], folder=folder, port=port)

    def device(self, server: Server, name: str, *, sends: bool) -> Device:
        del server, sends
        return XmppDevice(name, PASSWORD)


def _ejabberd() -> str:
    """The folder of the installed ejabberd; empty: there is none."""
    found = sorted(map(str, Path("/usr/lib").glob("*/ejabberd-*-*/")))
    return found[0].rstrip("/") if found else ""
