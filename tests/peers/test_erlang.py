"""What a server on Erlang needs beside it does not outlive it."""

import os
import subprocess
from pathlib import Path

import pytest

from benchmarks.peers.servers import erlang

#: Asked for names it has some; else it is there until it is ended.
EPMD = '#!/bin/sh\nif [ "$1" = -names ]; then exit 0; fi\necho $$ > epmd.pid\nexec sleep 60\n'


def test_epmd_ends_with_a_program_that_ends_by_itself_and_its_status_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "epmd").write_text(EPMD)
    (tmp_path / "epmd").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    program = ["sh", "-c", "until [ -s epmd.pid ]; do :; done; exit 3"]
    ended = subprocess.run(erlang.command(program), cwd=tmp_path, check=False, timeout=30)
    assert ended.returncode == 3
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "epmd.pid").read_text()), 0)
