"""The flags of `imserver chat`, where its token comes from, and what its errors say."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import trio

import imsdk
from imserver.app import AdminError, CannotServe, make_token
from imserver.cli.chat.orders import HELP
from imserver.cli.chat.talk import Talk
from imserver.config import load
from imserver.storage.folder import FolderError

__all__ = ["main"]

_TOKEN_DAYS: Final = 30
EXIT_REFUSED: Final = 1
_URL: Final = "tcp://127.0.0.1:7400"
_EPILOG: Final = f"""\
in the chat:
{HELP}

examples:
  imserver serve                                         # in a first terminal
  imserver chat alice --with bob                         # in a second one
  imserver chat bob --with alice                         # in a third one
  IMSERVER_TOKEN=... imserver chat alice --with bob --url tls://chat.example.com:7400
  echo "Your parcel is here" | imserver chat shop --with alice"""


def main(arguments: Sequence[str]) -> int:
    """Chat; returns the exit code."""
    options = _parser().parse_args(arguments)
    folder = options.data or Path("imserver-chat") / _folder_name(options.user)
    token = _token(options, known=_has_files(folder))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        waiting, refusals = trio.run(_chat, options, token, folder)
    except BaseExceptionGroup as group:
        raise CannotServe(_sentence(group, options.user, folder)) from None
    except (imsdk.ImError, ValueError, OSError) as error:
        raise CannotServe(_sentence(error, options.user, folder)) from None
    if waiting:
        raise CannotServe(
            f"{waiting} not sent yet; kept in {folder}, and sent when {options.user} chats again"
        )
    return EXIT_REFUSED if refusals else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="imserver chat",
        description="Chat with somebody in this terminal. Survives restarts of the server and of itself.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("user", metavar="USER", help="who you are")
    parser.add_argument("--with", dest="peer", metavar="PEER", required=True, help="whom you chat with")
    url = os.environ.get("IMSERVER_URL", _URL)
    parser.add_argument(
        "--url",
        type=_address,
        default=url,
        help=f"tcp://, tls://, ws:// or wss://; also as IMSERVER_URL ({_URL}). "
        "A private certificate authority is trusted by SSL_CERT_FILE=FILE (PEM)",
    )
    parser.add_argument("--app", metavar="NAME", help='the app ("default", or the only one)')
    parser.add_argument(
        "--token",
        help="for USER; also as IMSERVER_TOKEN. Without one it is signed here, with the key in --server-data",
    )
    parser.add_argument("--server-data", type=Path, metavar="DIR", help="that directory (imserver-data)")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="where this device keeps its messages (imserver-chat/USER)"
    )
    parser.add_argument(
        "--wait",
        type=_seconds,
        default=30.0,
        metavar="SECONDS",
        help="with a pipe: wait so long for the server to have everything (30)",
    )
    return parser


def _address(url: str) -> str:
    try:
        _ = urlsplit(url).port
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{url}: {error}") from None
    return url


def _seconds(text: str) -> float:
    seconds = float(text)
    if not seconds >= 0:
        raise argparse.ArgumentTypeError(f"{text} is no time to wait: name 0 or more seconds")
    return seconds


def _token(options: argparse.Namespace, *, known: bool) -> str:
    """A token, given or signed here; "" when there is none and this device may have a session already.

    Raises:
        AdminError, FolderError: there is none, and none can be made.
    """
    given = options.token or os.environ.get("IMSERVER_TOKEN", "")
    if given:
        return str(given).strip()
    data_dir = options.server_data or load(None, flags={}).data_dir
    try:
        return make_token(data_dir, user=options.user, app=options.app, days=_TOKEN_DAYS)
    except FolderError as error:
        if known:
            return ""
        raise AdminError(
            f"no token: give --token (or IMSERVER_TOKEN), or say with --server-data where the server of this "
            f"machine keeps its data ({error})"
        ) from None


async def _chat(options: argparse.Namespace, token: str, folder: Path) -> tuple[int, int]:
    """How many commands the server does not have yet, and how many lines of a pipe came to nothing."""
    async with imsdk.connect(options.url, token=token, data_dir=folder) as im:
        talk = Talk(im, await im.conversation(with_user=options.peer), drain_s_max=options.wait)
        waiting = await talk.run()
        # On a terminal whoever typed it has seen it, and may have said it better.
        return waiting, 0 if talk.terminal.interactive else talk.refusals


def _sentence(error: BaseException, user: str, folder: Path) -> str:
    """One line for what a person can mend.

    Raises:
        BaseException: `error` itself, if it is nothing of that kind.
    """
    if isinstance(error, BaseExceptionGroup) and (stopped := error.subgroup(KeyboardInterrupt)) is not None:
        error = stopped  # whatever else has failed at that moment, Ctrl-C was it
    first = error
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    if isinstance(first, imsdk.StorageLocked):
        return (
            f"{folder} is in use: another chat of {user} is open; with --data DIR this one is another device"
        )
    if isinstance(first, OSError) and first.filename:
        return f"cannot use {first.filename}: {first.strerror}"
    if isinstance(first, imsdk.ImError | ValueError | OSError):
        return str(first)
    if isinstance(first, KeyboardInterrupt):
        raise first
    raise error


def _folder_name(user: str) -> str:
    """A user id as a folder name; unusual characters in hex, so that two users never share one."""
    return "".join(c if c.isalnum() or c in "-_" else f"%{ord(c):x}" for c in user) or "%"


def _has_files(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())
