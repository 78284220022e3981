"""What is known at any moment: two screens, the link, the news. Views draw it, incidents wait for it."""

import math
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import trio

from imserver.demo.dialogue import PEOPLE
from imserver.demo.link import Link

__all__ = ["Board", "Bubble", "Event", "Resume", "Screen"]

Event: TypeAlias = dict[str, Any]

_BUBBLES_MAX: Final = 60
_NEWS_MAX: Final = 12
_TYPING_S: Final = 1.5


@dataclass(slots=True)
class Bubble:
    """A message on a screen. `mark` of an own one: "…" queued, "✓" durable, "✓✓" delivered."""

    key: str
    line: str
    own: bool
    seq: int = 0
    mark: str = ""
    read: bool = False
    reactions: str = ""


@dataclass(slots=True, kw_only=True)
class Resume:
    """One resume as its app reports it; times on the machine's monotonic clock."""

    started_at: float
    consistent_at: float
    new_session: bool
    bytes_in: int
    bytes_out: int
    round_trips: int
    missed: int


@dataclass(slots=True)
class Screen:
    """One person's app."""

    user: str
    state: str = "off"
    bubbles: deque[Bubble] = field(default_factory=lambda: deque(maxlen=_BUBBLES_MAX))
    typing_until: float = 0.0
    delivered: int = 0
    read: int = 0
    known: set[str] = field(default_factory=set)
    resumes: list[Resume] = field(default_factory=list)
    skipped: list[Event] = field(default_factory=list)
    report: Event | None = None
    final: bool = False
    count: Counter[str] = field(default_factory=Counter)

    @property
    def typing(self) -> bool:
        """The other one types."""
        return time.monotonic() < self.typing_until

    def sort(self) -> None:
        """Numbered messages in the conversation's order, then those that have no number yet."""
        rows = sorted(self.bubbles, key=lambda bubble: bubble.seq or math.inf)
        self.bubbles.clear()
        self.bubbles.extend(rows)

    def find(self, key: str) -> Bubble | None:
        """The newest bubble of a message."""
        return next((bubble for bubble in reversed(self.bubbles) if bubble.key == key), None)


class Board:
    """Takes the apps' events and the stage's news; `tell` is called with each line worth saying."""

    def __init__(self, tell: Callable[[float, str, str], None]) -> None:
        """A board at the start; `tell` gets (seconds since then, who, what)."""
        self.began_at = time.monotonic()
        self.screens = {user: Screen(user) for user in PEOPLE}
        self.news: deque[tuple[float, str]] = deque(maxlen=_NEWS_MAX)
        self.network = "Wi-Fi"
        self.server = "starting"
        self.outages = 0
        self.link: Link | None = None
        self._tell = tell
        self._changed = trio.Event()

    @property
    def elapsed_s(self) -> float:
        """Since the start."""
        return time.monotonic() - self.began_at

    @property
    def held(self) -> frozenset[str]:
        """Why the phone's bytes wait at the moment."""
        return frozenset() if self.link is None else self.link.held

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Return once `condition` holds; it is looked at after every event."""
        while not condition():
            await self._changed.wait()

    def touch(self) -> None:
        """Something has changed that is not an event."""
        self._changed.set()
        self._changed = trio.Event()

    def announce(self, what: str) -> None:
        """News of the stage: an incident begins or ends."""
        self.news.append((self.elapsed_s, what))
        self._tell(self.elapsed_s, "", what)
        self.touch()

    def take(self, user: str, event: Event) -> None:
        """An app's event."""
        screen = self.screens[user]
        screen.count[event["event"]] += 1
        handler = getattr(self, f"_on_{event['event']}", None)
        if handler is not None:
            handler(screen, event)
        self.touch()

    # Events -----------------------------------------------------------------------------------------

    def _on_opened(self, screen: Screen, _: Event) -> None:
        screen.bubbles.clear()

    def _on_state(self, screen: Screen, event: Event) -> None:
        before, screen.state = screen.state, event["phase"]
        if screen.state == "waiting":
            screen.state = f"no connection, next try in {event['retry_s']} s"
        if before != screen.state:
            self._tell(self.elapsed_s, screen.user, f"({screen.state})")

    def _on_shown(self, screen: Screen, event: Event) -> None:
        self._put(screen, event, event["own"])

    def _on_sent(self, screen: Screen, event: Event) -> None:
        if event["act"] == "send":
            screen.bubbles.append(Bubble(event["key"], event["kind"], own=True, mark="…"))

    def _on_acked(self, screen: Screen, event: Event) -> None:
        screen.known.add(event["key"])
        bubble = screen.find(event["key"])
        if bubble is not None:
            bubble.seq = event["seq"]
            screen.sort()
            self._mark(screen, bubble)

    def _on_message(self, screen: Screen, event: Event) -> None:
        self._put(screen, event, event["own"])
        screen.typing_until = 0.0
        if not event["own"]:
            self._tell(self.elapsed_s, screen.user, f"← {event['line']}")

    def _on_changed(self, screen: Screen, event: Event) -> None:
        bubble = next((bubble for bubble in screen.bubbles if bubble.seq == event["seq"]), None)
        if bubble is not None:
            bubble.line = event["line"]
            bubble.reactions = " ".join(event["reactions"])

    def _on_delivered(self, screen: Screen, event: Event) -> None:
        screen.delivered = max(screen.delivered, event["seq"])
        self._mark_all(screen)

    def _on_read(self, screen: Screen, event: Event) -> None:
        if event["user"] != screen.user:
            screen.read = max(screen.read, event["seq"])
            self._mark_all(screen)

    def _on_typing(self, screen: Screen, event: Event) -> None:
        screen.typing_until = time.monotonic() + _TYPING_S if event["typing"] else 0.0

    def _on_resumed(self, screen: Screen, event: Event) -> None:
        facts = {key: value for key, value in event.items() if key not in {"event", "at"}}
        screen.resumes.append(Resume(**facts))

    def _on_skipped(self, screen: Screen, event: Event) -> None:
        screen.skipped.append(event["order"])

    def _on_refused(self, screen: Screen, event: Event) -> None:
        self.announce(f"{screen.user}: refused: {event['reason']}")

    def _on_report(self, screen: Screen, event: Event) -> None:
        screen.report = event

    def _on_final(self, screen: Screen, _: Event) -> None:
        screen.final = True

    def _put(self, screen: Screen, event: Event, own: bool) -> None:
        screen.known.add(event["key"])
        bubble = screen.find(event["key"])
        if bubble is None:
            bubble = Bubble(event["key"], event["line"], own=own)
            screen.bubbles.append(bubble)
        bubble.line, bubble.seq = event["line"], event["seq"]
        screen.sort()
        if own:
            self._mark(screen, bubble)

    def _mark_all(self, screen: Screen) -> None:
        for bubble in screen.bubbles:
            if bubble.own and bubble.seq:
                self._mark(screen, bubble)

    def _mark(self, screen: Screen, bubble: Bubble) -> None:
        bubble.read = bubble.seq <= screen.read
        bubble.mark = "✓✓" if bubble.seq <= max(screen.delivered, screen.read) else "✓"
