"""Runs Autobahn's fuzzing client against the gateway's codec, and sums its report up.

    python -m tests.conformance.autobahn [WSTEST]

WSTEST is the program of `autobahntestsuite` (PyPI; Python 2.7 only). Without it this says so and ends.
"""

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

#: Without 12 and 13, which are about compression: it is not offered.
CASES = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*"]
_RUN_S_MAX = 1200


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def until_listening(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the echo server does not start")


def main(wstest: str | None) -> int:
    """Run and report; 1 if any case failed."""
    if wstest is None or shutil.which(wstest) is None:
        print("NOT RUN, Autobahn's fuzzing client: name `wstest` of autobahntestsuite (Python 2.7)")
        return 0
    port = free_port()
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen([sys.executable, "-m", "tests.conformance.echo", str(port)]) as echo,
    ):
        try:
            until_listening(port)
            spec = {
                "outdir": folder,
                "servers": [{"agent": "imserver", "url": f"ws://127.0.0.1:{port}"}],
                "cases": CASES,
                "exclude-cases": [],
                "exclude-agent-cases": {},
            }
            file = Path(folder) / "spec.json"
            file.write_text(json.dumps(spec))
            command = [wstest, "-m", "fuzzingclient", "-s", str(file)]
            subprocess.run(command, stdout=subprocess.DEVNULL, timeout=_RUN_S_MAX, check=True)
            results = json.loads((Path(folder) / "index.json").read_text())["imserver"]
        finally:
            echo.kill()
    counts = Counter(result["behavior"] for result in results.values())
    closes = Counter(result["behaviorClose"] for result in results.values())
    print(f"{len(results)} cases: {dict(counts)}; closing: {dict(closes)}")
    good = {"OK", "NON-STRICT", "INFORMATIONAL"}
    failed = [name for name, r in results.items() if {r["behavior"], r["behaviorClose"]} - good]
    print("failed: " + (", ".join(sorted(failed)) or "none"))
    return 1 if failed or not results else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1] if len(sys.argv) > 1 else None))
