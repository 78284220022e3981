"""The blocking façade as an app writes it, for the type checker only; see `api.py`."""

from collections.abc import Iterator
from pathlib import Path
from typing import assert_type

import imsdk
import imsdk.blocking
import imsdk.testing


def without_a_loop() -> None:
    def got(message: imsdk.Message) -> None:
        print(message.position)

    with imsdk.blocking.connect(
        "tcp://127.0.0.1:7400",
        data_dir="chat/alice",
        token_provider=lambda: "...",
        on_message=got,
        on_state=lambda state: print(state.phase),
        on_change=lambda change: print(type(change)),
    ) as im:
        assert_type(im, imsdk.blocking.Client)
        im.connected(timeout_s=10)
        im.synced(timeout_s=10)
        assert_type(im.state, imsdk.ConnectionState)
        assert_type(im.user, str)
        chat = im.conversation(with_user="bob")
        assert_type(chat, imsdk.blocking.Conversation)
        sent = chat.send(imsdk.Image.from_file("shoes.jpg"), mentions=["bob"])
        assert_type(sent, imsdk.blocking.Sent)
        for done_bytes, _ in sent.progress():
            assert_type(done_bytes, int)
        assert_type(sent.acked(timeout_s=10), int)
        assert_type(im.sent(sent.local_id).discard(), bool)
        states: Iterator[imsdk.ConnectionState] = im.states()
        changes: Iterator[imsdk.Change] = im.changes()
        print(next(states), next(changes))
        for message in im.messages(after=0):
            blocking_chat(chat, message)
            assert_type(im.download(message), Path)
            im.done(message)
        im.watch("bob")
        im.presence("bob")
        im.network_changed("wifi")
        im.background()
        im.foreground()
        assert_type(im.statistics(), imsdk.Statistics)
        assert_type(im.verified_through, int)
        assert_type(im.pending(), tuple[imsdk.OutboxRow, ...])
        assert_type(im.conversations(), list[imsdk.blocking.Conversation])
        im.logout(timeout_s=10)
    im.close()


def blocking_chat(chat: imsdk.blocking.Conversation, message: imsdk.Message) -> None:
    chat.edit(message, "better")
    chat.recall(message)
    chat.react(message, "👍")
    chat.unreact(message, "👍")
    assert_type(chat.mark_read(), imsdk.blocking.Sent | None)
    chat.typing(preview="...")
    chat.refresh()
    assert_type(chat.history(before=message).messages, tuple[imsdk.Message, ...])
    assert_type(chat.message(1), imsdk.Message | None)
    assert_type(chat.receipt(message), imsdk.Receipt)
    assert_type(chat.members(), tuple[imsdk.MemberRow, ...])
    chat.pending()


def blocking_group(im: imsdk.blocking.Client) -> None:
    team = im.create_group("team", members=["bob"])
    team.invite("carol")
    team.set_role("carol", imsdk.Role.ADMIN)
    team.rename("the team")
    team.remove("bob")
    team.leave()
    print(team.key, team.id, team.type, team.title, team.peer, team.role, team.present, team.head)
    print(team.unread, team.read, team.last)


def blocking_test_of_an_app(im: imsdk.blocking.Client, server: imsdk.testing.Server) -> None:
    assert_type(im.in_loop(server.post, "shop", "alice", "hi"), int)
