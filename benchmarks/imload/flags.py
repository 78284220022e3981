"""Flags that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Seed = Annotated[int, typer.Option(metavar="N", help="Same file and same seed: same load.")]
Speed = Annotated[
    float | None, typer.Option(metavar="X", help="Scenario seconds per second; instead of the scenario's.")
]
Url = Annotated[
    str | None,
    typer.Option(metavar="URL", help="A server that is there; without it, one is started and ended."),
]
DataDir = Annotated[
    Path | None, typer.Option(metavar="DIR", help="With --url: the server's data directory, to sign tokens.")
]
App = Annotated[str, typer.Option("--app", metavar="NAME", help="The app whose key signs tokens.")]
Kid = Annotated[str | None, typer.Option(metavar="KID", help="With --key-file: the key's id.")]
KeyFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="An HS256 key, where the data directory is not at hand.")
]
Pid = Annotated[int | None, typer.Option(metavar="PID", help="With --url: the server's process, to measure.")]
Authority = Annotated[
    Path | None, typer.Option("--ca", metavar="FILE", help="Certificate authority to trust (PEM).")
]
Transport = Annotated[
    str | None, typer.Option(metavar="NAME", help="Of the own server: tcp, tls, ws or wss.")
]
Processes = Annotated[int, typer.Option(metavar="N", min=1, max=64, help="How many processes play the load.")]
Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write results, a JSON line each.")]
Html = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write the report, too.")]
