import json
import os
import signal
import socket
import ssl
import stat
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from imload.certificates import make_certificate
from tests.cli.house import ANYWHERE, PATIENCE_S, Cli, Server


def place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def test_it_serves_and_says_where_and_sigterm_drains_it(cli: Cli) -> None:
    """One life: banner, ready file, health, metrics, socket, tokens, orderly end with 0."""
    with Server(cli.folder) as server:
        (url,) = server.ready["listen"]
        assert server.ready["pid"] == server.process.pid
        assert server.banner[0].startswith("imserver ")
        assert "SQLite " in server.banner[0]
        assert any(str(cli.folder / "imserver-data") in line for line in server.banner)
        assert any(url in line for line in server.banner)
        assert "  imserver token alice" in server.banner
        with socket.create_connection(place(url), timeout=PATIENCE_S):
            pass
        with urllib.request.urlopen(server.ready["operations"] + "/healthz", timeout=PATIENCE_S) as answer:
            assert json.load(answer)["status"] == "ok"
        with urllib.request.urlopen(server.ready["operations"] + "/metrics", timeout=PATIENCE_S) as answer:
            text = answer.read().decode()
        for name in (
            "core_commands_total",
            "core_cold_reads_total",
            "gateway_bytes_in_total",
            "core_attached",
        ):
            assert f"\nimserver_{name} " in text
        data = cli.folder / "imserver-data"
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        for name in ("im.db", "media.key", "control.sock"):
            assert stat.S_IMODE((data / name).stat().st_mode) == 0o600
        assert server.end() == 0
        assert not server.has_ready_file
        assert not (data / "control.sock").exists()
        assert [event["event"] for event in server.events()] == ["serving", "stopping", "draining", "stopped"]


def test_ctrl_c_is_an_orderly_end_too(cli: Cli) -> None:
    with Server(cli.folder) as server:
        assert server.end(signal.SIGINT) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_with_nobody_to_read_its_log_it_is_administered_and_drains_as_ever(
    cli: Cli, number: signal.Signals
) -> None:
    read, write = os.pipe()
    with Server(cli.folder, stderr=write) as server:
        os.close(write)
        os.close(read)
        assert "default" in cli.says("app", "list")
        assert server.end(number) == 0
        assert not server.has_ready_file


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
def test_with_its_log_on_a_full_disk_it_starts_and_drains_as_ever(cli: Cli) -> None:
    with Path("/dev/full").open("w") as full, Server(cli.folder, stderr=full.fileno()) as server:
        assert "default" in cli.says("app", "list")
        assert server.end() == 0


def test_a_second_signal_ends_it_at_once(cli: Cli) -> None:
    """With a client that never goes away, a drain of an hour would go on; the second signal does not wait."""
    with (
        Server(cli.folder, *ANYWHERE, "--drain-s", "3600") as server,
        socket.create_connection(place(server.ready["listen"][0]), timeout=PATIENCE_S),
    ):
        # The connection must be counted before the drain begins.
        url = server.ready["operations"] + "/metrics"
        while b"imserver_gateway_connections 1.0" not in urllib.request.urlopen(url).read():
            os.sched_yield()
        server.process.send_signal(signal.SIGTERM)
        while "draining" not in server.log.read_text():
            os.sched_yield()
        assert server.end() == 128 + signal.SIGTERM
        assert server.events()[-1]["event"] == "stopped_at_once"


def test_after_sigkill_it_starts_again_over_what_was_left(cli: Cli) -> None:
    """Lock, control socket, ready file and WAL of the dead server stand in nobody's way; keys stay."""
    with Server(cli.folder) as server:
        cli.says("app", "create", "shoes")
        server.end(signal.SIGKILL)
        assert server.has_ready_file
    data = cli.folder / "imserver-data"
    assert (data / "control.sock").exists()
    # No server runs: the token is made from what the dead one left, its WAL included, and only by reading.
    database, wal = data / "im.db", data / "im.db-wal"
    contents = database.read_bytes(), wal.read_bytes()
    before = cli.says("token", "alice", "--app", "shoes")
    assert contents == (database.read_bytes(), wal.read_bytes())
    with Server(cli.folder) as server:
        assert not any("New data directory" in line for line in server.banner)
        assert "shoes" in cli.says("app", "list")
        cli.says("token-check", before.strip())
        assert server.end() == 0


def test_a_damaged_upload_does_not_keep_it_from_starting_and_is_named(cli: Cli, data: Path) -> None:
    folder = data / "media" / "uploads" / ("a" * 32)
    folder.mkdir()
    (folder / "meta.json").write_bytes(b"")
    with Server(cli.folder) as server:
        assert server.end() == 0
        (line,) = [line for line in server.log.read_text().splitlines() if folder.name in line]
        assert "damaged" in line
    assert not folder.exists()


def test_all_four_transports_and_https_on_one_certificate(cli: Cli) -> None:
    certificate, key = make_certificate(cli.folder)
    tls = ("--tls-certificate", str(certificate), "--tls-key", str(key))
    urls = [f"{scheme}://127.0.0.1:0" for scheme in ("tcp", "tls", "ws", "wss")]
    listen = [word for url in urls for word in ("--listen", url)]
    with Server(cli.folder, *listen, "--http", "https://127.0.0.1:0", *tls) as server:
        assert [urlsplit(url).scheme for url in server.ready["listen"]] == ["tcp", "tls", "ws", "wss"]
        context = ssl.create_default_context(cafile=str(certificate))
        context.set_alpn_protocols(["h2", "http/1.1", "im1"])
        agreed = []
        for url in (*server.ready["listen"][1::2], server.ready["http"]):
            with (
                socket.create_connection(place(url), timeout=PATIENCE_S) as plain,
                context.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped,
            ):
                assert wrapped.version() == "TLSv1.3"
                agreed.append(wrapped.selected_alpn_protocol())
        assert agreed == ["im1", "http/1.1", "http/1.1"]
        assert server.end() == 0


def test_operations_get_a_listener_of_their_own(cli: Cli) -> None:
    with Server(cli.folder, *ANYWHERE, "--operations", "http://127.0.0.1:0") as server:
        assert server.ready["operations"] != server.ready["http"]
        with urllib.request.urlopen(server.ready["operations"] + "/healthz", timeout=PATIENCE_S) as answer:
            assert answer.status == 200
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(server.ready["http"] + "/metrics", timeout=PATIENCE_S)


def test_a_configuration_file_and_the_environment_are_heeded(cli: Cli) -> None:
    (cli.folder / "im.toml").write_text('data_dir = "from-file"\nlisten = ["ws://127.0.0.1:0"]\n')
    env = {
        "IMSERVER_CONFIG": "im.toml",
        "IMSERVER_HTTP": "http://127.0.0.1:0",
        "IMSERVER_LOG__FORMAT": "console",
    }
    with Server(cli.folder, "--drain-s", "0", env=env) as server:
        assert server.ready["data_dir"] == "from-file"
        assert server.ready["listen"][0].startswith("ws://")
        assert server.end() == 0
        assert " info    serving version=" in server.log.read_text()


def test_a_long_path_puts_the_control_socket_elsewhere(cli: Cli, tmp_path: Path) -> None:
    """A Unix socket's path is bounded at about 100 bytes; the data directory's is not."""
    deep = "/".join(["a-rather-long-name"] * 7)
    env = {"TMPDIR": str(tmp_path)} if len(str(tmp_path)) < 60 else {}
    with Server(cli.folder, *ANYWHERE, "--data-dir", deep, env=env) as server:
        assert not (cli.folder / deep / "control.sock").exists()
        assert cli("app", "create", "shoes", "--data-dir", deep, env=env).code == 0
        assert server.end() == 0


def test_no_log_line_holds_a_secret(cli: Cli) -> None:
    with Server(cli.folder, *ANYWHERE, "--log-level", "debug") as server:
        secret = cli.says("app", "create", "shoes").split()[-1]
        token = cli.says("token", "alice", "--app", "shoes").strip()
        urllib.request.urlopen(server.ready["operations"] + "/healthz", timeout=PATIENCE_S).close()
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{server.ready['http']}/media/{token}", timeout=PATIENCE_S)
        assert server.end() == 0
        key = (cli.folder / "imserver-data" / "media.key").read_text().strip()
        text = server.log.read_text()
        assert "administration" in text
        assert not any(hidden in text for hidden in (secret, token, key))
