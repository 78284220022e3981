"""What the commands do, apart from reading the command line."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from imload.report.page import write_report
from imload.result_file import ResultFile
from imload.results import Line
from imload.run import run
from imload.scenario import Scenario
from imload.summary import summary
from imload.view import LiveView
from imload.where import Where

EXIT_FAILED = 1


class Onlookers:
    """All who look on; keeps the lines for the report."""

    def __init__(self, *onlookers: ResultFile | LiveView) -> None:
        self._onlookers = onlookers
        self.lines: list[Line] = []

    def line(self, line: Line) -> None:
        """Pass a line on."""
        self.lines.append(line)
        for onlooker in self._onlookers:
            onlooker.line(line)


def play(
    scenario: Scenario,
    where: Where,
    *,
    seed: int,
    processes: int,
    json: Path | None,
    html: Path | None,
    settings: dict[str, Any] | None = None,
) -> int:
    """Run `scenario`, show it, write what was asked for; returns the exit code.

    Raises:
        OSError, RuntimeError, ValueError: it cannot be run; the text says why.
    """
    from rich.console import Console

    if html is not None:
        html.open("a").close()  # a path that cannot be written is said before the run, not after
    with ExitStack() as stack:
        view = stack.enter_context(LiveView(Console(stderr=True), f"imload {scenario.name}"))
        onlookers = Onlookers(view, *([stack.enter_context(ResultFile(json))] if json else []))
        options = stack.enter_context(
            where.options(scenario, seed=seed, processes=processes, settings=settings)
        )
        outcome = run(scenario, options, onlookers)
    lines = onlookers.lines
    findings = [line for line in lines if line["type"] == "finding"]
    for text in summary(lines[0], lines[-1], findings):
        sys.stdout.write(text + "\n")
    sys.stdout.flush()
    if html is not None:
        write_report(lines, html)
    return 0 if outcome.passed else EXIT_FAILED
