"""`imserver demo` as people and programs call it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from imserver.demo.contents import CONTENT_KINDS
from imserver.demo.report import ACTS

COMMAND = (sys.executable, "-m", "imserver", "demo")
PATIENCE_S = 100


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(folder)}


def test_short_run_keeps_every_promise_and_brings_every_kind_across(tmp_path: Path) -> None:
    """A server and two apps as processes of their own, every incident once, every content kind delivered."""
    command = (*COMMAND, "--json", "--seed", "11", "--minutes", "3", "--speed", "9")
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE_S, check=False, env=environment(tmp_path)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["kept"]
    assert (report["lost"], report["duplicated"], report["reordered"]) == (0, 0, 0)
    assert report["sent"] == report["acked"] == report["delivered"] > 40
    assert (report["media_unequal"], report["media_equal"] > 5) == (0, True)
    for kind in (*CONTENT_KINDS, *ACTS):
        counts = report["kinds"][kind]
        assert counts["sent"] == counts["acked"] == counts["delivered"] > 0, kind
    assert sorted(incident["name"] for incident in report["incidents"]) == [
        "Wi-Fi → cellular",
        "app SIGKILLed in mid-send",
        "lift, silent drop",
        "phone off",
        "server SIGKILLed",
    ]
    for incident in report["incidents"]:
        assert incident["consistent_ms"] is not None
        assert incident["round_trips"] >= 1
    assert report["trace_outages"]["count"] > 0
    assert report["half_open_fenced"] > 0
    assert report["server_verified"]
    assert not list(tmp_path.glob("*demo*")), "nothing is left behind"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_every_process_and_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    demo = subprocess.Popen(
        (*COMMAND, "--seed", "1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(tmp_path) | {"PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )
    try:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "both apps are connected" in line:
                break
        children = psutil.Process(demo.pid).children(recursive=True)
        assert len(children) >= 3
        demo.send_signal(number)
        rest, _ = demo.communicate(timeout=30)
        assert demo.returncode != 0
        assert "Traceback" not in rest
        _, alive = psutil.wait_procs(children, timeout=10)
        assert not alive
        assert not list(tmp_path.glob("*demo*"))
    finally:
        demo.kill()
        demo.wait()


@pytest.mark.parametrize(
    ("arguments", "piece"),
    [
        (("--minutes", "1", "--speed", "60"), "a run takes 15 s at least"),
        (("--carrier", "pigeon"), "pigeon"),
        (("--speed", "0"), "above 0"),
    ],
)
def test_wrong_usage_is_said_in_a_line_and_exit_code_2(arguments: tuple[str, ...], piece: str) -> None:
    done = subprocess.run((*COMMAND, *arguments), capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert piece in done.stderr
    assert "Traceback" not in done.stderr


def test_folder_to_keep_must_be_new(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious", encoding="ascii")
    done = subprocess.run(
        (*COMMAND, "--keep", str(tmp_path)), capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 1
    assert "is not empty" in done.stderr
    assert (tmp_path / "mine").read_text(encoding="ascii") == "precious"
