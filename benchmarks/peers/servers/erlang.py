"""What servers on Erlang need to stay on the loopback and inside their process tree."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.process import free_port


def missing() -> str:
    """Why no Erlang node can be started; empty: it can."""
    return "" if shutil.which("epmd") else "no Erlang on this machine"


def command(program: Sequence[str]) -> list[str]:
    """`program` beside an epmd of its own that ends with it: the one a node starts by itself outlives it."""
    script = (
        "epmd -address 127.0.0.1 & until epmd -names >&2; do sleep 0.05; done; "
        '"$@"; status=$?; kill $!; wait $!; exit $status'
    )
    return ["sh", "-c", script, "sh", *program]


def environment(folder: Path) -> dict[str, str]:
    """Variables of a node: its home (the cookie is there), its own epmd."""
    return {
        "HOME": str(folder),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(free_port()),
    }
