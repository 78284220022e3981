"""Compares what was promised with what came: the contract, checked from two journals.

Only the journals count, written by the apps around each call of the SDK: what the SDK promised ("sent"),
what it said the server had promised ("acked"), and what it gave ("got"). Nothing here asks SDK or server.
"""

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from imserver.demo.journal import Entry

__all__ = ["Kinds", "Verdict", "check"]

_SHOWN = 5


@dataclass(slots=True)
class Kinds:
    """Of one kind of content or act: promised to senders, promised by the server, arrived."""

    sent: int = 0
    acked: int = 0
    delivered: int = 0


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What a run came to. Every list holds sentences; all of them empty is the contract kept.

    Attributes:
        kinds: by content kind, then the acts.
        lost: promised, but not there.
        duplicated: there more than once.
        out_of_order: there in another order than sent, or than the sequence numbers.
        phantom: there, but nobody sent it.
        unequal: media whose bytes differ from what was sent, or never came.
        diverged: on what the two sides do not agree in the end.
        refused: permanent refusals; an honest dialogue has none.
        unresolved: promised to the sender, and no word from the server in the end.
        unpromised: delivered, though the app was killed before the SDK could promise it; allowed.
        replayed: given to the app a second time after it was killed before it was done; allowed.
        media: blobs equal by SHA-256 on both sides.
    """

    kinds: dict[str, Kinds] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)
    phantom: list[str] = field(default_factory=list)
    unequal: list[str] = field(default_factory=list)
    diverged: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    unresolved: list[str] = field(default_factory=list)
    unpromised: int = 0
    replayed: int = 0
    media: int = 0
    sent: int = 0
    acked: int = 0
    delivered: int = 0

    @property
    def broken(self) -> dict[str, list[str]]:
        """The lists that are not empty, shortened."""
        names = (
            "lost",
            "duplicated",
            "out_of_order",
            "phantom",
            "unequal",
            "diverged",
            "refused",
            "unresolved",
        )
        return {name: found[:_SHOWN] for name in names if (found := getattr(self, name))}


def check(journals: Mapping[str, Sequence[Entry]]) -> Verdict:
    """Judge the journals of two users, by user."""
    verdict = Verdict()
    (first, second) = journals
    for sender, receiver in ((first, second), (second, first)):
        _check_way(verdict, sender, journals[sender], receiver, journals[receiver])
    _check_end(verdict, journals)
    return verdict


def _check_way(
    verdict: Verdict, sender: str, ours: Sequence[Entry], receiver: str, theirs: Sequence[Entry]
) -> None:
    intents = {e["key"]: e for e in ours if e["what"] == "intent"}
    sent = {e["key"]: e for e in ours if e["what"] == "sent"}
    acked = {e["key"]: e["seq"] for e in ours if e["what"] == "acked"}
    refused = {e["key"] for e in ours if e["what"] == "refused"}
    given = [e for e in theirs if e["what"] == "got" and e["sender"] == sender]
    got = _once(verdict, receiver, _as_sent(given, intents, acked))
    arrived = {e["key"] for e in got}
    verdict.refused += [f"{sender}: {e['reason']}" for e in ours if e["what"] == "refused"]
    verdict.lost += [f"{receiver}: gap {e['first']}..{e['last']}" for e in theirs if e["what"] == "gap"]
    for key, entry in sent.items():
        kinds = verdict.kinds.setdefault(entry["kind"], Kinds())
        kinds.sent += 1
        kinds.acked += key in acked
        kinds.delivered += key in arrived
        if key not in acked and key not in refused:
            verdict.unresolved.append(f"{sender}: {entry['kind']} {key[:12]}")
        if entry["act"] == "send" and key not in arrived and key not in refused:
            verdict.lost.append(f"{sender} → {receiver}: {entry['kind']} {key[:12]}")
    _count_answers(verdict, {key: intents[key] for key in sent}, acked, arrived)
    messages = {key for key, entry in intents.items() if entry["act"] == "send"}
    verdict.phantom += [f"{receiver} got {e['line']!r}" for e in got if e["key"] not in messages]
    verdict.sent += sum(entry["act"] == "send" for entry in sent.values())
    verdict.acked += sum(key in acked for key in sent if key in messages)
    verdict.delivered += len(arrived & messages & sent.keys())
    verdict.unpromised += len((arrived & messages) - sent.keys())
    _check_order(verdict, f"{sender} → {receiver}", got, list(intents))
    _check_seqs(verdict, sender, got, acked)
    _check_media(verdict, f"{sender} → {receiver}", got, theirs)


def _count_answers(
    verdict: Verdict, intents: Mapping[str, Entry], acked: Mapping[str, int], arrived: Container[str]
) -> None:
    """A reply and a mention are kinds of their own, on top of the content's."""
    for key, entry in intents.items():
        for kind in ("reply", "mention"):
            if entry.get(kind):
                kinds = verdict.kinds.setdefault(kind, Kinds())
                kinds.sent += 1
                kinds.acked += key in acked
                kinds.delivered += key in arrived


def _as_sent(got: Iterable[Entry], intents: Mapping[str, Entry], acked: Mapping[str, int]) -> list[Entry]:
    """Who was away during an edit or a recall got the message as it stands: known by its number."""
    changed = {key.split(":", 2)[1] for key, entry in intents.items() if entry["act"] in {"edit", "recall"}}
    by_seq = {acked[key]: key for key in changed if key in acked}
    return [{**entry, "key": by_seq.get(entry["seq"], entry["key"])} for entry in got]


def _once(verdict: Verdict, receiver: str, got: Sequence[Entry]) -> list[Entry]:
    """What was given, without what was given again because the app had not said that it was done with it."""
    seen: dict[int, Entry] = {}
    keys: Counter[str] = Counter()
    for entry in got:
        before = seen.get(entry["position"])
        if before is None:
            keys[entry["key"]] += 1
            seen[entry["position"]] = entry
        elif before["key"] == entry["key"] and before["life"] < entry["life"]:
            verdict.replayed += 1
        else:
            verdict.duplicated.append(f"{receiver}: position {entry['position']} twice in one life")
        # A replayed line counts for the next life: it may not come a third time in that.
        seen[entry["position"]] = entry
    verdict.duplicated += [f"{receiver}: {key[:12]} ×{count}" for key, count in keys.items() if count > 1]
    return list(seen.values())


def _check_order(verdict: Verdict, way: str, got: Sequence[Entry], intents: Sequence[str]) -> None:
    place = {key: number for number, key in enumerate(intents)}
    by_position = sorted(got, key=lambda entry: entry["position"])
    for before, after in pairwise([entry for entry in by_position if entry["key"] in place]):
        if place[before["key"]] > place[after["key"]]:
            verdict.out_of_order.append(f"{way}: {after['line']!r} came after {before['line']!r}")
        elif before["seq"] >= after["seq"]:
            verdict.out_of_order.append(f"{way}: number {after['seq']} came after {before['seq']}")


def _check_seqs(verdict: Verdict, sender: str, got: Iterable[Entry], acked: Mapping[str, int]) -> None:
    for entry in got:
        promised = acked.get(entry["key"])
        if promised is not None and promised != entry["seq"]:
            verdict.diverged.append(
                f"{sender} was acked {promised} for what is {entry['seq']}: {entry['line']!r}"
            )


def _check_media(verdict: Verdict, way: str, got: Iterable[Entry], theirs: Iterable[Entry]) -> None:
    """The key of media is the SHA-256 of the bytes that were sent."""
    fetched = {e["key"]: e["sha256"] for e in theirs if e["what"] == "media"}
    for entry in got:
        if not entry["media"]:
            continue
        if fetched.get(entry["key"]) == entry["key"]:
            verdict.media += 1
        else:
            what = "other bytes" if entry["key"] in fetched else "never fetched"
            verdict.unequal.append(f"{way}: {entry['line']!r}: {what}")


def _check_end(verdict: Verdict, journals: Mapping[str, Sequence[Entry]]) -> None:
    """Both must see one conversation: the same messages under the same numbers, edited and recalled alike."""
    views = {}
    for user, entries in journals.items():
        stands = [entry for entry in entries if entry["what"] == "stands"]
        rows = {entry["seq"]: {k: v for k, v in entry.items() if k not in {"at", "life"}} for entry in stands}
        verdict.duplicated += [f"{user}: {key[:12]} in two places" for key in _twice(rows.values())]
        if not stands:
            verdict.diverged.append(f"{user} has no final state")
        views[user] = rows
    (first, ours), (second, theirs) = views.items()
    for seq in sorted(ours.keys() | theirs.keys()):
        if ours.get(seq) != theirs.get(seq):
            verdict.diverged.append(
                f"number {seq}: {first} has {ours.get(seq)}, {second} has {theirs.get(seq)}"
            )
    for user, entries in journals.items():
        _check_acts(verdict, user, entries, views)
    reads = [
        next((e["reads"] for e in reversed(j) if e["what"] == "members"), None) for j in journals.values()
    ]
    if reads[0] != reads[1]:
        verdict.diverged.append(f"read marks: {first} knows {reads[0]}, {second} knows {reads[1]}")


def _check_acts(
    verdict: Verdict, user: str, entries: Sequence[Entry], views: Mapping[str, Mapping[int, Entry]]
) -> None:
    """What was done to a message must show on both sides; a recall hides what was done before it."""
    seqs = {entry["key"]: entry["seq"] for entry in entries if entry["what"] in {"acked", "got"}}
    acts = {entry["key"]: entry for entry in entries if entry["what"] == "sent" and entry["act"] != "send"}
    for key, entry in acts.items():
        act, target, emoji = key.split(":", 2)
        if key not in seqs:
            continue
        rows = [view.get(seqs.get(target, 0)) for view in views.values()]
        if act == "read" or all(row is not None and _shows(row, act, emoji, user) for row in rows):
            verdict.kinds[entry["kind"]].delivered += 1
        else:
            verdict.lost.append(f"{user}: {act} of {target[:12]} does not show on both sides")


def _shows(row: Entry, act: str, emoji: str, user: str) -> bool:
    if act == "edit":
        return bool(row["edited"] or row["recalled"])
    if act == "react":
        return user in row["reactions"].get(emoji, ()) or bool(row["recalled"])
    return bool(row["recalled"])


def _twice(rows: Iterable[Entry]) -> list[str]:
    counts = Counter(row["key"] for row in rows if not row["recalled"])
    return [key for key, count in counts.items() if count > 1]
