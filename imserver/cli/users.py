"""`imserver user …`: a user's devices, the end of their sessions, bans."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from imserver.cli.options import ConfigFile, DataDir, settings

users = typer.Typer(
    name="user",
    help="See a user's devices, end their sessions, ban and unban.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
UserName = Annotated[str, typer.Argument(metavar="NAME", help="The user's id.")]
AppOption = Annotated[
    str | None, typer.Option("--app", metavar="NAME", help='[default: "default", or the only app there is]')
]


def _ask(do: str, user: str, app: str | None, config: Path | None, data_dir: Path | None) -> dict[str, Any]:
    from imserver.app import administer

    chosen = settings(config, data_dir=data_dir)
    request = {"do": do, "app": app, "user": user}
    return administer(chosen.data_dir, request, media_quota_bytes=chosen.media_quota_bytes)


def _who(answer: dict[str, Any]) -> str:
    return f"User {answer['user']!r} of app {answer['app']!r}"


@users.command()
def sessions(
    name: UserName, app: AppOption = None, config: ConfigFile = None, data_dir: DataDir = None
) -> None:
    """Show a user's devices: which are logged in, and which of those are connected at this moment."""
    found = _ask("user_sessions", name, app, config, data_dir)
    print(f"{_who(found)}{' is banned.' if found['banned'] else ''}")
    for device in found["devices"]:
        if device["expires_ms"]:
            day = datetime.fromtimestamp(device["expires_ms"] / 1000, UTC).strftime("%Y-%m-%d")
            state = f"logged in until {day}{', connected' if device['connected'] else ''}"
        else:
            state = "logged out"
        print(f"  {device['name']}  {state}")
    if not found["devices"]:
        print("  no device yet")


@users.command()
def logout(
    name: UserName, app: AppOption = None, config: ConfigFile = None, data_dir: DataDir = None
) -> None:
    """End all sessions of a user, as after a lost phone; also while the server runs.

    When this returns, their connections are closed and what they had only sent is not carried out. A device
    that still has a good token, or gets a new one from your backend, may log in again: stop giving it tokens
    first, or use: imserver user ban.

    \b
    Example:
      imserver user logout alice --app shoes
    """  # noqa: D301 - \b is Typer's mark for lines to be kept
    done = _ask("user_logout", name, app, config, data_dir)
    print(f"{_who(done)}: {done['ended']} session{'' if done['ended'] == 1 else 's'} ended.")


@users.command()
def ban(name: UserName, app: AppOption = None, config: ConfigFile = None, data_dir: DataDir = None) -> None:
    """Shut a user out until `unban`, whatever token or media link he has; also while the server runs.

    His apps are told, and stop. He stays a member of his conversations, and what he wrote stays. A name that
    was never here can be banned too.

    \b
    Example:
      imserver user ban mallory --app shoes
    """  # noqa: D301 - \b is Typer's mark for lines to be kept
    done = _ask("user_ban", name, app, config, data_dir)
    print(f"{_who(done)} is banned{'' if done['known'] else ' (and was never here)'}.")


@users.command()
def unban(name: UserName, app: AppOption = None, config: ConfigFile = None, data_dir: DataDir = None) -> None:
    """Let a banned user in again. He gets what came meanwhile, as after any absence."""
    done = _ask("user_unban", name, app, config, data_dir)
    print(f"{_who(done)} {'is banned no more' if done['was_banned'] else 'was not banned'}.")
