"""Every mistake of an operator is one line on stderr that says what to do, and an exit code; no traceback.

`cli` runs real processes, `here` the same commands within this one, which is ten times as fast.
"""

import os
import signal
import socket
import sqlite3
import subprocess
from pathlib import Path

import pytest

from imload.certificates import make_certificate
from imserver.cli.entry import run
from imserver.storage.schema import MIGRATIONS
from tests.cli.here import Here, Refused
from tests.cli.house import ANYWHERE, LAST_LINE, PATIENCE_S, Cli, Server, command, environment


@pytest.fixture
def here(call: Here) -> Refused:
    return call.refused


# Starting a server -----------------------------------------------------------------------------------


@pytest.mark.parametrize("flag", ["--listen", "--http", "--operations"])
def test_a_taken_port_is_named(here: Refused, flag: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        scheme = "tcp" if flag == "--listen" else "http"
        url = f"{scheme}://127.0.0.1:{other.getsockname()[1]}"
        rest = [] if flag == "--http" else ["--http", "http://127.0.0.1:0"]
        line = here("serve", "--listen", "tcp://127.0.0.1:0", *rest, flag, url)
    assert line == f"cannot listen on {url}: Address already in use"


def test_a_data_directory_in_use_is_refused_with_the_process_that_has_it(cli: Cli, here: Refused) -> None:
    with Server(cli.folder) as server:
        line = cli.refused("serve", *ANYWHERE, "--ready-file", "ready.json")
        assert line.startswith(
            f"imserver-data is in use by process {server.process.pid}; stop that one first"
        )
        assert server.has_ready_file, "the file of the one that serves is left alone"
        assert f"process {server.process.pid}" in here("restore")
        assert server.process.poll() is None


def test_a_data_directory_of_somebody_else_is_left_alone(cli: Cli, here: Refused) -> None:
    photos = cli.folder / "photos"
    photos.mkdir()
    (photos / "cat.jpg").write_bytes(b"cat")
    assert here("serve", *ANYWHERE, "-d", "photos").startswith("photos holds other things; choose an empty")
    assert here("token", "alice", "-d", "photos").startswith("photos holds no server data")
    assert [path.name for path in photos.iterdir()] == ["cat.jpg"]


def test_a_file_is_no_data_directory(cli: Cli, here: Refused) -> None:
    (cli.folder / "file").write_text("")
    assert here("serve", *ANYWHERE, "-d", "file").startswith("file is not a directory")


def test_a_newer_schema_is_refused_by_every_command_and_left_as_it_is(
    cli: Cli, here: Refused, data: Path
) -> None:
    path = data / "im.db"
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()
    before = path.read_bytes()
    expected = f"has schema version {len(MIGRATIONS) + 1} and this program knows up to {len(MIGRATIONS)}"
    for words in (
        ["serve", *ANYWHERE],
        ["token", "alice"],
        ["app", "list"],
        ["verify"],
        ["backup", "copy"],
        ["restore"],
    ):
        assert expected in here(*words), words
    assert path.read_bytes() == before
    assert not (cli.folder / "copy").exists()


def test_uploads_of_a_newer_version_are_named_and_left_as_they_are(call: Here, data: Path) -> None:
    folder = data / "media" / "uploads" / ("a" * 32)
    folder.mkdir()
    (folder / "meta.json").write_text('{"version": 99}')
    line = call.refused("serve", *ANYWHERE, code=70)
    assert line == f"upload {folder.name} has version 99, this program knows 1"
    assert folder.exists()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a place where nobody can write")
def test_a_place_where_nothing_can_be_written_is_refused(here: Refused) -> None:
    line = here("serve", *ANYWHERE, "-d", "/proc/imserver-data")
    assert line.startswith("cannot use the data directory /proc/imserver-data: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_directory_is_refused(cli: Cli, here: Refused) -> None:
    (cli.folder / "locked").mkdir(mode=0o500)
    line = here("serve", *ANYWHERE, "-d", "locked")
    assert line == "cannot use the data directory locked: Permission denied"


def test_a_damaged_database_is_refused_with_a_code_of_its_own(here: Refused, data: Path) -> None:
    path = data / "im.db"
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    line = here("serve", *ANYWHERE, code=70)
    assert "restore a backup" in line or "cannot be opened" in line


@pytest.mark.parametrize("left", ["nothing", "an empty file"])
def test_no_new_database_is_begun_beside_the_media_of_a_lost_one(
    here: Refused, data: Path, left: str
) -> None:
    for file in data.glob("im.db*"):
        file.unlink()
    if left == "an empty file":
        (data / "im.db").touch()
    text = here("serve")
    assert text.startswith("imserver-data/im.db is missing or empty beside media.key and media; restore a")
    assert [file.name for file in data.glob("im.db*")] == (["im.db"] if left == "an empty file" else [])


def test_certificates_that_cannot_be_used_are_named(cli: Cli, here: Refused) -> None:
    certificate, key = make_certificate(cli.folder)
    listen = ("serve", "-l", "tls://127.0.0.1:0", "--http", "http://127.0.0.1:0", "--tls-certificate")
    assert here(*listen, "no.pem", "--tls-key", str(key)) == (
        "cannot read tls_certificate no.pem: No such file or directory"
    )
    line = here(*listen, str(key), "--tls-key", str(certificate))
    assert line.startswith(f"cannot use tls_certificate {key} with tls_key {certificate} (")


def test_a_ready_file_that_cannot_be_written_stops_the_start(here: Refused) -> None:
    line = here("serve", *ANYWHERE, "--ready-file", "missing/ready.json")
    assert "missing/ready.json: No such file or directory" in line


def test_a_damaged_file_of_media_keys_is_named(here: Refused, data: Path) -> None:
    (data / "media.key").write_text("secret-canary\n")
    line = here("serve", *ANYWHERE)
    assert "media.key must hold keys of 32 bytes in hex" in line
    assert "canary" not in line


# Settings --------------------------------------------------------------------------------------------


def test_a_bad_configuration_is_named_with_code_2(cli: Cli) -> None:
    (cli.folder / "im.toml").write_text("lisen = 3")
    line = cli.refused("serve", "-c", "im.toml", code=2)
    assert line == "unknown key lisen in im.toml; did you mean listen?"


def test_bad_settings_from_every_source_are_refused(here: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    assert here("serve", "--drain-s", "-1", code=2).startswith("drain_s (from --drain-s): ")
    assert here("serve", "-l", "htp://x", code=2).startswith("listen (from --listen): 'htp://x' must begin")
    assert here("serve", "-l", "tcp://0.0.0.0:1", code=2).endswith(
        "allow_plaintext = true (behind a TLS proxy)"
    )
    assert here("serve", "-l", "tls://127.0.0.1:1", code=2).startswith(
        "tls://127.0.0.1:1 needs tls_certificate"
    )
    assert here("serve", "--log-level", "loud", code=2).startswith("log.level (from --log-level): ")
    assert here("serve", "-c", "no.toml", code=2).startswith("cannot read the configuration no.toml")
    monkeypatch.setenv("IMSERVER_LISTE", "x")
    assert (
        here("serve", code=2) == "unknown environment variable IMSERVER_LISTE; did you mean IMSERVER_LISTEN?"
    )


def test_words_that_are_no_command_or_option_point_to_the_help(here: Refused) -> None:
    assert here("serv", code=2).endswith("(see: imserver --help)")
    assert here("serve", "--lisen", "x", code=2).endswith("(see: imserver serve --help)")
    assert here("token", code=2).endswith("(see: imserver token --help)")
    assert here("token", "alice", "--days", "many", code=2).endswith("(see: imserver token --help)")
    assert here("app", "key", code=2).endswith("(see: imserver app key --help)")


# Apps and tokens -------------------------------------------------------------------------------------


def test_requests_about_what_is_not_there_are_refused(here: Refused, data: Path) -> None:
    assert here("token", "alice", "--app", "shoes").startswith("there is no app 'shoes' (there is: default)")
    assert here("app", "key", "shoes").startswith("there is no app 'shoes'")
    assert here("app", "key", "default", "--revoke", "9") == "app 'default' has no key '9'"
    assert here("app", "key", "default", "--show", "--kid", "9") == "app 'default' has no HS256 key '9'"
    assert here("app", "list", "-d", "nowhere").startswith("nowhere holds no server data")
    assert not (data.parent / "nowhere").exists()


def test_requests_that_cannot_be_are_refused(here: Refused, data: Path) -> None:
    assert here("app", "create", "default") == "there is an app 'default' already"
    assert here("app", "create", "../shoes").startswith("'../shoes' cannot be an app's name")
    assert here("app", "create", "a\x1b[2Jb").isprintable()
    assert here("app", "key", "default", "--kid", "1").startswith("app 'default' has a key '1' already")
    assert here("app", "key", "default", "--algorithm", "none").startswith("'none' is no algorithm")
    assert here("app", "key", "default", "--algorithm", "ES256").startswith(
        "a key for ES256 needs --public-key"
    )
    (data.parent / "junk.pem").write_text("junk")
    words = ("app", "key", "default", "--public-key", "junk.pem")
    assert here(*words, "--algorithm", "EdDSA").startswith("not a public key in PEM form")
    assert here(*words, "--algorithm", "HS256").startswith("an HS256 key is a secret drawn here")
    assert here(*words, code=2).startswith("Invalid value for --algorithm")
    assert here("app", "key", "default", "--algorithm", "EdDSA", "--public-key", "no").startswith(
        "cannot read no:"
    )
    assert here("app", "key", "default", "--revoke", "1", "--show", code=2).startswith(
        "Invalid value for --revoke"
    )
    assert here("token", "").startswith("no token for that user: ")
    assert here("token", "a\nb").startswith("no token for that user: ")
    assert here("token", "x" * 1000).startswith("no token for that user: ")


def test_bad_tokens_are_refused(here: Refused, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["token", "alice"]) == 0
    token = capsys.readouterr().out.strip()
    assert here("token-check", "rubbish") == "the token is not signed by a key of this server"
    assert here("token-check", token[:-4] + "AAAA") == "the token is not signed by a key of this server"
    assert run(["app", "key", "default", "--revoke", "1"]) == 0
    capsys.readouterr()
    assert here("token-check", token) == "the token is not signed by a key of this server"
    assert here("token", "alice").startswith("app 'default' has no HS256 key")


def test_an_expired_token_is_told_from_a_bad_one(
    here: Refused, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as yesterday:
        yesterday.setattr("imserver.app.administration.time.time", lambda: 1_700_000_000.0)
        yesterday.setattr("imserver.app.administration.TokenVerifier.verify", lambda *_: None)
        assert run(["token", "alice", "--days", "1"]) == 0
    token = capsys.readouterr().out.strip()
    assert here("token-check", token) == "the token has expired; fetch a new one"


# Output ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_goes_away_is_no_traceback(cli: Cli, unbuffered: str) -> None:
    """`imserver app list | head -1`: with a buffer, Python notices at the end only."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        command(["version"]),
        cwd=cli.folder,
        env=environment({"PYTHONUNBUFFERED": unbuffered}),
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
def test_a_complaint_that_cannot_be_written_leaves_its_code(cli: Cli) -> None:
    with Path("/dev/full").open("w") as full:
        for words, code in ((["serv"], 2), (["app", "list"], 1)):
            done = subprocess.run(command(words), cwd=cli.folder, env=environment(), stderr=full, check=False)
            assert done.returncode == code


def test_without_stderr_commands_and_their_codes_are_as_ever(cli: Cli) -> None:
    for words, code in ((["version"], 0), (["serv"], 2), (["serve", "-d", "/dev/null"], 1)):
        line = ["sh", "-c", 'exec "$@" 2>&-', "sh", *command(words)]
        done = subprocess.run(line, cwd=cli.folder, env=environment(), stdout=subprocess.DEVNULL, check=False)
        assert done.returncode == code, words


def test_ctrl_c_before_the_server_is_up_is_no_traceback(cli: Cli) -> None:
    """Sent as soon as the program runs, wherever it is at that moment."""
    process = subprocess.Popen(
        command(["serve", *ANYWHERE]),
        cwd=cli.folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (cli.folder / "imserver-data").exists() and process.poll() is None:
        os.sched_yield()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert LAST_LINE in out or out == ""
