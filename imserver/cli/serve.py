"""`imserver serve`."""

import shlex
from typing import TYPE_CHECKING

from imserver.cli import serve_options as flags
from imserver.cli.options import ConfigFile, DataDir, settings

if TYPE_CHECKING:
    from imserver.app import Bound
    from imserver.config import Config


def serve(
    config: ConfigFile = None,
    data_dir: DataDir = None,
    listen: flags.Listen = None,
    http: flags.Http = None,
    http_public_url: flags.HttpPublicUrl = None,
    operations: flags.Operations = None,
    tls_certificate: flags.TlsCertificate = None,
    tls_key: flags.TlsKey = None,
    allow_plaintext: flags.AllowPlaintext = None,
    drain_s: flags.DrainS = None,
    log_level: flags.LogLevel = None,
    log_format: flags.LogFormat = None,
    ready_file: flags.ReadyFile = None,
) -> None:
    """Run the server until Ctrl-C or SIGTERM.

    Without options it keeps its data in ./imserver-data and listens on 127.0.0.1 only: chat on
    tcp://127.0.0.1:7400 and
    ws://127.0.0.1:7401, media on http://127.0.0.1:7402. Flags go before environment (IMSERVER_DRAIN_S,
    IMSERVER_CORE__SESSION_DAYS, ...) before the file before the defaults; imserver.example.toml explains
    every key.

    An orderly stop finishes what was received, tells every client when to come back, and exits with 0. A
    second signal stops at once, and loses nothing that was acknowledged either. Exit code 70: the disk or
    the data failed.

    \b
    Examples:
      imserver serve
      imserver serve --data-dir /srv/chat --listen tcp://127.0.0.1:9000
      imserver serve --listen tls://0.0.0.0:7400 --listen wss://0.0.0.0:7401 --http https://0.0.0.0:7402 \\
          --http-public-url https://chat.example.com:7402 --tls-certificate chain.pem --tls-key key.pem
    """  # noqa: D301 - \b is Typer's mark for lines to be kept
    from imserver import logs
    from imserver.app import serve_forever

    chosen = settings(
        config,
        data_dir=data_dir,
        listen=listen or None,
        http=http,
        http_public_url=http_public_url,
        operations=operations,
        tls_certificate=tls_certificate,
        tls_key=tls_key,
        allow_plaintext=allow_plaintext,
        drain_s=drain_s,
        log__level=log_level,
        log__format=log_format,
    )
    logs.configure(level=chosen.log.level, format=chosen.log.format)
    serve_forever(
        chosen,
        started=lambda bound: print("\n".join(banner(chosen, bound)), flush=True),
        ready_file=ready_file,
    )


def banner(config: "Config", bound: "Bound") -> list[str]:
    """What an operator wants to see after the start."""
    from imserver.version import PYTHON_VERSION, SQLITE_VERSION, VERSION

    lines = [
        f"imserver {VERSION} (SQLite {SQLITE_VERSION}, Python {PYTHON_VERSION})",
        f"  data     {bound.data_dir.resolve()}",
        *(f"  chat     {url}" for url in bound.listen),
        f"  media    {bound.http}"
        + (f" (clients: {config.http_public_url})" if config.http_public_url else ""),
    ]
    if bound.operations:
        lines.append(f"  health   {bound.operations}/healthz, metrics {bound.operations}/metrics")
    if bound.new_app:
        where = (
            ""
            if bound.data_dir == type(config)().data_dir
            else f" --data-dir {shlex.quote(str(bound.data_dir))}"
        )
        lines += [
            f"New data directory; app {bound.new_app!r} is made. A token for a user called alice:",
            f"  imserver token alice{where}",
        ]
    return [*lines, "Stop with Ctrl-C."]
