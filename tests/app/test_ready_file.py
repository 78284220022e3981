import json
import os
from pathlib import Path

import pytest

from imserver.app.bound import Bound
from imserver.app.errors import CannotServe
from imserver.app.ready_file import no_ready_file_outside, write_ready_file

BOUND = Bound(
    data_dir=Path("data"), listen=("tcp://127.0.0.1:1",), http="http://127.0.0.1:2", operations=None
)


def test_it_says_who_and_where_and_leaves_nothing_else(tmp_path: Path) -> None:
    write_ready_file(tmp_path / "ready", BOUND)
    assert json.loads((tmp_path / "ready").read_text()) == {
        "pid": os.getpid(),
        "listen": ["tcp://127.0.0.1:1"],
        "http": "http://127.0.0.1:2",
        "operations": None,
        "data_dir": "data",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["ready"]


def test_an_older_one_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "ready").write_text("x" * 10_000)
    write_ready_file(tmp_path / "ready", BOUND)
    assert json.loads((tmp_path / "ready").read_text())["pid"] == os.getpid()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotServe, match="No such file"):
        write_ready_file(tmp_path / "no" / "ready", BOUND)


def test_what_a_killed_server_left_goes_at_the_start_and_its_own_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "ready"
    path.write_text("old")
    with no_ready_file_outside(path):
        assert not path.exists()
        write_ready_file(path, BOUND)
        assert path.exists()
    assert not path.exists()


def test_a_folder_in_its_place_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(CannotServe, match="cannot write the ready file"), no_ready_file_outside(tmp_path):
        pass
