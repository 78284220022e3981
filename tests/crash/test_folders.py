"""The data folders survive a power cut: what is synced in a folder that has no durable name is lost."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from imsdk.store.lock import FolderLock as ClientLock
from imserver.sim.disks import Durable, Recorder
from imserver.sim.disks.tear import Cut
from imserver.storage.folder import FolderLock as ServerLock
from tests.crash.recorded_os import recorded_os


def server(path: Path) -> None:
    ServerLock(path).release()


def client(path: Path) -> None:
    lock = ClientLock(path)
    lock.acquire()
    lock.release()


@pytest.mark.parametrize("make", [server, client])
def test_a_new_data_folder_has_a_durable_name_up_to_what_was_there_before(
    make: Callable[[Path], None], ram: Path
) -> None:
    recorder = Recorder(ram)
    with recorded_os(recorder):
        make(ram / "var" / "chat" / "alice")
    durable = Durable(random.Random(1), recorder.names, recorder.files)
    durable.play(recorder.log)
    image = durable.image(random.Random(1), Cut(kept=0.0, torn=0.0))
    assert image.folders == ["var", "var/chat", "var/chat/alice"]
