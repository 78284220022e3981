"""The public API as an app writes it, for the type checker only: nothing here is run.

`mypy --strict` must find every line right and every `assert_type` true; `test_api.py` sees to it that nothing
public is missing.
"""

import ssl
from pathlib import Path
from random import Random
from typing import assert_never, assert_type

import trio

import imsdk
import imsdk.testing


async def fetch_token() -> str:
    return "a fresh token of the app's own backend"


async def open_and_close() -> None:
    async with imsdk.connect(
        "tls://chat.shop.example:7443",
        token="...",
        token_provider=fetch_token,
        data_dir=Path("chat/alice"),
        device="phone",
        store=imsdk.SqliteStore(Path("chat/alice")),
        dialer=imsdk.SocketDialer(ssl_context=ssl.create_default_context()),
        ssl_context=ssl.create_default_context(),
        foreground=True,
        network="wifi:shop",
        rng=Random(1),
        now_ms=lambda: 0,
    ) as im:
        assert_type(im, imsdk.Client)
        await im.connected()
        await im.synced()
        im.background()
        im.foreground()
        im.network_changed("cellular")
        assert_type(im.user, str)
        assert_type(im.state, imsdk.ConnectionState)
        assert_type(im.state.phase, imsdk.Phase)
        numbers = im.statistics()
        assert_type(im.verified_through, int)
        assert_type(numbers, imsdk.Statistics)
        resume: imsdk.Resume = numbers.resumes[-1]
        assert_type(resume.consistent_s, float | None)
        await im.logout()


async def in_memory(store: imsdk.Store, dialer: imsdk.Dialer) -> None:
    store = imsdk.MemoryStore()
    async with imsdk.connect("ws://127.0.0.1:7402/", store=store, dialer=dialer):
        pass


def contents() -> list[imsdk.Content]:
    return [
        imsdk.Text("您好"),
        imsdk.Location(latitude=31.2, longitude=121.4, name="店"),
        imsdk.Sticker(pack="cats", name="hello"),
        imsdk.Card(
            title="Order 7", kind="order", ref="7", buttons=(imsdk.Button(label="Pay", action="pay:7"),)
        ),
        imsdk.Custom("com.shop.coupon", {"code": "SPRING", "percent": 10}),
        imsdk.Notice(text="The agent has changed", kind="agent"),
    ]


async def send(im: imsdk.Client) -> None:
    chat = await im.conversation(with_user="bob")
    assert_type(chat, imsdk.Conversation)
    again = await im.conversation(id=chat.id)
    sent = await chat.send("words")
    assert_type(sent, imsdk.Sent)
    seq = await sent.acked()
    assert_type(seq, int)
    for content in contents():
        await again.send(content, reply_to=seq, mentions=["bob"])
    picture = await chat.send(imsdk.Image.from_file("shoes.jpg"))
    await chat.send(imsdk.Image.from_bytes(b"...", name="shoes.jpg"))
    await chat.send(imsdk.Voice.from_file("hello.wav"))
    await chat.send(imsdk.Voice.from_bytes(b"...", mime="audio/ogg", duration_ms=900))
    await chat.send(imsdk.Video.from_file("box.mp4", duration_ms=4000, width=640, height=480))
    await chat.send(imsdk.Video.from_bytes(b"", mime="video/mp4", duration_ms=1, width=1, height=1))
    await chat.send(imsdk.File.from_file("bill.pdf"))
    await chat.send(imsdk.File.from_bytes(b"...", name="bill.pdf"))
    assert_type(picture.progress, imsdk.Progress)
    async for done_bytes, total_bytes in picture.progress:
        assert_type((done_bytes, total_bytes), tuple[int, int])
    assert_type(await im.sent(picture.local_id).discard(), bool)
    rows: tuple[imsdk.OutboxRow, ...] = (*await im.pending(), *await chat.pending())
    assert_type(rows[0].code, int)


async def change(chat: imsdk.Conversation, message: imsdk.Message) -> None:
    await chat.edit(message, "better words")
    await chat.recall(message)
    await chat.react(message, "👍")
    await chat.unreact(message.seq, "👍")
    assert_type(await chat.mark_read(message), imsdk.Sent | None)
    await chat.typing(preview="bet")
    await chat.typing(False)
    await chat.refresh()


async def group(im: imsdk.Client) -> None:
    team = await im.create_group("team", members=["bob", "carol"])
    await team.invite("dave", "erin")
    await team.set_role("bob", imsdk.Role.ADMIN)
    await team.remove("erin")
    await team.rename("the team")
    members = await team.members()
    assert_type(members, tuple[imsdk.MemberRow, ...])
    assert_type(members[0].role, imsdk.Role)
    await team.leave()


async def read(im: imsdk.Client) -> None:
    for chat in await im.conversations(limit=50):
        assert_type(chat.type, imsdk.ConversationType)
        assert_type(chat.last, imsdk.Message | None)
        print(chat.key, chat.title, chat.peer, chat.role, chat.present, chat.head, chat.unread, chat.read)
        page = await chat.history(limit=20)
        assert_type(page, imsdk.Page)
        older = await chat.history(before=page.messages[0])
        assert_type(older.complete, bool)
        assert_type(await chat.message(7), imsdk.Message | None)
        assert_type(await chat.receipt(7), imsdk.Receipt)
    async for message in im.messages(after=0):
        assert_type(message, imsdk.Message)
        print(show(message.content))
        await im.done(message)


def show(content: imsdk.Shown) -> str:
    """Every kind of content is handled: a kind forgotten here is an error of the type checker."""
    match content:
        case imsdk.Text(text):
            return text
        case imsdk.Recalled():
            return "recalled"
        case imsdk.Gap(first=first, last=last, reason=reason):
            assert_type(reason, imsdk.GapReason)
            return f"{first} to {last} are missing"
        case imsdk.Unknown(reason=why):
            return f"not supported: {why}"
        case imsdk.Location() | imsdk.Sticker() | imsdk.Card() | imsdk.Custom() | imsdk.Notice():
            return type(content).__name__
        case imsdk.Image(media=media, width=width):
            assert_type(media, imsdk.Media)
            return f"{width} pixels"
        case _:
            return "voice, video or a file"


async def media(im: imsdk.Client, message: imsdk.Message) -> None:
    if isinstance(message.content, imsdk.Image | imsdk.Voice | imsdk.Video | imsdk.File):
        path = await im.download(message, report=print)
        assert_type(path, Path)
        await im.download(message, thumbnail=True)


async def follow(im: imsdk.Client) -> None:
    im.watch("bob")
    assert_type(await im.presence("bob", "carol"), dict[str, tuple[bool, int]])
    async for state in im.states():
        assert_type(state, imsdk.ConnectionState)
        if state.online:
            break
    async for happened in im.changes():
        print(tell(happened))


def tell(change: imsdk.Change) -> str:
    """Exhaustive, so that a new kind of change shows up in apps that want all of them."""
    match change:
        case imsdk.MessageChanged(seq=seq, kind=kind):
            assert_type(kind, imsdk.Kind)
            return f"{seq} {kind.name}"
        case imsdk.ReadUpTo(user=user) | imsdk.DeliveredUpTo(user=user) | imsdk.Typing(user=user):
            return user
        case imsdk.HistoryDiverged(after=after, upto=upto, healed=healed):
            return f"{after} {upto} {healed}"
        case imsdk.PresenceChanged(user=user, there=there):
            return f"{user} {there}"
        case imsdk.MembersChanged(users=users):
            return " ".join(users)
        case imsdk.ConversationCreated(title=title) | imsdk.Renamed(title=title):
            return title
        case _:
            assert_never(change)


async def fail(chat: imsdk.Conversation, im: imsdk.Client, message: imsdk.Message) -> None:
    try:
        await (await chat.send("words")).acked()
        await im.download(message)
    except imsdk.Refused as refused:
        print(refused.code == imsdk.Code.FORBIDDEN, refused.reason)
    except imsdk.TransferInterrupted as interrupted:
        await trio.sleep(interrupted.retry_after_ms / 1000)
    except (imsdk.TransferRefused, imsdk.Unavailable, imsdk.Stopped, imsdk.Discarded) as error:
        print(error)
    except imsdk.StorageFull:
        print("make room")
    except (imsdk.StorageLocked, imsdk.StorageNewer) as error:
        print(error)
    except imsdk.StorageError:
        raise
    except imsdk.ImError:
        raise


async def test_of_an_app() -> None:
    server = imsdk.testing.Server(seed=1)
    async with imsdk.connect(
        server.url, token=server.token("alice"), dialer=server.dialer(), transfers=server.transfers()
    ):
        assert_type(server.post("shop", "alice", imsdk.Text("hi")), int)
        server.drop_connections()
        server.offline(silent=True)
        server.online()
        server.drop_after_bytes(100)
        server.lose_next_result()
        server.refuse(imsdk.Code.OVERLOADED, retry_after_ms=500)
        server.expire_tokens()
        server.expire_uploads()
        server.end_sessions("alice")
        server.trim_log("alice", keep=10)
        server.backup()
        server.restore()
        assert_type(server.messages("alice", "shop"), list[tuple[str, imsdk.Content]])
        assert_type(server.online_users(), set[str])
        assert_type(server.connections, int)
        print(server.http_transport(), server.act)
    try:
        server.post("eve", 7, "hi")
    except imsdk.testing.Refused as refused:
        assert_type(refused.code, imsdk.Code)
