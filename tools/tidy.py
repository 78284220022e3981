"""Checks the sizes that the house style allows: files under 300 lines, functions under 70.

Prints one line per breach and exits 1 if there was any.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

FILE_LINES_MAX = 299
FUNCTION_LINES_MAX = 69
ROOTS = ("benchmarks", "imserver", "protocol", "sdk", "tests", "tools")


def breaches(path: Path) -> Iterator[str]:
    """Yield what is too long in one Python file, as `path:line: complaint`."""
    source = path.read_text(encoding="utf-8")
    lines = source.count("\n")
    if lines > FILE_LINES_MAX:
        yield f"{path}:1: file has {lines} lines, {FILE_LINES_MAX} at most"
    for node in ast.walk(ast.parse(source, filename=str(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                yield f"{path}:{node.lineno}: {node.name} has {lines} lines, {FUNCTION_LINES_MAX} at most"


def main() -> int:
    """Check every Python file of the project; return the exit code."""
    root = Path(__file__).parent.parent
    files = [path for folder in ROOTS for path in sorted((root / folder).rglob("*.py"))]
    found = [breach for path in files for breach in breaches(path.relative_to(Path.cwd()))]
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
