"""What can be typed into the chat besides text: `/commands`."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import trio

import imsdk
from imserver.cli.chat.lines import message_line

if TYPE_CHECKING:
    from imserver.cli.chat.talk import Talk

__all__ = ["HELP", "BadOrder", "carry_out"]

HELP: Final = """\
/image PATH             send a picture            /file PATH    send any file
/voice PATH [SECONDS]   send a voice clip         /card TITLE [| TEXT [| PRICE]]
/location LAT LON [NAME]                          /sticker PACK NAME
/reply #N TEXT          answer message N          /edit [#N] TEXT    change your last message, or #N
/recall [#N]            take it back              /react [#N] EMOJI  react to the last message, or #N
/read                   say that you have read everything
/save #N [PATH]         download a picture, clip or file
/history [COUNT]        older messages            /chats   your conversations
/who                    who is here               /state   connection and traffic
/help                   this                      /quit    leave (Ctrl-D)
//text                  send text that begins with a slash"""

_PAGE_MAX: Final = 200


class BadOrder(Exception):
    """What was typed makes no sense; the text says what would."""


Handler: TypeAlias = Callable[["Talk", str], Awaitable[None]]


async def carry_out(talk: "Talk", line: str) -> bool:
    """Do what was typed; returns True when that was to leave.

    Raises:
        BadOrder, ValueError, OSError: it cannot be done; the text says why.
        ImError: the SDK's.
    """
    text = line.strip("\r\n")
    if not text.strip():
        return False
    if text.startswith("/") and not text.startswith("//"):
        word, _, rest = text[1:].partition(" ")
        if word in {"quit", "exit", "q"}:
            return True
        handler = _ORDERS.get(word)
        if handler is None:
            raise BadOrder(f"there is no /{word}; /help lists what there is")
        await handler(talk, rest.strip())
        return False
    talk.begin("your message", await talk.chat.send(imsdk.Text(text.removeprefix("/"))))
    # Who answers has read.
    await talk.chat.mark_read()
    return False


async def _image(talk: "Talk", rest: str) -> None:
    talk.begin("the picture", await talk.chat.send(imsdk.Image.from_file(_path(rest))))


async def _file(talk: "Talk", rest: str) -> None:
    talk.begin("the file", await talk.chat.send(imsdk.File.from_file(_path(rest))))


async def _voice(talk: "Talk", rest: str) -> None:
    name, _, seconds = rest.rpartition(" ")
    if name and re.fullmatch(r"\d+(\.\d+)?", seconds):
        draft = imsdk.Voice.from_file(_path(name), duration_ms=round(float(seconds) * 1000))
    else:
        draft = imsdk.Voice.from_file(_path(rest))
    talk.begin("the voice clip", await talk.chat.send(draft))


async def _location(talk: "Talk", rest: str) -> None:
    try:
        latitude, longitude, *name = rest.split(maxsplit=2)
        content = imsdk.Location(latitude=float(latitude), longitude=float(longitude), name="".join(name))
    except ValueError as error:
        raise BadOrder(f"say: /location 31.2304 121.4737 [NAME]  ({error})") from None
    talk.begin("the location", await talk.chat.send(content))


async def _card(talk: "Talk", rest: str) -> None:
    if not rest:
        raise BadOrder("say: /card TITLE | TEXT | PRICE")
    title, text, price, *_ = [part.strip() for part in rest.split("|")] + ["", ""]
    content = imsdk.Card(title=title, text=text, price=price, kind="product" if price else "generic")
    talk.begin("the card", await talk.chat.send(content))


async def _sticker(talk: "Talk", rest: str) -> None:
    pack, _, name = rest.partition(" ")
    if not name:
        raise BadOrder("say: /sticker PACK NAME")
    talk.begin("the sticker", await talk.chat.send(imsdk.Sticker(pack=pack, name=name.strip())))


async def _reply(talk: "Talk", rest: str) -> None:
    seq, text = _number(rest)
    if not seq or not text:
        raise BadOrder("say: /reply #12 TEXT")
    talk.begin("your answer", await talk.chat.send(imsdk.Text(text), reply_to=seq))


async def _edit(talk: "Talk", rest: str) -> None:
    seq, text = _number(rest)
    if not text:
        raise BadOrder("say: /edit [#12] TEXT")
    talk.begin("the edit", await talk.chat.edit(seq or await _last(talk, own=True), text), is_message=False)


async def _recall(talk: "Talk", rest: str) -> None:
    seq, _ = _number(rest)
    talk.begin("the recall", await talk.chat.recall(seq or await _last(talk, own=True)), is_message=False)


async def _react(talk: "Talk", rest: str) -> None:
    seq, emoji = _number(rest)
    if not emoji:
        raise BadOrder("say: /react [#12] 👍")
    talk.begin(
        "the reaction", await talk.chat.react(seq or await _last(talk, own=False), emoji), is_message=False
    )


async def _read(talk: "Talk", _: str) -> None:
    sent = await talk.chat.mark_read()
    if sent is not None:
        talk.begin("the read mark", sent, is_message=False)


async def _save(talk: "Talk", rest: str) -> None:
    seq, name = _number(rest)
    await talk.chat.refresh()  # a message is downloaded by its conversation's id, which may be new
    message = await talk.chat.message(seq) if seq else None
    if message is None:
        raise BadOrder("say: /save #12 [PATH], with the number of a message that has a picture, clip or file")
    cached = await talk.im.download(message)
    # A name that a stranger has chosen does not choose where it goes.
    given = Path(getattr(message.content, "name", "") or f"{seq}").name
    target = _path(name or given)
    await trio.to_thread.run_sync(_copy, cached, target)
    talk.say(f"saved as {target}")


async def _history(talk: "Talk", rest: str) -> None:
    if rest and not rest.isdecimal():
        raise BadOrder("say: /history [COUNT]")
    count = min(int(rest or 50), _PAGE_MAX)
    page = await talk.chat.history(limit=max(1, count))
    for message in page.messages:
        talk.terminal.show(message_line(message))
    if page.offline:
        talk.say("(only what is here: the server cannot be reached)")


async def _chats(talk: "Talk", _: str) -> None:
    for chat in await talk.im.conversations():
        unread = f", {chat.unread} unread" if chat.unread else ""
        talk.say(f"{chat.title or chat.peer or chat.id}: {chat.head} messages{unread}", "")


async def _who(talk: "Talk", _: str) -> None:
    there = await talk.im.presence(talk.chat.peer)
    if not there:
        talk.say(f"nothing is known of {talk.chat.peer} before the first message")
    for user, (present, _seen_ms) in there.items():
        talk.say(f"{user} is {'here' if present else 'away'}", "")
    for member in await talk.chat.members():
        talk.say(f"{member.user}: {member.role.name.lower()}, has read up to #{member.read}")


async def _state(talk: "Talk", _: str) -> None:
    numbers, state = talk.im.statistics(), talk.im.state
    talk.say(f"{talk.im.user or '?'}: {state.phase.value} {state.reason}".rstrip(), "")
    talk.say(f"{numbers.bytes_in} B in, {numbers.bytes_out} B out, {numbers.dials} connections")
    for resume in list(numbers.resumes)[-3:]:
        took = "not yet" if resume.consistent_s is None else f"{resume.consistent_s * 1000:.0f} ms"
        kind = "login" if resume.new_session else "resume"
        talk.say(
            f"{kind}: {took}, {resume.missed_events} missed, {resume.bytes_in} B in, {resume.bytes_out} B out"
        )


async def _help(talk: "Talk", _: str) -> None:
    for line in HELP.splitlines():
        talk.say(line, "")


def _copy(source: Path, target: Path) -> None:
    with target.open("xb") as file:
        file.write(source.read_bytes())


def _path(text: str) -> Path:
    if not text:
        raise BadOrder("say which file")
    return Path(text.strip("'\"")).expanduser()


def _number(text: str) -> tuple[int, str]:
    """A leading #N, or 0, and the rest."""
    found = re.match(r"#(\d{1,15})\b\s*(.*)", text, re.DOTALL)
    return (int(found[1]), found[2]) if found else (0, text)


async def _last(talk: "Talk", *, own: bool) -> int:
    """The number of the newest message of one's own, or of the others."""
    page = await talk.chat.history(limit=_PAGE_MAX)
    for message in reversed(page.messages):
        if message.own is own and not message.recalled:
            return message.seq
    raise BadOrder("there is no such message; name one: #12")


_ORDERS: Final[dict[str, Handler]] = {
    "image": _image,
    "file": _file,
    "voice": _voice,
    "location": _location,
    "card": _card,
    "sticker": _sticker,
    "reply": _reply,
    "edit": _edit,
    "recall": _recall,
    "react": _react,
    "read": _read,
    "save": _save,
    "history": _history,
    "chats": _chats,
    "who": _who,
    "state": _state,
    "help": _help,
}
