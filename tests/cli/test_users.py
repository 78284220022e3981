"""`imserver user …`, with and without a running server: the same requests, the same results."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.here import Here
from tests.cli.house import Cli, Server


@pytest.fixture(params=["running", "stopped"])
def here(request: pytest.FixtureRequest, cli: Cli, call: Here, data: Path) -> Iterator[Here]:
    if request.param == "stopped":
        yield call
        return
    with Server(cli.folder):
        yield call


def test_a_name_that_nobody_has_is_refused_but_can_be_banned_in_advance(here: Here) -> None:
    for do in ("sessions", "logout", "unban"):
        line = here.refused("user", do, "bob")
        assert line == "app 'default' has no user 'bob': none has logged in or been written to"
    assert here.says("user", "ban", "bob") == "User 'bob' of app 'default' is banned (and was never here).\n"
    assert here.says("user", "ban", "bob") == "User 'bob' of app 'default' is banned.\n"
    assert here.says("user", "sessions", "bob") == (
        "User 'bob' of app 'default' is banned.\n  no device yet\n"
    )
    assert here.says("user", "logout", "bob") == "User 'bob' of app 'default': 0 sessions ended.\n"
    assert here.says("user", "unban", "bob") == "User 'bob' of app 'default' is banned no more.\n"
    assert here.says("user", "unban", "bob") == "User 'bob' of app 'default' was not banned.\n"
    assert here.says("user", "sessions", "bob") == "User 'bob' of app 'default'\n  no device yet\n"


def test_the_app_is_chosen_as_elsewhere_and_users_of_others_are_strangers(here: Here) -> None:
    here.says("app", "create", "shoes")
    here.says("user", "ban", "bob", "--app", "shoes")
    assert here.refused("user", "unban", "bob").startswith("app 'default' has no user 'bob'")
    assert here.refused("user", "ban", "bob", "--app", "hats").startswith("there is no app 'hats'")
    assert here.refused("user", "ban", "b\tb") == "the user's id must be printable, without blanks around it"
    assert here.refused("user", "ban", code=2).startswith("Missing argument 'NAME'")
