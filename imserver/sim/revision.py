"""Which code a result is of."""

import subprocess
from pathlib import Path

#: What a result depends on, from the root of the checkout.
_PRODUCT = ("--", ":/imserver", ":/sdk", ":/protocol")


def commit() -> str:
    """The commit this code is at, as far as git can tell, and whether the code has been changed since."""
    found = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", *_PRODUCT)
    return f"{found or 'unknown'}{' and changes' if changed else ''}"


def _git(*arguments: str) -> str:
    try:
        found = subprocess.run(  # noqa: S603 - only what stands above
            ("git", *arguments),  # noqa: S607 - git from the path, as the user has it
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return ""
    return found.stdout.strip()
