"""Writes the generated parts of SPEC.md and the state diagram in docs/: `python -m protocol.spec`."""

import inspect
import re
from pathlib import Path
from typing import Final

from improtocol import TRANSITIONS, Code, State, action_of, limits

SPEC: Final = Path(__file__).parent / "SPEC.md"
DIAGRAM: Final = Path(__file__).parent.parent / "docs" / "protocol-states.mmd"


def states() -> str:
    """The table of states as a mermaid diagram."""
    lines = ["stateDiagram-v2", "    [*] --> NEW"]
    for state in State:
        labels: dict[State, dict[str, list[str]]] = {}
        for (side, frame), following in TRANSITIONS[state].items():
            said = labels.setdefault(following, {})
            said.setdefault(side.name.lower(), []).append(frame.__name__.upper())
        for following, said in labels.items():
            label = " / ".join(f"{side} {', '.join(names)}" for side, names in said.items())
            lines.append(f"    {state.name} --> {following.name}: {label}")
    lines.append("    CLOSED --> [*]")
    return "\n".join(lines) + "\n"


def codes() -> str:
    """The codes with what they ask for."""
    comments = dict(re.findall(r"^    (\w+) = \d+  #: (.*)$", inspect.getsource(Code), re.MULTILINE))
    rows = [
        f"| {code.value} | {code.name} | {action_of(code).name} | {comments[code.name]} |" for code in Code
    ]
    return "\n".join(["| code | name | next | meaning |", "|---|---|---|---|", *rows]) + "\n"


def numbers() -> str:
    """The limits with their comments."""
    rows, comment = ["| limit | value | meaning |", "|---|---|---|"], ""
    for line in inspect.getsource(limits).splitlines():
        if line.startswith("#: "):
            comment = f"{comment} {line[3:]}".strip()
        elif match := re.match(r"([A-Z_]+): Final = ", line):
            value = getattr(limits, match[1])
            shown = "2^53 - 1" if match[1] == "INT_MAX" else f"{value:,}"
            rows.append(f"| {match[1]} | {shown} | {comment} |")
            comment = ""
        else:
            comment = ""
    return "\n".join(rows) + "\n"


def with_generated(text: str) -> str:
    """SPEC.md's text with the parts between its markers made anew."""
    parts = {"states": f"```mermaid\n{states()}```\n", "codes": codes(), "limits": numbers()}
    for name, part in parts.items():
        pattern = rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)"
        text, count = re.subn(
            pattern, lambda match, part=part: match[1] + part + match[2], text, flags=re.DOTALL
        )
        assert count == 1, f"SPEC.md must have one place for {name}"
    return text


def main() -> None:
    """Write both files."""
    SPEC.write_text(with_generated(SPEC.read_text(encoding="utf-8")), encoding="utf-8")
    DIAGRAM.write_text(states(), encoding="utf-8")


if __name__ == "__main__":
    main()
