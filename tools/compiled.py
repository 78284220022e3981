"""Compile the hot rooms to C with mypyc: the same sources, the same behaviour, less CPU.

Writes build/compiled: a copy of the packages with extension modules beside their sources. Put that folder first
on PYTHONPATH to run from it. Needs a C compiler and Python's headers; about a minute.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "build" / "compiled"
#: By package: the modules that are not compiled. Those with content types, because mypyc takes a dataclass's
#: ClassVar for a field; questions, because it hides class attributes; limits, because pydantic looks into them.
HOT = {
    "improtocol": ("protocol", r"__init__|content|media_content|card|questions|queries|answers"),
    "imserver/core": ("", r"__init__|limits|answers|tokens|groups"),
    "imserver/gateway": ("", r"__init__|limits|gateway|websocket"),
    "imserver/storage": (
        "",
        r"(?!(model|appending|outcomes|digests|erasing)$).*",
    ),
}


def modules() -> list[str]:
    """The files to compile, relative to the target folder."""
    found = []
    for package, (folder, left_out) in HOT.items():
        for path in sorted((ROOT / folder / package).glob("*.py")):
            if not re.fullmatch(left_out, path.stem):
                found.append(f"{package}/{path.name}")
    return found


def main() -> None:
    """Copy, compile, say where the result is."""
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir(parents=True)
    ignore = shutil.ignore_patterns("__pycache__", "*.so")
    for source, name in (("imserver", "imserver"), ("sdk/imsdk", "imsdk"), ("protocol/improtocol", "improtocol")):
        shutil.copytree(ROOT / source, TARGET / name, ignore=ignore)
    script = (
        "import sys; from setuptools import setup; from mypyc.build import mypycify; "
        "setup(name='imserver', packages=[], script_args=['-q', 'build_ext', '--inplace'],"
        " ext_modules=mypycify(['--config-file', '', '--python-version', '3.11', *sys.argv[1:]], opt_level='3'))"
    )
    env = {**os.environ, "MYPYPATH": str(TARGET), "PYTHONPATH": "", "CFLAGS": "-w"}
    subprocess.run([sys.executable, "-c", script, *modules()], cwd=TARGET, env=env, check=True)
    shutil.rmtree(TARGET / "build")
    print(f"compiled {len(modules())} modules into {TARGET}")


if __name__ == "__main__":
    main()
