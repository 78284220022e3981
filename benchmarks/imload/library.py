"""The scenarios that come along, by name."""

from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

from imload.scenario import Scenario
from imload.scenario_file import ScenarioError, checked, load_scenario


def scenarios() -> Iterator[tuple[str, str]]:
    """(name, the first line of its comment) of each."""
    for file in sorted(files("imload.scenarios").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".toml"):
            first = file.read_text(encoding="utf-8").partition("\n")[0]
            yield file.name.removesuffix(".toml"), first.lstrip("# ")


def find_scenario(name: str, *, speed: float | None = None) -> Scenario:
    """The scenario in the file `name`, or the one of that name that comes along.

    Raises:
        ScenarioError: there is none, or something in it is wrong.
    """
    path = Path(name)
    if path.suffix == ".toml" or path.exists():
        found = load_scenario(path)
    else:
        known = dict(scenarios())
        if name not in known:
            raise ScenarioError(f"no scenario {name!r}; there are: {', '.join(known)}; or name a .toml file")
        with as_file(files("imload.scenarios") / f"{name}.toml") as file:
            found = load_scenario(file)
    return found if speed is None else checked({**found.model_dump(), "speed": speed}, name)
