"""`imserver demo`: its flags, its output, its exit code."""

import argparse
import contextlib
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import trio
from rich.console import Console
from rich.live import Live

from imserver.demo.board import Board
from imserver.demo.checker import check
from imserver.demo.dialogue import PEOPLE
from imserver.demo.journal import read_journal
from imserver.demo.outages import OutageAccount
from imserver.demo.plan import Outcome, Plan
from imserver.demo.processes import Broken
from imserver.demo.report import Report
from imserver.demo.stage import Stage
from imserver.demo.traces import CARRIERS, Drive
from imserver.demo.view import View

__all__ = ["main"]

EXIT_KEPT: Final = 0
EXIT_BROKEN: Final = 1
EXIT_USAGE: Final = 2
#: Below that the incidents would run into each other.
RUN_S_MIN: Final = 15.0
RUN_S_MAX: Final = 24 * 3600.0
_FRAMES_PER_S: Final = 12
_VERIFY_S_MAX: Final = 60.0
_DESCRIPTION: Final = """\
A customer and a shop agent chat, each in an app of its own, while a server, a network and a phone have
a bad day: outages recorded on real cellular links, Wi-Fi to cellular, a lift, an app killed in mid-send,
a phone switched off, a server killed. At the end every message is accounted for."""
_EPILOG: Final = """\
exit code: 0 every promise was kept; 1 one was broken (the report says which); 2 wrong usage.

examples:
  imserver demo
  imserver demo --seed 7 --carrier tmobile-umts
  imserver demo --minutes 30 --speed 10 --keep /tmp/demo
  imserver demo --json | python -m json.tool"""


def main(arguments: Sequence[str]) -> int:
    """Run the demo; returns the exit code."""
    options = _parser().parse_args(arguments)
    length_s = options.minutes * 60 / options.speed
    if not RUN_S_MIN <= length_s <= RUN_S_MAX:
        print(
            f"imserver: --minutes {options.minutes:g} at --speed {options.speed:g} is {length_s:.0f} s; "
            f"a run takes {RUN_S_MIN:.0f} s at least and a day at most",
            file=sys.stderr,
        )
        return EXIT_USAGE
    seed = options.seed if options.seed is not None else random.randrange(1_000_000)
    drive = Drive.choose(random.Random(seed), options.carrier, options.minutes, options.speed)
    console = Console(stderr=options.json)
    try:
        with _folder(options.keep) as folder:
            report = _run(Plan(seed=seed, drive=drive), folder, console, quiet=options.json)
    except OSError as error:
        print(f"imserver: {error}", file=sys.stderr)
        return EXIT_BROKEN
    except BaseExceptionGroup as group:
        return _complain(group)
    if options.json:
        print(json.dumps(report.to_json(), ensure_ascii=False, indent=2))
    else:
        console.print(report.render())
        console.print(
            f"{report.elapsed_s:.0f} s, seed {seed}. Again: imserver demo --seed {seed}", style="dim"
        )
    return EXIT_KEPT if report.kept else EXIT_BROKEN


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="imserver demo",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--seed", type=int, help="what is said, which outages, in which order (default: any)")
    parser.add_argument(
        "--minutes", type=_positive, default=4.5, help="of the recorded drive to replay (4.5)"
    )
    parser.add_argument("--speed", type=_positive, default=8.0, help="how much faster than recorded (8)")
    parser.add_argument("--carrier", choices=CARRIERS, default=CARRIERS[0], help="whose drive")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="keep data, journals and logs in this new folder"
    )
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"must be above 0, not {text}")
    return value


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """A folder for the run: `keep`, which must be new or empty, or a temporary one that goes with the run."""
    if keep is None:
        # Removed even when a process that was just killed still had a file open.
        with tempfile.TemporaryDirectory(prefix="imserver-demo-", ignore_cleanup_errors=True) as name:
            yield Path(name)
        return
    keep.mkdir(parents=True, exist_ok=True)
    if any(keep.iterdir()):
        raise FileExistsError(f"{keep} is not empty; --keep wants a new folder")
    yield keep.resolve()


def _run(plan: Plan, folder: Path, console: Console, *, quiet: bool) -> Report:
    began = time.monotonic()
    live = console.is_terminal and not console.is_dumb_terminal and not quiet

    def tell(at_s: float, who: str, what: str) -> None:
        if not live and not quiet:
            console.print(f"{at_s:6.1f} s  {who:4} {what}", markup=False, highlight=False, soft_wrap=True)

    board = Board(tell)
    stage = Stage(plan, folder, board)
    view = View(board, plan.length_s)
    screen = (
        Live(view, console=console, screen=True, refresh_per_second=_FRAMES_PER_S)
        if live
        else contextlib.nullcontext()
    )
    with screen:
        outcome = trio.run(_until_signalled, stage)
    return _account(plan, outcome, stage, time.monotonic() - began)


async def _until_signalled(stage: Stage) -> Outcome:
    """Run the stage; SIGTERM and a closed terminal end it as Ctrl-C does: no process is left behind."""
    outcome: Outcome | None = None
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGHUP, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:

            async def listen() -> None:
                async for _ in signals:
                    nursery.cancel_scope.cancel()

            nursery.start_soon(listen)
            outcome = await stage.run()
            nursery.cancel_scope.cancel()
    if outcome is None:
        raise KeyboardInterrupt
    return outcome


def _account(plan: Plan, outcome: Outcome, stage: Stage, elapsed_s: float) -> Report:
    journals = {user: read_journal(stage.apps[user].journal) for user in PEOPLE}
    windows = [
        (incident.began_at, incident.back_at + (incident.consistent_s or 0.0))
        for incident in outcome.incidents
    ]
    return Report(
        plan=plan,
        outcome=outcome,
        verdict=check(journals),
        outages=OutageAccount.of(outcome.outages, windows, journals),
        verified=_verify(stage.data_dir),
        elapsed_s=elapsed_s,
    )


def _verify(data_dir: Path) -> str:
    """What `imserver verify` finds wrong with the server's data, "" for nothing."""
    command = (sys.executable, "-P", "-m", "imserver", "verify", "--data-dir", str(data_dir))
    done = subprocess.run(command, capture_output=True, text=True, timeout=_VERIFY_S_MAX, check=False)
    return "" if done.returncode == 0 else " ".join((done.stdout + done.stderr).split())


def _complain(group: BaseExceptionGroup[BaseException]) -> int:
    """One line for a process that broke; anything else is a mistake of ours and shows as one."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, BrokenPipeError):  # `imserver demo | head`
        raise error
    if not isinstance(error, Broken) or group.split(Broken)[1] is not None:
        raise group
    print(f"imserver: the demo broke off: {error}", file=sys.stderr)
    return EXIT_BROKEN
