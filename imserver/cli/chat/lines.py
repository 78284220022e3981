"""How messages and changes look in a terminal."""

from datetime import datetime
from typing import Final

from rich.text import Text

import imsdk
from improtocol import Kind

__all__ = ["change_line", "clean", "message_line", "note"]

_VERBS: Final = {Kind.EDITED: "edited", Kind.RECALLED: "recalled", Kind.REACTED: "reacted to"}


def clean(text: str) -> str:
    """`text` without what could command a terminal or turn its writing direction: others wrote it."""
    return "".join(c if c.isprintable() or c in "\n\u200d" else "�" for c in text).replace("\n", "\n    ")


def note(text: str, style: str = "bright_black") -> Text:
    """A line of the program's own."""
    return Text(f"  {text}", style=style)


def message_line(message: imsdk.Message, *, where: str = "") -> Text:
    """A message: time, number, sender, what it shows."""
    # The user's own clock zone is what a reader expects.
    at = datetime.fromtimestamp(message.at_ms / 1000).astimezone().strftime("%H:%M")
    line = Text(f"{at} ", style="bright_black")
    if where:
        line.append(f"({clean(where)}) ", style="bright_black")
    line.append(f"#{message.seq} ", style="bright_black")
    if not isinstance(message.content, imsdk.Gap):
        who = "you" if message.own else clean(message.sender)
        line.append(f"{who}: ", style="green" if message.own else "cyan")
    if message.reply_to is not None:
        line.append(f"↩#{message.reply_to} ", style="bright_black")
    line.append(clean(_shown(message.content)), style="italic" if message.recalled else "")
    if message.edited_ms and not message.recalled:
        line.append(" (edited)", style="bright_black")
    for emoji, users in message.reactions.items():
        line.append(f"  {clean(emoji)} {len(users)}", style="magenta")
    if message.own:
        line.append(" ✓", style="bright_black")
    return line


def change_line(change: imsdk.Change, message: imsdk.Message | None, *, own_user: str) -> Text | None:
    """A change worth a line of its own; None for the others."""
    match change:
        case imsdk.MessageChanged(kind=kind, seq=seq, user=user) if user != own_user:
            line = note(f"{clean(user)} {_VERBS.get(kind, 'changed')} #{seq}")
            if message is not None:
                line.append("\n")
                line.append_text(message_line(message))
            return line
        case imsdk.ReadUpTo(user=user, seq=seq) if user != own_user:
            return note(f"✓✓ {clean(user)} has read up to #{seq}", "blue")
        case imsdk.DeliveredUpTo(user=user, seq=seq) if user != own_user:
            return note(f"✓✓ delivered to {clean(user)} up to #{seq}")
        case imsdk.PresenceChanged(user=user, there=there):
            return note(f"{clean(user)} {'is here' if there else 'has gone'}")
        case imsdk.MembersChanged(users=users, kind=kind):
            return note(f"{', '.join(map(clean, users))}: {kind.name.lower()}")
        case _:
            return None


def _shown(content: imsdk.Shown) -> str:
    match content:
        case imsdk.Text():
            return content.text
        case imsdk.Image():
            return f"[picture {content.name} {content.width}×{content.height}, {_size(content.media)}]"
        case imsdk.Location():
            return f"[location {content.latitude:.5f}, {content.longitude:.5f} {content.name}]"
        case imsdk.Voice():
            return f"[voice {content.duration_ms / 1000:.1f} s, {_size(content.media)}]"
        case imsdk.Video():
            return f"[video {content.duration_ms / 1000:.1f} s, {_size(content.media)}]"
        case imsdk.File():
            return f"[file {content.name}, {_size(content.media)}]"
        case imsdk.Sticker():
            return f"[sticker {content.pack}/{content.name}]"
        case imsdk.Card():
            buttons = "".join(f" <{button.label}>" for button in content.buttons)
            return f"[{content.kind} {content.title} {content.price}] {content.text}{buttons}"
        case imsdk.Custom():
            return f"[{content.kind}] {content.data!r}"
        case imsdk.Notice():
            return f"— {content.text} —"
        case imsdk.Gap():
            return f"[#{content.first} to #{content.last} are not here; /history asks the server]"
        case imsdk.Recalled():
            return "(recalled)"
        case _:
            return "(not supported by this version)"


def _size(media: imsdk.Media) -> str:
    return f"{media.size / 1024:,.0f} KiB" if media.size >= 1024 else f"{media.size} B"
