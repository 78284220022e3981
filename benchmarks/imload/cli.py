"""The command `imload`."""

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from imload import flags

EXIT_USAGE = 2

app = typer.Typer(
    name="imload",
    help="Trace-driven load for imserver, with an oracle that accounts for every message.",
    epilog="Begin with: imload run shop",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 120},
)


@app.command("run")
def run_(
    scenario: Annotated[
        str, typer.Argument(metavar="SCENARIO", help="A TOML file, or a name of `imload list`.")
    ],
    seed: flags.Seed = 1,
    speed: flags.Speed = None,
    url: flags.Url = None,
    data_dir: flags.DataDir = None,
    app_name: flags.App = "default",
    kid: flags.Kid = None,
    key_file: flags.KeyFile = None,
    pid: flags.Pid = None,
    authority: flags.Authority = None,
    transport: flags.Transport = None,
    processes: flags.Processes = 1,
    json: flags.Json = None,
    html: flags.Html = None,
) -> None:
    """Play a scenario. Without --url it starts a server of its own, and ends it afterwards.

    Exit code 0: every message is accounted for. 1: some are lost, duplicated, reordered or unanswered, and
    named. 2: it could not be run.
    """
    from imload.commands import play
    from imload.library import find_scenario
    from imload.where import Where

    chosen = find_scenario(scenario, speed=speed)
    where = Where(
        url=url,
        data_dir=data_dir,
        app=app_name,
        kid=kid,
        key_file=key_file,
        pid=pid,
        authority=authority,
        transport=transport,
    )
    raise typer.Exit(play(chosen, where, seed=seed, processes=processes, json=json, html=html))


@app.command()
def replay(
    log: Annotated[Path, typer.Argument(metavar="FILE", help="A churn log (churn_log of the server).")],
    dialogues: Annotated[
        float, typer.Option(metavar="N", help="Dialogues per customer and hour, besides what was missed.")
    ] = 6.0,
    seed: flags.Seed = 1,
    speed: flags.Speed = 1.0,
    url: flags.Url = None,
    data_dir: flags.DataDir = None,
    app_name: flags.App = "default",
    kid: flags.Kid = None,
    key_file: flags.KeyFile = None,
    pid: flags.Pid = None,
    authority: flags.Authority = None,
    transport: flags.Transport = None,
    processes: flags.Processes = 1,
    json: flags.Json = None,
    html: flags.Html = None,
) -> None:
    """Replay the churn that a server has recorded, at any speed, against any server."""
    from imload.commands import play
    from imload.replaying import replay_scenario
    from imload.where import Where

    chosen = replay_scenario(log, speed=1.0 if speed is None else speed, dialogues_per_hour=dialogues)
    where = Where(
        url=url,
        data_dir=data_dir,
        app=app_name,
        kid=kid,
        key_file=key_file,
        pid=pid,
        authority=authority,
        transport=transport,
    )
    raise typer.Exit(play(chosen, where, seed=seed, processes=processes, json=json, html=html))


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(metavar="A.json")],
    second: Annotated[Path, typer.Argument(metavar="B.json")],
) -> None:
    """Two files of results side by side, figure by figure."""
    from imload.compare import compare as compare_results
    from imload.compare import table, warnings
    from imload.result_file import read_results

    a, b = read_results(first), read_results(second)
    for warning in warnings(a, b):
        sys.stderr.write(f"imload: {warning}\n")
    for line in table(list(compare_results(a, b)), (first.stem, second.stem)):
        sys.stdout.write(line + "\n")


@app.command()
def report(
    results: Annotated[Path, typer.Argument(metavar="RESULTS.json")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Where to; beside the results if not given."),
    ] = None,
) -> None:
    """One HTML page with charts about a run, complete in itself."""
    from imload.report.page import write_report
    from imload.result_file import read_results

    path = out or results.with_suffix(".html")
    write_report(read_results(results), path)
    sys.stdout.write(f"{path}\n")


@app.command("list")
def list_() -> None:
    """The scenarios that come along."""
    from imload.library import scenarios

    for name, words in scenarios():
        sys.stdout.write(f"{name:<12}{words}\n")


def main() -> int:
    """Run the command line; returns the exit code."""
    from imserver.app import AdminError

    # A server of our own is ended on the way out, whatever ends us, SIGKILL apart.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        code = app(standalone_mode=False)
    except typer.TyperException as error:
        return _complain(error.format_message())
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except OSError as error:
        return _complain(f"cannot use {error.filename}: {error.strerror}" if error.filename else str(error))
    except (ValueError, RuntimeError, AdminError) as error:
        return _complain(str(error))
    finally:
        signal.signal(signal.SIGTERM, before)
    return code if isinstance(code, int) else 0


def _complain(text: str) -> int:
    sys.stderr.write(f"imload: {' '.join(text.split())}\n")
    return EXIT_USAGE
