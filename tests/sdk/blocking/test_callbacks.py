"""Callbacks: one thread, at least once, and no error of theirs stops anything."""

import threading
from pathlib import Path

import pytest

import imsdk
from imsdk.testing import Server


def test_states_and_changes_reach_their_callbacks(server: Server, connect, inbox) -> None:
    changes = type(inbox)()
    im = connect(on_state=inbox, on_change=changes)
    while inbox.get().phase is not imsdk.Phase.ONLINE:
        pass
    chat = im.conversation(with_user="shop")
    seq = chat.send("hello").acked(timeout_s=20)
    chat.edit(seq, "hello!").acked(timeout_s=20)
    while not isinstance(change := changes.get(), imsdk.MessageChanged):
        pass
    assert (change.seq, change.user) == (seq, "alice")


def test_all_callbacks_run_on_one_thread_of_their_own(server: Server, connect, inbox) -> None:
    seen: set[str] = set()

    def note(item: object) -> None:
        seen.add(threading.current_thread().name)
        inbox(item)

    im = connect(on_message=note, on_state=note, on_change=note)
    im.conversation(with_user="shop").send("hello").acked(timeout_s=20)
    while not isinstance(inbox.get(), imsdk.Message):
        pass
    assert seen == {"imsdk-callbacks"}


def test_callback_that_raises_is_logged_and_stops_nothing(server: Server, connect, inbox, caplog) -> None:
    def fragile(message: imsdk.Message) -> None:
        inbox(message)
        if message.content.text == "bad":
            raise SystemExit("an app's mistake")

    im = connect(on_message=fragile)
    chat = im.conversation(with_user="shop")
    chat.send("bad")
    chat.send("good")
    assert inbox.texts(2) == ["bad", "good"]
    assert "an app's mistake" in caplog.text


def test_message_is_done_only_after_its_callback_returned(server, connect, inbox, tmp_path: Path) -> None:
    """At least once: what the callback failed at comes again in the next run, what it did does not."""

    def fails_at_last(message: imsdk.Message) -> None:
        inbox(message)
        if message.content.text == "2":
            raise RuntimeError("not now")

    first = connect(on_message=fails_at_last, data_dir=tmp_path)
    chat = first.conversation(with_user="shop")
    for text in ("1", "2"):
        chat.send(text)
    assert inbox.texts(2) == ["1", "2"]
    first.close()
    connect(on_message=inbox, data_dir=tmp_path).conversation(with_user="shop").send("3")
    assert inbox.texts(2) == ["2", "3"]


class FullOnce(imsdk.MemoryStore):
    """Has no room to mark the first message done."""

    full = True

    async def done(self, position: int) -> None:
        full, self.full = self.full, False
        if full:
            raise imsdk.StorageFull("there is no room on the device")
        await super().done(position)


def test_full_device_costs_one_mark_and_stops_nothing(server: Server, connect, inbox, caplog) -> None:
    im = connect(on_message=inbox, store=FullOnce())
    chat = im.conversation(with_user="shop")
    for text in ("1", "2", "3"):
        chat.send(text)
    assert inbox.texts(3) == ["1", "2", "3"]
    assert chat.send("4").acked(timeout_s=20)
    assert "no room" in caplog.text


def test_closing_waits_for_the_callback_and_counts_its_end(server, connect, inbox, tmp_path: Path) -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow(message: imsdk.Message) -> None:
        entered.set()
        assert leave.wait(20)

    im = connect(on_message=slow, data_dir=tmp_path)
    im.conversation(with_user="shop").send("slow")
    assert entered.wait(20)
    closer = threading.Thread(target=im.close)
    closer.start()
    leave.set()
    closer.join(20)
    assert not closer.is_alive()
    connect(on_message=inbox, data_dir=tmp_path).conversation(with_user="shop").send("next")
    assert inbox.texts(1) == ["next"]


def test_stuck_callback_is_left_behind(server, connect, monkeypatch, caplog) -> None:
    monkeypatch.setattr("imsdk.blocking.portal.GRACE_S_MAX", 0.01)
    entered, leave = threading.Event(), threading.Event()

    def stuck(message: imsdk.Message) -> None:
        entered.set()
        leave.wait(20)

    im = connect(on_message=stuck)
    im.conversation(with_user="shop").send("hello")
    assert entered.wait(20)
    im.close()
    leave.set()
    assert "left behind" in caplog.text


def test_callback_may_call_back_into_the_client(server: Server, connect, inbox) -> None:
    def answer(message: imsdk.Message) -> None:
        if not message.own:
            chat = im.conversation(id=message.conversation)
            inbox(chat.send(f"re: {message.content.text}").acked(timeout_s=20))

    im = connect(on_message=answer)
    im.connected(timeout_s=20)
    im.in_loop(server.post, "shop", "alice", "hello")
    assert inbox.get() == 3


def test_closing_ends_what_a_callback_waits_for(server: Server, connect, inbox, monkeypatch) -> None:
    """Without waiting for the grace time: a callback that blocks in a call of ours gets Stopped."""
    monkeypatch.setattr("imsdk.blocking.portal.GRACE_S_MAX", 1000)

    def answer(message: imsdk.Message) -> None:
        sent = im.conversation(id=message.conversation).send("answer")
        inbox(message)
        with pytest.raises(imsdk.Stopped):
            sent.acked()
        inbox(message)

    im = connect(on_message=answer)
    im.connected(timeout_s=20)
    im.in_loop(lambda: (server.post("shop", "alice", "hello"), server.offline()))
    inbox.get()
    im.close()
    inbox.get()


def test_callback_may_close_the_client(server: Server, connect, inbox, monkeypatch) -> None:
    monkeypatch.setattr("imsdk.blocking.portal.GRACE_S_MAX", 1000)

    def goodbye(message: imsdk.Message) -> None:
        im.close()
        inbox(message)

    im = connect(on_message=goodbye)
    im.conversation(with_user="shop").send("last words")
    assert inbox.texts(1) == ["last words"]
    im.close()
    with pytest.raises(imsdk.Stopped, match="closed"):
        im.conversations()
