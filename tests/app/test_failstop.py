"""G7: after a failure of the store nothing more is acknowledged, and the process ends with code 70."""

import json
import subprocess
import sys
from pathlib import Path

from imserver.app.failstop import EXIT_FAILED, root_cause

#: A server whose store breaks at the second app (the first is the default one), and then is asked for one.
BREAKING = """
import sys, threading
from pathlib import Path
from imserver import logs
from imserver.app import administer, serve_forever
from imserver.app.errors import AdminError
from imserver.config import load
from imserver.storage.sqlite import SqliteStore
from imserver.storage.store import StoreBroken

logs.configure(level="info", format="json")
folder = Path(sys.argv[1])

async def broken(self, *args, **kwargs):
    raise StoreBroken("fsync failed: Input/output error")

def ask():
    try:
        administer(folder, {"do": "app_create", "name": "shoes"}, media_quota_bytes=1)
        print("acknowledged", flush=True)
    except AdminError as error:
        print(error, flush=True)

def started(bound):
    SqliteStore.put_app = broken
    # Not a daemon: an orderly end would wait for it for ever.
    threading.Thread(target=lambda: (ask(), threading.Event().wait())).start()

flags = {"data_dir": folder, "listen": ["tcp://127.0.0.1:0"], "http": "http://127.0.0.1:0"}
serve_forever(load(environment={}, flags=flags), started=started)
"""


def test_a_broken_store_ends_the_process_at_once_with_one_line_and_no_ack(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BREAKING, str(tmp_path / "data")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == EXIT_FAILED, done.stderr
    assert "acknowledged" not in done.stdout
    event = json.loads(done.stderr.splitlines()[-1])
    assert event["event"] == "failed"
    assert event["error"] == "StoreBroken: fsync failed: Input/output error"
    assert event["do"].startswith("look at the disk")
    assert "Traceback" not in done.stderr


def test_the_cause_is_found_in_nested_groups() -> None:
    cause = KeyError("x")
    assert root_cause(ExceptionGroup("", [ExceptionGroup("", [cause])])) is cause
    assert root_cause(cause) is cause
