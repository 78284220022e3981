"""Canaries: real secrets of every kind pass through a real server, and are found nowhere outside of it."""

import base64
import json
import socket
import urllib.error
import urllib.request
from pathlib import Path

import httpx
import pytest

from improtocol import Body, File, Media, frames, queries, unpack
from improtocol import commands as c
from improtocol.queries import MediaLink, UploadSlot
from imsdk.settings import Settings
from imsdk.store.rows import Identity
from imserver.media import Signer
from imserver.storage.store import AppKey, Device
from tests.security.processes import Phone, Watched, serving

SECRET = b"canary-of-16-byt"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.canary-canary.canary-canary"


def forms(secret: str | bytes) -> set[bytes]:
    """How a secret could be written down."""
    raw = secret.encode() if isinstance(secret, str) else secret
    coded = base64.b64encode(raw), base64.urlsafe_b64encode(raw), raw.hex().encode(), repr(raw)[2:-1].encode()
    return {raw, *(form.rstrip(b"=") for form in coded)}


def outcry(text: bytes, secrets: dict[str, str | bytes]) -> list[str]:
    """The names of those that stand in `text`; a part of 16 characters is enough."""
    return [
        name
        for name, secret in secrets.items()
        if any(form[:24] in text or form[-24:] in text for form in forms(secret))
    ]


@pytest.mark.parametrize(
    "holder",
    [
        frames.Connect(token=TOKEN, device="d"),
        frames.Connected(session=1, secret=SECRET, epoch=1, accepted=0, head=0),
        frames.Resume(session=1, secret=SECRET, epoch=1, cursor=0, next=1),
        UploadSlot(url="http://x/uploads", ticket=TOKEN, expires_ms=1),
        MediaLink(url=f"http://x/media/{TOKEN}", expires_ms=1),
        AppKey(app=1, kid="1", algorithm="HS256", key=SECRET, created_ms=1),
        Device(
            id=1,
            app=1,
            user=1,
            user_name="a",
            name="d",
            session=1,
            secret_hash=SECRET,
            expires_ms=1,
            accepted=0,
            acked=0,
        ),
        Signer([SECRET * 2], lambda: 0),
        Identity(device="d", secret=SECRET),
        Settings(url="u", store=None, dialer=None, rng=None, now_ms=None, token=TOKEN),  # type: ignore[arg-type]
    ],
    ids=lambda holder: type(holder).__name__,
)
def test_no_repr_shows_a_secret(holder: object) -> None:
    """A repr ends up in logs, tracebacks and bug reports."""
    for text in (repr(holder), str(holder), repr([holder])):
        assert not outcry(text.encode(), {"secret": SECRET, "token": TOKEN, "key": SECRET * 2}), text


def collect(watched: Watched, folder: Path) -> dict[str, str | bytes]:
    """Use everything that is secret, rightly and wrongly; returns all of them by name."""
    data = folder / "imserver-data"
    token = watched.token("alice")
    secrets: dict[str, str | bytes] = {
        "token": token.rpartition(".")[2],
        "ticket key": (data / "media.key").read_text().split()[0],
    }
    created = watched.cli.says("app", "create", "shoes")
    secrets["app key"] = created.split()[-1]
    phone = Phone(watched.tcp)
    phone.say(frames.Connect(token=token, device="canary"))
    connected = phone.hear(frames.Connected)
    assert isinstance(connected, frames.Connected)
    secrets["resume secret"] = connected.secret
    other = Phone(watched.tcp)
    other.say(
        frames.Resume(
            session=connected.session, secret=connected.secret[::-1], epoch=connected.epoch, cursor=0, next=1
        )
    )
    other.hear(frames.Close)
    upload = queries.Upload(size=10, mime="text/plain", name="a.txt")
    phone.say(frames.Query(id=1, op=upload.OP, arguments=upload.arguments()))
    slot = queries.UploadSlot.from_value(unpack(reply(phone.hear(frames.Reply)).payload))
    secrets["upload ticket"] = slot.ticket
    headers = {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {slot.ticket}"}
    with httpx.Client(trust_env=False) as web:
        web.post(
            slot.url, headers=headers | {"Authorization": f"Bearer x{slot.ticket}", "Upload-Length": "10"}
        )
        content = headers | {"Upload-Length": "10", "Content-Type": "application/offset+octet-stream"}
        done = web.post(slot.url, headers=content, content=b"0123456789")
        media = Media(id=bytes.fromhex(done.headers["Media-Id"]), size=10, mime=done.headers["Media-Type"])
        body = Body(content=File(media=media, name="a.txt"))
        phone.say(
            frames.Command(counter=connected.accepted + 1, action=c.Post(conversation="bob", body=body))
        )
        result = phone.hear(frames.Result)
        assert isinstance(result, frames.Result)
        link = queries.Link(conversation="bob", seq=result.value, media=media.id)
        phone.say(frames.Query(id=2, op=link.OP, arguments=link.arguments()))
        url = queries.MediaLink.from_value(unpack(reply(phone.hear(frames.Reply)).payload)).url
        secrets["link"] = url.rpartition("/")[2]
        assert web.get(url).content == b"0123456789"
        answers = [
            web.get(url + "x"),
            web.get(url, headers={"Range": "bytes=99-"}),
            web.put(url),
            web.head(url),
        ]
        assert not outcry(b"".join(answer.content for answer in answers), secrets)
    phone.socket.sendall(b"\xff" * 50)
    phone.socket.close()
    other.socket.close()
    return secrets


def reply(frame: frames.Frame) -> frames.Reply:
    assert isinstance(frame, frames.Reply)
    assert not frame.code, frame
    return frame


def test_canary_secrets_are_found_in_no_log_metric_or_statistic(tmp_path: Path) -> None:
    with serving(tmp_path, "--log-level", "debug") as watched:
        secrets = collect(watched, tmp_path)
        url = f"{watched.server.ready['operations']}/metrics"
        metrics = urllib.request.urlopen(url, timeout=30).read()
        health = urllib.request.urlopen(url.replace("metrics", "healthz"), timeout=30).read()
        for bad in (f"/media/{secrets['link']}x", f"/uploads/{secrets['upload ticket']}"):
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(f"{watched.server.ready['http']}{bad}", timeout=30)
        listing = watched.cli.says("app", "list")
        environ = Path(f"/proc/{watched.server.process.pid}/cmdline").read_bytes()
        assert watched.server.end() == 0
    log = watched.server.log.read_bytes()
    assert b"administration" in log, "else nothing was logged that could hold one"
    for name, text in {
        "log": log,
        "metrics": metrics,
        "health": health,
        "list": listing.encode(),
        "ps": environ,
    }.items():
        assert not outcry(text, secrets), name
    assert set(secrets) >= {"token", "app key", "ticket key", "resume secret", "upload ticket", "link"}


def test_data_directory_keeps_no_resume_secret_and_is_the_owners_alone(tmp_path: Path) -> None:
    """What is stored of a resume secret is its hash: a stolen backup opens no session."""
    with serving(tmp_path) as watched:
        secrets = collect(watched, tmp_path)
        watched.server.process.kill()
    data = tmp_path / "imserver-data"
    files = [file for file in data.rglob("*") if file.is_file()]
    assert not any(secrets["resume secret"] in file.read_bytes() for file in files)  # type: ignore[operator]
    assert not [
        file for file in (data, *data.rglob("*")) if file.stat().st_mode & 0o077 and not file.is_socket()
    ]


INJECTIONS = [
    "a\nb",
    "a\r\n{}",
    'x"}\n{"event": "forged"}',
    "\x1b[2J",
    "a\u2028b",
    "\u202eevil",
    "\x00",
    "a\x85b",
]


@pytest.mark.parametrize("format", ["json", "console"])
def test_log_injection_gives_one_line_each(tmp_path: Path, format: str) -> None:
    """Every way by which somebody else's text reaches the log of a real server."""
    with serving(tmp_path, "--log-level", "debug", "--log-format", format) as watched:
        for text in INJECTIONS:
            request = json.dumps({"do": text, "app": text, "name": text}).encode() + b"\n"
            ask_control(tmp_path / "imserver-data" / "control.sock", request)
        after = [line for line in watched.server.log.read_text().split("\n") if "administration" in line]
        assert len(after) == len(INJECTIONS)
        assert watched.server.end() == 0
    for line in watched.server.log.read_text().split("\n")[:-1]:
        assert line.isprintable(), line
        if format == "json":
            assert json.loads(line)["event"] != "forged"


def ask_control(path: Path, request: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(30)
        peer.connect(str(path))
        peer.sendall(request)
        assert peer.recv(65536).endswith(b"\n")
