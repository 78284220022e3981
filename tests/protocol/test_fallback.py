"""The protocol on msgpack's pure-Python half: phones have no other."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
#: Those whose outcome depends on the half: packing, frames as differences, dialogues, golden frames.
MODULES = ["test_values", "test_event_codec", "test_connection", "test_vectors"]
_HALF = "import msgpack; print(msgpack.Packer.__module__)"


def run(*arguments: str, pure: bool = True) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "MSGPACK_PUREPYTHON"}
    return subprocess.run(
        [sys.executable, *arguments],
        env={**environment, "MSGPACK_PUREPYTHON": "1"} if pure else environment,
        cwd=HERE.parent.parent,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_the_switch_selects_the_half() -> None:
    """Or the runs below would prove nothing."""
    assert run("-c", _HALF).stdout.strip() == "msgpack.fallback"
    assert run("-c", _HALF, pure=False).stdout.strip() == "msgpack._cmsgpack"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_passes_on_the_pure_half(module: str) -> None:
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE / f"{module}.py"))
    assert done.returncode == 0, done.stdout
