"""Writes the golden frames: `python -m protocol.vectors.generate`, after a change that was meant."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from improtocol import pack_body
from improtocol.digest import entry_digest, entry_term, sum_terms
from protocol.vectors import breaches, dialogues, query_dialogues, resync_dialogues, samples
from protocol.vectors.recorder import Dialogue, plain

HERE = Path(__file__).parent
DIGESTED = samples.ENTRIES + samples.ERASED + samples.FORGOTTEN


def recorded(found: Iterable[Dialogue]) -> list[dict[str, Any]]:
    """Dialogues as JSON."""
    return [dialogue.as_json() for dialogue in found]


def bodies() -> list[dict[str, Any]]:
    """Every content as the bytes of its body, which are also what a digest or a store sees."""
    return [
        {"name": name, "hex": pack_body(body).hex(), "values": plain(body.to_value()), "body": plain(body)}
        for name, body in samples.BODIES.items()
    ]


def digests() -> list[dict[str, Any]]:
    """Entries with their digests, terms, and the sum of the terms so far."""
    return [
        {
            "entry": plain(entry),
            "digest": entry_digest(entry),
            "term": entry_term(entry),
            "sum": sum_terms(DIGESTED[: number + 1]),
        }
        for number, entry in enumerate(DIGESTED)
    ]


def files() -> dict[str, str]:
    """The text of each file of golden frames."""
    found: dict[str, list[dict[str, Any]]] = {
        "handshakes.json": recorded(dialogues.handshakes()),
        "proofs.json": recorded(dialogues.proofs()),
        "resyncs.json": recorded(resync_dialogues.resyncs()),
        "commands.json": recorded(dialogues.commands()),
        "events.json": recorded(dialogues.events()),
        "queries.json": recorded(query_dialogues.queries()),
        "bodies.json": bodies(),
        "digests.json": digests(),
        "broken_framing.json": recorded(breaches.of_framing()),
        "broken_states.json": recorded(breaches.of_states()),
        "broken_fields.json": recorded(breaches.of_fields()),
    }
    return {name: json.dumps(content, ensure_ascii=False, indent=1) + "\n" for name, content in found.items()}


def main() -> None:
    """Write them all."""
    for name, text in files().items():
        (HERE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
