"""A directory, a data directory, and two ways to call the program."""

import logging
import os
import resource
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.cli.here import Here
from tests.cli.house import Cli, Server


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


@pytest.fixture
def call(cli: Cli, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Here]:
    """In this process, in `cli`'s directory; what `serve` sets of the process is put back."""
    for name in [name for name in os.environ if name.startswith("IMSERVER_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(cli.folder)
    umask, interval_s = os.umask(0o077), sys.getswitchinterval()
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield Here(capsys)
    os.umask(umask)
    sys.setswitchinterval(interval_s)
    resource.setrlimit(resource.RLIMIT_NOFILE, files)
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory as a first start leaves it."""
    folder = tmp_path_factory.mktemp("template")
    with Server(folder) as server:
        assert server.end() == 0
    return folder / "imserver-data"


@pytest.fixture
def data(cli: Cli, template: Path) -> Path:
    """The data directory of a server that has ended, in its default place."""
    return shutil.copytree(template, cli.folder / "imserver-data")
