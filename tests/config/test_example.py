"""imserver.example.toml: complete, and true."""

import re
import tomllib
from pathlib import Path

from imserver.config import Config, known_keys, load

EXAMPLE = Path(__file__).parents[2] / "imserver.example.toml"
#: The only keys whose default cannot be written down.
WITHOUT_DEFAULT = {"churn_log", "tls_certificate", "tls_key"}


def uncommented() -> str:
    return re.sub(r"^#(?=\w+ = |\[)", "", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_the_example_as_it_is_changes_nothing() -> None:
    assert load(EXAMPLE, environment={}) == Config()


def test_the_example_shows_every_key_with_its_default(tmp_path: Path) -> None:
    file = tmp_path / "all.toml"
    file.write_text(uncommented(), encoding="utf-8")
    shown = set()
    for name, value in tomllib.loads(uncommented()).items():
        shown |= {f"{name}.{inner}" for inner in value} if isinstance(value, dict) else {name}
    assert shown == set(known_keys()), "imserver.example.toml must show every key of the configuration"
    loaded = load(file, environment={}).model_dump()
    for name, value in Config().model_dump().items():
        if name not in WITHOUT_DEFAULT:
            assert loaded[name] == value, f"imserver.example.toml shows another default of {name}"
