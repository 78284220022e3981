"""The type-checked sample uses everything that is public."""

import ast
from pathlib import Path
from types import ModuleType

import pytest

import imsdk
from imsdk import blocking, testing

HERE = Path(__file__).parent
SAMPLES = [ast.parse((HERE / name).read_text(encoding="utf-8")) for name in ("api.py", "blocking_api.py")]
USED = {node.attr for sample in SAMPLES for node in ast.walk(sample) if isinstance(node, ast.Attribute)}
#: Public between the SDK's own modules only.
INNER = {"engine", "uploads", "keep", "sweep", "signal", "report", "finish"}


@pytest.mark.parametrize("package", [imsdk, blocking, testing], ids=lambda package: package.__name__)
def test_every_public_name_is_in_the_sample(package: ModuleType) -> None:
    assert set(package.__all__) - USED == set()


@pytest.mark.parametrize(
    "thing",
    [
        imsdk.Client,
        imsdk.Conversation,
        imsdk.Sent,
        imsdk.Progress,
        blocking.Client,
        blocking.Conversation,
        blocking.Sent,
        testing.Server,
    ],
    ids=lambda thing: f"{thing.__module__}.{thing.__name__}",
)
def test_every_method_is_in_the_sample(thing: type) -> None:
    names = {name for name in dir(thing) if not name.startswith("_")}
    assert names - USED - INNER == set()


@pytest.mark.parametrize("package", [imsdk, blocking, testing], ids=lambda package: package.__name__)
def test_public_names_exist_are_sorted_and_said_once(package: ModuleType) -> None:
    names = list(package.__all__)
    assert names == sorted(set(names))
    for name in names:
        assert getattr(package, name) is not None
