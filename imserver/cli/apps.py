"""`imserver app …`: apps and the keys that sign their tokens."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from imserver.cli.options import ConfigFile, DataDir, settings

apps = typer.Typer(
    name="app",
    help="Make apps (tenants), list them, manage the keys that sign their users' tokens.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
AppName = Annotated[str, typer.Argument(metavar="NAME", help="The app's name.")]


def _ask(config: Path | None, data_dir: Path | None, request: dict[str, Any]) -> dict[str, Any]:
    from imserver.app import administer

    chosen = settings(config, data_dir=data_dir)
    return administer(chosen.data_dir, request, media_quota_bytes=chosen.media_quota_bytes)


@apps.command()
def create(
    name: AppName,
    media_quota: Annotated[
        int | None,
        typer.Option(min=1, metavar="BYTES", help="Room for its media. [default: media_quota_bytes]"),
    ] = None,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Make an app with one HS256 key, also while the server runs.

    Apps are strangers to each other: users, conversations and media of one are never seen in another.

    \b
    Example:
      imserver app create shoes
    """  # noqa: D301 - \b is Typer's mark for lines to be kept
    made = _ask(config, data_dir, {"do": "app_create", "name": name, "media_quota_bytes": media_quota})
    print(f"App {name!r} is made.")
    _print_key(made)


@apps.command("list")
def list_(config: ConfigFile = None, data_dir: DataDir = None) -> None:
    """Show all apps with their keys and how much of their media quota they use."""
    for app in _ask(config, data_dir, {"do": "app_list"})["apps"]:
        used, most = app["media_bytes"] / 1024**2, app["media_quota_bytes"] / 1024**2
        print(f"{app['name']}  since {_day(app['created_ms'])}, media {used:.1f} of {most:.0f} MiB")
        for key in app["keys"]:
            end = f", revoked {_day(key['revoked_ms'])}" if key["revoked_ms"] else ""
            print(f"  key {key['kid']}  {key['algorithm']}, since {_day(key['created_ms'])}{end}")


@apps.command()
def key(
    name: AppName,
    algorithm: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="HS256 (a shared secret), EdDSA or ES256. [default: HS256]"),
    ] = None,
    public_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The public key (PEM), for EdDSA and ES256.")
    ] = None,
    kid: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The key's id; tokens name it. [default: the next number]"),
    ] = None,
    revoke: Annotated[
        str | None, typer.Option(metavar="ID", help="Refuse tokens of this key from now on.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Print the secret of the HS256 key (--kid).")] = False,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Add a key to an app, revoke one, or show a secret; also while the server runs.

    The backend of the app signs a token (JWT) for each of its users: claims `iss` the app's name, `sub` the
    user's id, `aud` "imserver", `exp`; header `kid` the key's id. With EdDSA or ES256 the private key never
    leaves the backend. A revoked key stops new logins at once; sessions that are logged in stay.

    \b
    Examples:
      imserver app key shoes                                  another secret, to rotate
      imserver app key shoes --algorithm EdDSA --public-key shoes.pub.pem --kid 2027
      imserver app key shoes --show --kid 1
      imserver app key shoes --revoke 1
    """  # noqa: D301 - \b is Typer's mark for lines to be kept
    if revoke is not None:
        if algorithm or public_key or kid or show:
            raise typer.BadParameter("goes alone", param_hint="--revoke")
        done = _ask(config, data_dir, {"do": "key_revoke", "app": name, "kid": revoke})
        print(f"Key {revoke!r} of app {name!r} is revoked.")
        if not done["keys_left"]:
            print(
                f"warning: it was the last: nobody can log in until there is another: imserver app key {name}"
            )
    elif show:
        if algorithm or public_key:
            raise typer.BadParameter("goes with --kid only", param_hint="--show")
        from imserver.app import key_secret

        print(key_secret(settings(config, data_dir=data_dir).data_dir, app=name, kid=kid))
    else:
        pem = _read_pem(public_key) if public_key else None
        chosen = algorithm or ("HS256" if pem is None else None)
        if chosen is None:
            raise typer.BadParameter(
                "must say whether the public key is for EdDSA or ES256", param_hint="--algorithm"
            )
        request = {"do": "key_add", "app": name, "algorithm": chosen, "kid": kid, "public_key": pem}
        _print_key(_ask(config, data_dir, request))


def _read_pem(path: Path) -> str:
    from imserver.app import AdminError

    try:
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise AdminError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise AdminError(f"{path} is not PEM") from None


def _print_key(made: dict[str, Any]) -> None:
    print(f"Key {made['kid']!r} ({made['algorithm']}) of app {made['app']!r}.")
    if made["secret"]:
        print(f"Its secret, for the app's backend: {made['secret']}")


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d")
