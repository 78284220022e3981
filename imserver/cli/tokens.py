"""`imserver token` and `token-check`: to try things by hand, and for who writes an app's backend."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from imserver.cli.options import ConfigFile, DataDir, settings


def token(
    user: Annotated[str, typer.Argument(metavar="USER", help="The user's id.")],
    app: Annotated[
        str | None, typer.Option(metavar="NAME", help='[default: "default", or the only app there is]')
    ] = None,
    days: Annotated[
        float, typer.Option(min=0.001, max=3650, metavar="DAYS", help="How long it is good.")
    ] = 30,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Print a token for a user, as the app's backend would make it.

    Signed with the newest HS256 key of the app, which is read from the data directory; the server need not
    run. Whoever has the token is that user until it expires: treat it as a password.

    \b
    Examples:
      imserver token alice
      imserver token bob --app shoes --days 1
    """  # noqa: D301 - \b is Typer's mark for lines to be kept
    from imserver.app import make_token

    print(make_token(settings(config, data_dir=data_dir).data_dir, user=user, app=app, days=days))


def token_check(
    text: Annotated[str, typer.Argument(metavar="TOKEN", help="The token.")],
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Say whom a token speaks for, or why the server would refuse it (exit code 1).

    \b
    Example:
      imserver token-check "$(imserver token alice)"
    """  # noqa: D301 - \b is Typer's mark for lines to be kept
    from imserver.app import check_token

    found = check_token(settings(config, data_dir=data_dir).data_dir, text)
    until = datetime.fromtimestamp(found["expires_s"], UTC).strftime("%Y-%m-%d %H:%M UTC")
    print(f"user {found['user']!r} of app {found['app']!r}, until {until}")
