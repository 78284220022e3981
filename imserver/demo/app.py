"""One app of the demo: does on the SDK what it is told, tells what happens, keeps the journal."""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

import trio

import imsdk
from imsdk.drafts import MediaDraft
from imserver.demo.contents import build, key_of, line_of
from imserver.demo.journal import Journal, read_journal

__all__ = ["App", "Emit", "Order"]

#: What the stage tells an app, and what an app tells the stage; see `App.obey` and the calls of `emit`.
Order: TypeAlias = dict[str, Any]
Emit: TypeAlias = Callable[..., None]

#: How often the SDK's list of resumes is looked at; their times come from the SDK, so this is no measure.
_LOOK_S: Final = 0.05
_PAGE: Final = 200


class App:
    """A user at a phone or desk, in conversation with `peer`.

    The journal has a line *before* each call of the SDK ("intent"), one when the call has promised ("sent"),
    one when the server has ("acked"), and one for each message given to the app ("got"), before the SDK hears
    that the app is done with it. So whatever kills this process, the journal never promises too much.
    """

    def __init__(self, im: imsdk.Client, chat: imsdk.Conversation, journal: Path, emit: Emit) -> None:
        past = read_journal(journal) if journal.exists() else []
        self._im = im
        self._chat = chat
        self._journal = Journal(journal)
        self._emit = emit
        self._seqs: dict[str, int] = {e["key"]: e["seq"] for e in past if e["what"] in {"got", "acked"}}
        acked = {entry["key"] for entry in past if entry["what"] in {"acked", "refused"}}
        self._unacked = {e["key"]: e["local"] for e in past if e["what"] == "sent" and e["key"] not in acked}
        fetched = {entry["key"] for entry in past if entry["what"] == "media"}
        self._unfetched = {
            e["seq"] for e in past if e["what"] == "got" and e["media"] and e["key"] not in fetched
        }
        self._fetching = 0

    async def run(self) -> None:
        """Everything that happens by itself, until cancelled."""
        self._journal.write("open")
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            for key, local in self._unacked.items():
                nursery.start_soon(self._await_ack, key, self._im.sent(local))
            for seq in sorted(self._unfetched):
                message = await self._chat.message(seq)
                if message is not None:
                    self._fetch_soon(message)
            nursery.start_soon(self._show_states)
            nursery.start_soon(self._show_resumes)
            nursery.start_soon(self._show_changes)
            nursery.start_soon(self._take_messages)
            await self._show_screen()

    # Orders -----------------------------------------------------------------------------------------

    async def obey(self, order: Order) -> None:
        """Do one thing. An act on a message that this app does not know yet is reported as skipped."""
        match order["do"]:
            case "send":
                await self._send(order)
            case "edit" | "recall" | "react" | "read":
                await self._act(order)
            case "typing":
                await self._chat.typing()
            case "network":
                self._im.network_changed(order["label"])
            case "report":
                await self._report()
            case "final":
                await self._final()
            case other:
                raise ValueError(f"no such order: {other}")

    async def _send(self, order: Order) -> None:
        key, spec = order["key"], order["spec"]
        reply_to = self._seqs.get(order["reply_to"])
        mentions = (self._chat.peer,) if order["mentions"] else ()
        kind = spec["kind"]
        self._journal.write(
            "intent", key=key, act="send", kind=kind, reply=reply_to is not None, mention=bool(mentions)
        )
        sent = await self._chat.send(build(spec), reply_to=reply_to, mentions=mentions)
        self._promised(key, "send", kind, sent)

    async def _act(self, order: Order) -> None:
        act, of = order["do"], order["key"]
        seq = self._seqs.get(of)
        if seq is None and act != "read":
            self._emit("skipped", order=order)
            return
        key = f"{act}:{of or time.monotonic_ns()}:{order['emoji']}"
        self._journal.write("intent", key=key, act=act, kind=act)
        sent: imsdk.Sent | None
        match act:
            case "edit":
                assert seq is not None
                content = build(order["spec"])
                assert not isinstance(content, MediaDraft)
                sent = await self._chat.edit(seq, content)
            case "recall":
                assert seq is not None
                sent = await self._chat.recall(seq)
            case "react":
                assert seq is not None
                sent = await self._chat.react(seq, order["emoji"])
            case _:
                sent = await self._chat.mark_read()
        if sent is not None:
            self._promised(key, act, act, sent)

    def _promised(self, key: str, act: str, kind: str, sent: imsdk.Sent) -> None:
        self._journal.write("sent", key=key, act=act, kind=kind, local=sent.local_id)
        self._emit("sent", key=key, act=act, kind=kind)
        self._nursery.start_soon(self._await_ack, key, sent)

    async def _await_ack(self, key: str, sent: imsdk.Sent) -> None:
        try:
            seq = await sent.acked()
        except imsdk.Refused as error:
            self._journal.write("refused", key=key, reason=str(error))
            self._emit("refused", key=key, reason=str(error))
            return
        self._journal.write("acked", key=key, seq=seq)
        self._seqs[key] = seq
        self._emit("acked", key=key, seq=seq)

    async def _report(self) -> None:
        await self._chat.refresh()
        pending = await self._chat.pending()
        self._emit("report", pending=len(pending), fetching=self._fetching, head=self._chat.head)

    async def _final(self) -> None:
        """Write down the conversation as it stands here."""
        before = 0
        while True:
            page = await self._chat.history(before=before, limit=_PAGE)
            for message in reversed(page.messages):
                self._journal.write("stands", **_facts(message), **_state(message))
            if page.complete or not page.messages:
                break
            before = page.messages[0].seq
        reads = {member.user: member.read for member in await self._chat.members()}
        self._journal.write("members", reads=reads)
        self._emit("final")

    # What happens -----------------------------------------------------------------------------------

    async def _show_screen(self) -> None:
        page = await self._chat.history(limit=20, timeout_s=0)
        for message in page.messages:
            self._emit("shown", **_facts(message), own=message.own)

    async def _take_messages(self) -> None:
        async for message in self._im.messages():
            facts = _facts(message)
            if isinstance(message.content, imsdk.Gap):
                self._journal.write("gap", first=message.content.first, last=message.content.last)
            elif message.own:
                self._seqs[facts["key"]] = message.seq
            else:
                self._seqs[facts["key"]] = message.seq
                media = _media_of(message) is not None
                self._journal.write("got", position=message.position, media=media, **facts)
                if media:
                    self._fetch_soon(message)
            await self._im.done(message.position)
            self._emit("message", own=message.own, **facts)

    async def _show_changes(self) -> None:
        async for change in self._im.changes():
            match change:
                case imsdk.MessageChanged():
                    message = await self._chat.message(change.seq)
                    if message is not None:
                        facts = _facts(message)
                        self._emit("changed", **facts, reactions=list(message.reactions), own=message.own)
                case imsdk.ReadUpTo():
                    self._emit("read", user=change.user, seq=change.seq)
                case imsdk.DeliveredUpTo():
                    self._emit("delivered", user=change.user, seq=change.seq)
                case imsdk.Typing():
                    self._emit("typing", user=change.user, typing=change.typing)
                case _:
                    pass

    async def _show_states(self) -> None:
        async for state in self._im.states():
            self._emit("state", phase=state.phase.value, retry_s=round(state.retry_s, 1), reason=state.reason)

    async def _show_resumes(self) -> None:
        """Report each resume once it is complete, with its end on the machine's monotonic clock."""
        told: set[float] = set()
        while True:
            offset_s = time.monotonic() - trio.current_time()
            for resume in self._im.statistics().resumes:
                if resume.consistent_s is not None and resume.started_s not in told:
                    told.add(resume.started_s)
                    self._emit(
                        "resumed",
                        new_session=resume.new_session,
                        started_at=resume.started_s + offset_s,
                        consistent_at=resume.started_s + resume.consistent_s + offset_s,
                        bytes_in=resume.bytes_in,
                        bytes_out=resume.bytes_out,
                        round_trips=resume.round_trips,
                        missed=resume.missed_events,
                    )
            await trio.sleep(_LOOK_S)

    def _fetch_soon(self, message: imsdk.Message) -> None:
        self._fetching += 1
        self._nursery.start_soon(self._fetch, message)

    async def _fetch(self, message: imsdk.Message) -> None:
        """Download until it is there; an edited or recalled message has nothing to fetch any more."""
        try:
            while True:
                try:
                    path = await self._im.download(message)
                except (imsdk.TransferInterrupted, imsdk.Unavailable):
                    await trio.sleep(0.2)
                    continue
                except (imsdk.Refused, imsdk.TransferRefused) as error:
                    self._emit("refused", key=key_of(_content(message)), reason=str(error))
                    return
                data = path.read_bytes()
                self._journal.write(
                    "media",
                    key=key_of(_content(message)),
                    sha256=hashlib.sha256(data).hexdigest(),
                    size=len(data),
                )
                self._emit("media", key=key_of(_content(message)), size=len(data))
                return
        finally:
            self._fetching -= 1


def _content(message: imsdk.Message) -> imsdk.Content | imsdk.Unknown:
    if isinstance(message.content, imsdk.Gap | imsdk.Recalled):
        return imsdk.Unknown(type=0, fields=(), reason=type(message.content).__name__)
    return message.content


def _media_of(message: imsdk.Message) -> imsdk.Media | None:
    content = message.content
    if isinstance(content, imsdk.Image | imsdk.Voice | imsdk.Video | imsdk.File):
        return content.media
    return None


def _facts(message: imsdk.Message) -> dict[str, Any]:
    content = _content(message)
    return {
        "seq": message.seq,
        "sender": message.sender,
        "key": key_of(content),
        "line": "(recalled)" if message.recalled else line_of(content),
    }


def _state(message: imsdk.Message) -> dict[str, Any]:
    """What else both sides must agree on."""
    return {
        "recalled": message.recalled,
        "edited": message.edited_ms > 0,
        "reply_to": message.reply_to,
        "mentions": list(message.mentions),
        "reactions": {emoji: list(users) for emoji, users in message.reactions.items()},
    }
