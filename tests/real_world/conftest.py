"""What takes minutes, or a machine that lets us, runs by `make real-world` only."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HEAVY = os.environ.get("REAL_WORLD") == "all"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "heavy: runs by `make real-world` only")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("heavy") and not HEAVY:
            item.add_marker(pytest.mark.skip(reason="heavy: run it by `make real-world`"))


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """A command of the system; its result, whatever it is."""
    return subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MiB, skipped loudly where we may not mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    made = run("mount", "-t", "tmpfs", "-o", "size=6m,mode=700", "tmpfs", str(folder))
    if made.returncode:
        pytest.skip(f"NOT TESTED, a full disk: cannot mount a small tmpfs here ({made.stderr.strip()})")
    yield folder
    gone = run("umount", str(folder))
    assert gone.returncode == 0, gone.stderr


@pytest.fixture
def network() -> Iterator[str]:
    """A network namespace behind a veth pair, skipped loudly where we may not make one. Nothing leaves it."""
    name = f"im{os.getpid()}"
    if sys.platform != "linux" or not shutil.which("ip") or not shutil.which("tc"):
        pytest.skip("NOT TESTED, a lossy network: this machine has no `ip` and `tc`")
    steps = [
        ("ip", "netns", "add", name),
        ("ip", "link", "add", f"{name}a", "type", "veth", "peer", "name", f"{name}b", "netns", name),
        ("ip", "addr", "add", "198.18.77.1/30", "dev", f"{name}a"),
        ("ip", "link", "set", f"{name}a", "up"),
        ("ip", "-n", name, "addr", "add", "198.18.77.2/30", "dev", f"{name}b"),
        ("ip", "-n", name, "link", "set", f"{name}b", "up"),
        ("ip", "-n", name, "link", "set", "lo", "up"),
    ]
    try:
        for step in steps:
            made = run(*step)
            if made.returncode:
                pytest.skip(f"NOT TESTED, a lossy network: {' '.join(step)}: {made.stderr.strip()}")
        yield name
    finally:
        run("ip", "link", "del", f"{name}a")
        run("ip", "netns", "del", name)


def impair(network: str, *netem: str) -> None:
    """Shape both directions, or skip loudly where the kernel has no netem."""
    for where in ((f"{network}a", ()), (f"{network}b", ("-n", network))):
        device, inside = where
        made = run("tc", *inside, "qdisc", "replace", "dev", device, "root", "netem", *netem)
        if made.returncode:
            pytest.skip(f"NOT TESTED, a lossy network: no netem in this kernel ({made.stderr.strip()})")
