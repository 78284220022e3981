"""Compile the server's hot modules to C with mypyc: the same sources, less CPU (docs/performance.md).

Writes build/compiled, a copy of the packages with extension modules beside their sources. Put that folder
first on PYTHONPATH to run from it. Needs a C compiler and Python's headers, and about a minute.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parent.parent
_TARGET: Final = _ROOT / "build" / "compiled"
_PACKAGES: Final = {"imserver": "imserver", "imsdk": "sdk/imsdk", "improtocol": "protocol/improtocol"}
#: Modules that are compiled, by folder, as patterns of their names. Not those whose classes check what they
#: are built with: compiled, a wrong type is a TypeError before the check can say what is wrong. Not limits:
#: pydantic and the tests look into them.
_HOT: Final = {
    "improtocol": r"\w+_codec|connection|counters|digest|fields|framing|layouts|state|steps|trusted|values",
    "imserver/core": r"(?!__init__$|answers$|groups$|limits$|tokens$)\w+",
    "imserver/gateway": "deadlines|link|poller|pump|wheel|wire",
    "imserver/storage": "appending|digests|ends|erasing|journal|model|outcomes",
}
_BUILD: Final = """
import sys
from mypyc.build import mypycify
from setuptools import setup
options = ["--config-file", "", "--python-version", "3.11"]
modules = mypycify([*options, *sys.argv[1:]], opt_level="3")
setup(name="imserver", packages=[], ext_modules=modules, script_args=["-q", "build_ext", "--inplace"])
"""


def hot_modules() -> list[str]:
    """The files to compile, relative to the target folder."""
    return [
        f"{folder}/{path.name}"
        for folder, names in _HOT.items()
        for path in sorted((_TARGET / folder).glob("*.py"))
        if re.fullmatch(names, path.stem)
    ]


def main() -> None:
    """Copy, compile, and say where the result is."""
    shutil.rmtree(_TARGET, ignore_errors=True)
    for name, source in _PACKAGES.items():
        shutil.copytree(_ROOT / source, _TARGET / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    modules = hot_modules()
    env = {**os.environ, "MYPYPATH": str(_TARGET), "PYTHONPATH": "", "CFLAGS": "-w"}
    log = _TARGET.parent / "compiled.log"
    print(f"compiling {len(modules)} modules (about a minute)", flush=True)
    with log.open("wb") as out:
        done = subprocess.run(
            [sys.executable, "-c", _BUILD, *modules],
            cwd=_TARGET,
            env=env,
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        shutil.rmtree(_TARGET)
        sys.exit(f"{log.read_text()[-2000:]}\nnot compiled; is there a C compiler, with Python's headers?")
    shutil.rmtree(_TARGET / "build", ignore_errors=True)
    print(f"done; run it with: PYTHONPATH={_TARGET.relative_to(_ROOT)} .venv/bin/imserver serve")


if __name__ == "__main__":
    main()
