"""What several commands take."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from imserver.config import Config

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar="IMSERVER_CONFIG", metavar="FILE", help="Settings in a TOML file."),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", "-d", metavar="DIR", help="Where everything is kept. [default: imserver-data]"
    ),
]


def settings(config: Path | None, **flags: Any) -> "Config":
    """The settings with these flags on top; None values were not given. Double underscores stand for dots."""
    from imserver.config import load

    return load(config, flags={name.replace("__", "."): value for name, value in flags.items()})
