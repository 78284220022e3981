"""Where settings come from: flags before environment before file before defaults."""

import dataclasses
import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from imserver.config.model import Config

ENV_PREFIX: Final = "IMSERVER_"
#: Variables of ours that are no settings: they stand in for flags of commands.
_ENV_FLAGS: Final = frozenset({"IMSERVER_CONFIG", "IMSERVER_TOKEN", "IMSERVER_URL", "IMSERVER_READY_FILE"})
#: Kubernetes puts these into every container beside a service called "imserver" (service links).
_ENV_FOREIGN: Final = re.compile(r"IMSERVER_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_\w+)?)", re.ASCII)
_MISTAKES_SHOWN_MAX: Final = 3

Path_ = tuple[str, ...]


class ConfigError(Exception):
    """A setting is wrong. The text is one line that names the key, where it was set, and what to write."""


def known_keys() -> list[str]:
    """All keys, dotted: `drain_s`, `core.session_days`, ..."""
    return [".".join(path) for path in _known()]


def load(
    file: Path | None = None,
    *,
    flags: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Config:
    """The settings of this start.

    Args:
        file: a TOML file, if any.
        flags: dotted key -> value, from the command line; None values were not given.
        environment: `os.environ` if None. `IMSERVER_DRAIN_S`, `IMSERVER_CORE__SESSION_DAYS`, lists with
        commas.

    Raises:
        ConfigError: something is wrong in one of them.
    """
    known = set(_known())
    values: dict[Path_, Any] = {}
    sources: dict[Path_, str] = {}
    for path, value, source in [
        *_from_file(file, known),
        *_from_environment(os.environ if environment is None else environment, known),
        *_from_flags(flags or {}),
    ]:
        values[path], sources[path] = value, source
    tree: dict[str, Any] = {}
    for path, value in values.items():
        branch = tree
        for name in path[:-1]:
            branch = branch.setdefault(name, {})
        branch[path[-1]] = value
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(_complaint(error, sources)) from None


def _known() -> Iterator[Path_]:
    for name, field in Config.model_fields.items():
        default = field.default
        if isinstance(default, BaseModel):
            yield from ((name, inner) for inner in type(default).model_fields)
        elif dataclasses.is_dataclass(default):
            yield from ((name, inner.name) for inner in dataclasses.fields(default))
        else:
            yield (name,)


def _from_file(file: Path | None, known: set[Path_]) -> Iterator[tuple[Path_, Any, str]]:
    if file is None:
        return
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {file}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not TOML: {error}") from None
    sections = {path[0] for path in known if len(path) > 1}
    for name, value in table.items():
        if name in sections:
            if not isinstance(value, dict):
                raise ConfigError(f"{name} (in {file}) is a section: write [{name}] and its keys below")
            items: list[tuple[Path_, Any]] = [((name, inner), found) for inner, found in value.items()]
        else:
            items = [((name,), value)]
            near = difflib.get_close_matches(name, sections, n=1) if isinstance(value, dict) else []
            if near:
                raise ConfigError(f"unknown section [{name}] in {file}; did you mean [{near[0]}]?")
        for path, found in items:
            if path not in known:
                raise ConfigError(f"unknown key {'.'.join(path)} in {file}{_nearest(path, known)}")
            yield path, found, f"in {file}"


def _from_environment(environment: Mapping[str, str], known: set[Path_]) -> Iterator[tuple[Path_, Any, str]]:
    names = {ENV_PREFIX + "__".join(path).upper(): path for path in known}
    for name in sorted(environment):
        if not name.startswith(ENV_PREFIX) or name in _ENV_FLAGS or _ENV_FOREIGN.fullmatch(name):
            continue
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ConfigError(f"unknown environment variable {name}{hint}")
        yield names[name], environment[name], f"from {name}"


def _from_flags(flags: Mapping[str, Any]) -> Iterator[tuple[Path_, Any, str]]:
    for name, value in flags.items():
        if value is not None:
            path = tuple(name.split("."))
            yield path, value, f"from --{'-'.join(path).replace('_', '-')}"


def _nearest(path: Path_, known: set[Path_]) -> str:
    """A hint at the key that was probably meant, also one of another section."""
    dotted = {".".join(right): right for right in sorted(known)}
    near = difflib.get_close_matches(".".join(path), dotted, n=1, cutoff=0.7)
    if not near:
        last = {right[-1]: name for name, right in dotted.items()}
        near = [last[name] for name in difflib.get_close_matches(path[-1], last, n=1)]
    return f"; did you mean {near[0]}?" if near else ""


def _complaint(error: ValidationError, sources: Mapping[Path_, str]) -> str:
    """One line of pydantic's findings: the key, where it was set, what is wrong."""
    lines = []
    for found in error.errors(include_url=False, include_context=False)[:_MISTAKES_SHOWN_MAX]:
        at = tuple(str(part) for part in found["loc"] if not isinstance(part, int))
        text = found["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
        text = text[:1].lower() + text[1:] if text.startswith("Input ") else text
        source = sources.get(at)
        lines.append(
            f"{'.'.join(at)} ({source}): {text}" if source else ": ".join(filter(None, (".".join(at), text)))
        )
    more = error.error_count() - len(lines)
    return "; ".join(lines) + (f"; and {more} more" if more else "")
