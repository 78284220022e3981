"""Calls into the loop: errors, timeouts, Ctrl-C and closing."""

import signal
import threading
from pathlib import Path

import pytest
import trio.testing

import imsdk
from improtocol import Code
from imsdk import blocking
from imsdk.testing import Server


def test_closing_ends_calls_under_way_and_later_ones(server: Server, connect) -> None:
    im = connect()
    im.connected(timeout_s=20)
    im.in_loop(server.offline)
    sent = im.conversation(with_user="shop").send("unsent")
    raised: list[BaseException] = []
    waiting = threading.Event()

    def wait() -> None:
        waiting.set()
        try:
            sent.acked()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test looks at it
            raised.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    waiting.wait(20)
    im.close()
    thread.join(20)
    assert [type(error) for error in raised] == [imsdk.Stopped]
    for call in (im.conversations, im.foreground, sent.acked, im.statistics):
        with pytest.raises(imsdk.Stopped, match="closed"):
            call()
    im.close()


def test_iterators_end_when_the_client_closes(server: Server, connect) -> None:
    im = connect()
    im.conversation(with_user="shop").send("one")
    texts = []
    for message in im.messages():
        texts.append(message.content.text)
        im.done(message)
        im.close()
    assert texts == ["one"]
    assert list(im.changes()) == []


def test_closing_leaves_no_thread_behind(server: Server, connect, inbox) -> None:
    im = connect(on_message=inbox)
    im.conversation(with_user="shop").send("hello").acked(timeout_s=20)
    inbox.get()
    ours = [thread for thread in threading.enumerate() if thread.name.startswith("imsdk")]
    assert len(ours) == 2
    im.close()
    for thread in ours:
        thread.join(20)
        assert not thread.is_alive()


def test_errors_cross_the_boundary(server: Server, connect, tmp_path: Path) -> None:
    im = connect(data_dir=tmp_path)
    with pytest.raises(ValueError, match="with_user"):
        im.conversation()
    server.refuse(Code.QUOTA)
    with pytest.raises(imsdk.Refused, match="QUOTA"):
        im.conversation(with_user="shop").send("hello").acked(timeout_s=20)
    with pytest.raises(imsdk.StorageLocked):
        connect(data_dir=tmp_path)
    with pytest.raises(ValueError, match="tcp://"):
        blocking.connect("http://shop.example")
    with pytest.raises(FileNotFoundError):
        im.conversation(with_user="shop").send(imsdk.Image.from_file(tmp_path / "none.png"))


def test_timeout_ends_the_waiting_only(server: Server, connect) -> None:
    im = connect()
    im.connected(timeout_s=20)
    im.in_loop(server.offline)
    sent = im.conversation(with_user="shop").send("patience")
    with pytest.raises(TimeoutError, match="goes on"):
        sent.acked(timeout_s=0.01)
    im.in_loop(server.online)
    assert sent.acked(timeout_s=20) == 2


def test_ctrl_c_ends_a_waiting_call_and_nothing_else(server: Server, connect) -> None:
    im = connect()
    im.connected(timeout_s=20)
    im.in_loop(server.offline)
    sent = im.conversation(with_user="shop").send("patience")
    waiting = threading.Event()

    def interrupt() -> None:
        waiting.wait(20)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()

    def wait() -> None:
        waiting.set()
        sent.acked(timeout_s=20)

    with pytest.raises(KeyboardInterrupt):
        wait()
    thread.join(20)
    im._portal.call(trio.testing.wait_all_tasks_blocked, 0.0)
    assert im.in_loop(lambda: len(im._portal._calls)) == 1, "only this call itself is under way"
    im.in_loop(server.online)
    assert sent.acked(timeout_s=20) == 2


def test_token_provider_may_block(server: Server, connect) -> None:
    asked_on: list[str] = []

    def provide() -> str:
        asked_on.append(threading.current_thread().name)
        return server.token("alice")

    im = connect(token=None, token_provider=provide)
    im.connected(timeout_s=20)
    assert im.user == "alice"
    assert asked_on[0] not in {"MainThread", "imsdk", "imsdk-callbacks"}


def test_what_ends_the_client_is_raised_by_close(server: Server) -> None:
    """A store that breaks under the client: calls say Stopped; close raises the cause, once."""

    class Breaks(imsdk.MemoryStore):
        async def chats(self, limit: int) -> tuple[object, ...]:
            raise imsdk.StorageError("the disk is gone")

        async def feed(self, *args: object, **options: object) -> tuple[object, ...]:
            raise imsdk.StorageError("the disk is gone")

    im = blocking.connect(
        server.url,
        token=server.token("alice"),
        dialer=server.dialer(),
        transfers=server.transfers(),
        store=Breaks(),
        on_message=print,
    )
    im._portal._thread.join(20)
    with pytest.raises(imsdk.Stopped):
        im.conversations()
    with pytest.raises(imsdk.StorageError, match="disk is gone"):
        im.close()
    im.close()
