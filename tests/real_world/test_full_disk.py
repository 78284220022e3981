"""A disk that is really full, at the server and at the phone: typed refusals, nothing lost, on with room."""

from pathlib import Path

from tests.real_world.stage import Stage, fill

LARGE = "x" * 20_000


def test_full_disk_of_the_server_refuses_for_a_while_and_loses_nothing(
    tmp_path: Path, small_disk: Path
) -> None:
    stage = Stage(tmp_path, data_dir=small_disk / "data")
    retry = {"IMSERVER_CORE__DISK_FULL_RETRY_MS": "200"}
    with (
        stage.server(**retry) as server,
        stage.app("alice", "bob") as alice,
        stage.app("bob", "alice") as bob,
    ):
        alice.send("before")
        bob.until("message", text="before")
        filler = fill(small_disk)
        texts = [f"{n} {LARGE}" for n in range(12)]
        alice.send(*texts)
        alice.until("queued", 13)
        bob.send("also while it is full")
        bob.until("queued", 1)
        # Both are at work on it, and the server is alive: reads go on.
        with stage.app("bob", "alice", data_dir=tmp_path / "second device") as second:
            second.until("opened")
            acked = len(alice.of("acked"))
            assert acked < 13
            assert server.process.poll() is None
        filler.unlink()
        alice.until("acked", 13)
        bob.until("message", 13, own=False)
        assert bob.texts() == ["before", *texts]
        alice.until("message", text="also while it is full")
        assert server.end() == 0
    stage.verified()


def test_full_disk_of_the_phone_is_a_typed_error_and_what_comes_in_waits_at_the_server(
    tmp_path: Path, small_disk: Path
) -> None:
    stage = Stage(tmp_path)
    with (
        stage.server() as server,
        stage.app("alice", "bob") as alice,
        stage.app("bob", "alice", data_dir=small_disk / "bob") as bob,
    ):
        alice.send("before")
        bob.until("message", text="before")
        filler = fill(small_disk)
        bob.send(LARGE)
        assert bob.until("error")[0]["type"] == "StorageFull"
        texts = [f"{n} {LARGE}" for n in range(10)]
        alice.send(*texts)
        alice.until("acked", 11)
        assert bob.process.poll() is None
        filler.unlink()
        bob.until("message", 11, own=False)
        assert bob.texts() == ["before", *texts]
        bob.send("there is room again")
        alice.until("message", text="there is room again")
        assert server.end() == 0
    stage.verified()
