"""Reads a scenario from TOML. A mistake is one sentence that names the key and what it should be."""

import difflib
import tomllib
import typing
from pathlib import Path
from typing import Any, Final, TypeGuard

from pydantic import BaseModel, ValidationError

from imload.scenario import Scenario

_SHOWN_MAX: Final = 3


class ScenarioError(ValueError):
    """The scenario cannot be used; the text is one line for whoever wrote it."""


def load_scenario(path: Path) -> Scenario:
    """Read `path`; files it names are looked for beside it.

    Raises:
        ScenarioError: it cannot be read, or something in it is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ScenarioError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ScenarioError(f"{path} is not UTF-8") from None
    return parse_scenario(text, name=str(path), folder=path.parent)


def parse_scenario(text: str, *, name: str = "the scenario", folder: Path = Path()) -> Scenario:
    """The scenario that `text` describes; `name` is what complaints call it.

    Raises:
        ScenarioError: something in it is wrong.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{name} is not TOML: {error}") from None
    return checked(_beside(folder, table), name)


def checked(table: dict[str, Any], name: str) -> Scenario:
    """The scenario with these values; `name` is what complaints call it.

    Raises:
        ScenarioError: something in it is wrong.
    """
    try:
        return Scenario.model_validate(table)
    except ValidationError as error:
        raise ScenarioError(f"{name}: {complaint(error, Scenario)}") from None


def _beside(folder: Path, table: dict[str, Any]) -> dict[str, Any]:
    """`table` with its files' paths taken from `folder`."""
    churn = table.get("churn")
    rows = [row for row in churn if isinstance(row, dict)] if isinstance(churn, list) else []
    for row, key in [(table, "recorded"), *((row, "file") for row in rows)]:
        if isinstance(row.get(key), str):
            row[key] = str(folder / row[key])
    return table


def complaint(error: ValidationError, model: type[BaseModel]) -> str:
    """One line of pydantic's findings: dotted key, what is wrong, the nearest right key of an unknown one."""
    lines = []
    for found in error.errors(include_url=False, include_context=False)[:_SHOWN_MAX]:
        place = [part for part in found["loc"] if part != "[key]"]
        key = ".".join(f"{part}" if isinstance(part, str) else f"{part + 1}" for part in place)
        if found["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(place[-1]), _keys_at(model, place[:-1]), n=1)
            lines.append(f"unknown key {key}" + (f"; did you mean {near[0]}?" if near else ""))
            continue
        words = found["msg"].removeprefix("Value error, ")
        if words.startswith("Input "):
            words = words[:1].lower() + words[1:] + f", not {found['input']!r:.60}"
        lines.append(f"{key}: {words}" if key else words)
    more = error.error_count() - len(lines)
    return "; ".join(lines) + (f"; and {more} more" if more > 0 else "")


def _keys_at(model: type[BaseModel], place: list[str | int]) -> list[str]:
    for part in place:
        if isinstance(part, str) and part in model.model_fields:
            annotation = model.model_fields[part].annotation
            kinds = [annotation, *typing.get_args(annotation)]
            model = next((kind for kind in kinds if _is_model(kind)), model)
    return list(model.model_fields)


def _is_model(kind: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
