"""`imserver chat` as people use it: real processes, pseudo-terminals and pipes."""

import itertools
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from imserver.app import administer, key_secret
from imserver.core import sign_token
from tests.cli.chat.pty_chat import PtyChat
from tests.cli.house import Cli, Server, command, environment

PHOTO = Path(__file__).parents[2] / "imserver" / "demo" / "assets" / "shoes.jpg"


@dataclass(frozen=True, slots=True)
class Place:
    """A working directory, and an app of its own on the server: its users are strangers to other tests'."""

    folder: Path
    url: str
    app: str
    server_data: Path

    def words(self, user: str, peer: str, *more: str) -> tuple[str, ...]:
        where = ("--url", self.url, "--app", self.app, "--server-data", str(self.server_data))
        return (user, "--with", peer, *where, *more)

    def chat(self, user: str, peer: str) -> PtyChat:
        return PtyChat(self.folder, *self.words(user, peer))

    def pipe(self, text: str, user: str, peer: str, *more: str) -> subprocess.CompletedProcess[str]:
        return run(self.folder, ["chat", *self.words(user, peer, *more)], text)


def run(folder: Path, words: list[str], text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(words),
        cwd=folder,
        env=environment(),
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server")) as server:
        yield server


_numbers = itertools.count(1)


@pytest.fixture
def place(cli: Cli, running: Server) -> Place:
    data_dir, app = running.folder / "imserver-data", f"app{next(_numbers)}"
    administer(data_dir, {"do": "app_create", "name": app}, media_quota_bytes=2**30)
    return Place(cli.folder, running.ready["listen"][0], app, data_dir)


def test_two_terminals_talk_without_tokens_beside_the_servers_data(place: Place) -> None:
    with place.chat("alice", "bob") as alice, place.chat("bob", "alice") as bob:
        alice.see("connected")
        bob.see("connected")
        alice.enter("您好 hello")
        assert bob.see("alice: 您好 hello").split()[1] == "#2"
        alice.see("you: 您好 hello ✓")
        bob.enter("hi")
        alice.see("bob: hi")
        alice.see("delivered to bob")


def test_line_being_typed_is_not_garbled_by_what_comes_in(place: Place) -> None:
    with place.chat("alice", "bob") as alice, place.chat("bob", "alice") as bob:
        alice.see("connected")
        bob.see("connected")
        bob.press("half 中文")
        bob.see("> half 中文")
        for number in range(5):
            alice.enter(f"line {number}")
        bob.see("alice: line 4")
        bob.see("> half 中文")
        assert bob.sheet.lines[-1] == "alice > half 中文"
        assert sum("half" in line for line in bob.sheet.lines) == 1
        bob.enter(" done")
        alice.see("bob: half 中文 done")


def test_edit_recall_reaction_reply_and_read_mark_show_on_the_other_side(place: Place) -> None:
    with place.chat("alice", "bob") as alice, place.chat("bob", "alice") as bob:
        alice.see("connected")
        bob.see("connected")
        alice.enter("typo hre")
        bob.see("alice: typo hre")
        alice.enter("/edit typo here")
        bob.see("alice: typo here (edited)")
        bob.enter("/react 👍")
        alice.see("👍 1")
        bob.enter("/reply #2 fine")
        alice.see("bob: ↩#2 fine")
        alice.enter("oops")
        bob.see("alice: oops")
        alice.enter("/recall")
        bob.see("alice: (recalled)")
        bob.enter("/read")
        alice.see("bob has read up to #")
        bob.enter("/who")
        bob.see("alice is here")


def test_picture_card_location_arrive_and_the_picture_can_be_saved_byte_for_byte(place: Place) -> None:
    with place.chat("alice", "bob") as alice, place.chat("bob", "alice") as bob:
        alice.see("connected")
        bob.see("connected")
        alice.enter(f"/image {PHOTO}")
        assert "[picture shoes.jpg 960×720" in bob.see("#2 alice:")
        alice.enter("/card 跑鞋 | size 43 | ¥459")
        bob.see("[product 跑鞋 ¥459] size 43")
        alice.enter("/location 31.23 121.47 人民广场")
        bob.see("[location 31.23000, 121.47000 人民广场]")
        bob.enter("/save #2 got.jpg")
        bob.see("saved as got.jpg")
        assert (place.folder / "got.jpg").read_bytes() == PHOTO.read_bytes()


def test_mistakes_are_said_in_a_line_and_the_chat_goes_on(place: Place) -> None:
    with place.chat("alice", "bob") as alice:
        alice.see("connected")
        alice.enter("/nope")
        alice.see("there is no /nope")
        alice.enter("/image nowhere.jpg")
        alice.see("nowhere.jpg")
        alice.enter("/location here")
        alice.see("say: /location")
        alice.enter("/recall")
        alice.see("there is no such message")
        alice.enter("/who")
        alice.see("nothing is known of bob")
        alice.enter("//slash")
        alice.see("you: /slash ✓")
        assert "Traceback" not in "\n".join(alice.sheet.lines)


def test_server_killed_and_restarted_loses_and_doubles_nothing(cli: Cli) -> None:
    with Server(cli.folder) as first:
        url = first.ready["listen"][0]
        alice_words = ("alice", "--with", "bob", "--url", url)
        bob_words = ("bob", "--with", "alice", "--url", url)
        with PtyChat(cli.folder, *alice_words) as alice, PtyChat(cli.folder, *bob_words) as bob:
            alice.see("connected")
            bob.see("connected")
            alice.enter("before")
            bob.see("alice: before")
            first.end(signal.SIGKILL)
            alice.see("no connection")
            alice.enter("meanwhile")
            alice.see("is kept here")
            bob.see("no connection")
            with Server(cli.folder, "--listen", url, "--http", "http://127.0.0.1:0"):
                bob.see("alice: meanwhile")
                alice.see("you: meanwhile ✓")
                alice.enter("after")
                bob.see("alice: after")
            assert sum("alice: meanwhile" in line for line in bob.sheet.lines) == 1


def test_history_is_shown_at_the_next_start_and_quit_leaves_the_terminal_as_it_was(place: Place) -> None:
    with place.chat("alice", "bob") as alice:
        alice.see("connected")
        alice.enter("first words")
        alice.see("you: first words ✓")
        alice.enter("/quit")
        assert alice.wait() == 0
        assert alice.modes_now() == alice.modes
    with place.chat("alice", "bob") as alice:
        alice.see("you: first words ✓")
        alice.press("\x04")
        assert alice.wait() == 0


def test_ctrl_c_leaves_without_a_traceback_and_the_terminal_as_it_was(place: Place) -> None:
    with place.chat("alice", "bob") as alice:
        alice.see("connected")
        alice.process.send_signal(signal.SIGINT)
        assert alice.wait() == 128 + signal.SIGINT
        assert alice.modes_now() == alice.modes
        assert "Traceback" not in "\n".join(alice.sheet.lines)


def test_lines_from_a_pipe_are_sent_before_it_ends(place: Place) -> None:
    done = place.pipe("one\n两\n", "shop", "alice")
    assert (done.returncode, done.stderr) == (0, "")
    assert "you: one ✓" in done.stdout
    assert "you: 两 ✓" in done.stdout
    with place.chat("alice", "shop") as alice:
        alice.see("shop: one")
        alice.see("shop: 两")


def test_input_that_is_no_pipe_works_as_well(place: Place) -> None:
    (place.folder / "words").write_text("from a file", encoding="ascii")
    words = ["chat", *place.words("shop", "alice")]
    with (place.folder / "words").open("rb") as file:
        done = subprocess.run(
            command(words),
            cwd=place.folder,
            env=environment(),
            stdin=file,
            capture_output=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert "you: from a file ✓" in done.stdout.decode()


def test_what_the_server_does_not_have_in_time_is_kept_and_said(cli: Cli, data: Path) -> None:
    words = ["chat", "shop", "--with", "alice", "--url", "tcp://127.0.0.1:1", "--wait", "0.2"]
    done = run(cli.folder, words, "hello\n")
    assert done.returncode == 1
    assert (
        done.stderr
        == "imserver: 1 not sent yet; kept in imserver-chat/shop, and sent when shop chats again\n"
    )


def test_bad_and_expired_tokens_are_said_in_one_line(place: Place) -> None:
    bad = place.pipe("", "eve", "bob", "--token", "abc")
    secret = key_secret(place.server_data, app=place.app, kid=None)
    late = sign_token(
        app=place.app,
        user="eve",
        kid="1",
        algorithm="HS256",
        key=secret.encode(),
        now_s=int(time.time()) - 7200,
        lifetime_s=60,
    )
    expired = place.pipe("", "eve", "bob", "--token", late)
    for done, piece in ((bad, "token was rejected"), (expired, "expired")):
        assert done.returncode == 1, done
        assert done.stderr.startswith("imserver: ")
        assert done.stderr.count("\n") == 1
        assert piece in done.stderr


def test_without_token_and_server_data_it_says_what_to_give(cli: Cli) -> None:
    assert "--token" in cli.refused("chat", "alice", "--with", "bob")


def test_url_of_another_kind_is_refused_with_what_to_write(cli: Cli, data: Path) -> None:
    assert "tcp://" in cli.refused("chat", "alice", "--with", "bob", "--url", "http://127.0.0.1:1")


def test_second_chat_of_a_user_is_told_how_to_be_another_device(place: Place) -> None:
    with place.chat("alice", "bob") as alice:
        alice.see("connected")
        second = place.pipe("", "alice", "bob")
        assert second.returncode == 1
        assert "--data" in second.stderr
        other = place.pipe("from my tablet\n", "alice", "bob", "--data", "tablet")
        assert other.returncode == 0, other.stderr
        alice.see("you: from my tablet ✓")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x" * 100_000, "bytes"),
        ("/image none.png", "cannot use none.png: No such file"),
        ("/nonsense", "/help"),
    ],
)
def test_a_pipe_of_which_a_line_came_to_nothing_ends_with_code_1(place: Place, line: str, said: str) -> None:
    done = place.pipe(f"{line}\nand this is sent\n", "carol", "dave")
    assert done.returncode == 1, done
    assert said in done.stdout
    assert "you: and this is sent ✓" in done.stdout


def test_a_message_that_the_server_refuses_ends_a_pipe_with_code_1(place: Place) -> None:
    done = place.pipe("to myself\n", "bob", "bob")
    assert (done.returncode, "refused" in done.stdout) == (1, True), done


def test_help_shows_flags_commands_and_examples(cli: Cli) -> None:
    text = cli.says("chat", "--help")
    for piece in ("--with PEER", "/image PATH", "imserver chat alice --with bob"):
        assert piece in text
