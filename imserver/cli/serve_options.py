"""The flags of `imserver serve`. Each is a key of the configuration; what is not given is None."""

from pathlib import Path
from typing import Annotated

import typer

Listen = Annotated[
    list[str] | None,
    typer.Option(
        "--listen", "-l", metavar="URL", help="tcp://, tls://, ws:// or wss://HOST:PORT; may be repeated."
    ),
]
Http = Annotated[
    str | None, typer.Option(metavar="URL", help="Media up- and download: http:// or https://HOST:PORT.")
]
HttpPublicUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="How clients reach that listener, behind a proxy.")
]
Operations = Annotated[
    str | None, typer.Option(metavar="URL", help="/healthz and /metrics on a listener of their own.")
]
TlsCertificate = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Certificate chain (PEM) for tls, wss and https.")
]
TlsKey = Annotated[Path | None, typer.Option(metavar="FILE", help="Its private key (PEM).")]
AllowPlaintext = Annotated[
    bool | None,
    typer.Option("--allow-plaintext", help="Listen without TLS beyond this machine: behind a TLS proxy."),
]
DrainS = Annotated[
    float | None, typer.Option("--drain-s", metavar="SECONDS", help="How long an orderly stop may take.")
]
LogLevel = Annotated[str | None, typer.Option(metavar="LEVEL", help="debug, info, warning or error.")]
LogFormat = Annotated[str | None, typer.Option(metavar="FORM", help="auto, console or json.")]
ReadyFile = Annotated[
    Path | None,
    typer.Option(
        envvar="IMSERVER_READY_FILE",
        metavar="FILE",
        help="Written (JSON: pid and real addresses) once the server accepts; removed when it stops.",
    ),
]
