"""`imserver chat`, `demo`, `sim` and `version`. All but the last use the SDK and are imported when wanted."""

import importlib
import importlib.util

import typer

#: The programs behind these read their own words, `--help` included.
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def chat(context: typer.Context) -> int:
    """Chat in this terminal; see: imserver chat --help."""
    return _run("imserver.cli.chat", "run", context.args)


def demo(context: typer.Context) -> int:
    """Watch a chat survive outages, kills and restarts; see: imserver demo --help."""
    return _run("imserver.demo", "main", context.args)


def sim(context: typer.Context) -> int:
    """Run simulated worlds in which everything fails; see: imserver sim --help."""
    return _run("imserver.sim.command", "main", context.args)


def version() -> None:
    """Print the versions of imserver, Python and SQLite."""
    from imserver.version import COMPILED, PYTHON_VERSION, SQLITE_VERSION, VERSION

    print(f"imserver {VERSION}{' (compiled)' if COMPILED else ''}")
    print(f"Python {PYTHON_VERSION}")
    print(f"SQLite {SQLITE_VERSION}")


def _run(module: str, function: str, arguments: list[str]) -> int:
    """Call `function(arguments) -> exit code` of a module that may not be part of this installation."""
    found = importlib.util.find_spec(module) is not None
    call = getattr(importlib.import_module(module), function, None) if found else None
    if call is None:
        from imserver.app import CannotServe

        raise CannotServe(f"{module.rpartition('.')[2]} is not part of this installation")
    result: int = call(arguments)
    return result
