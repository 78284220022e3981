"""A filled data directory is what a server would have left: sound, and its devices go on where they were."""

from pathlib import Path

import pytest

from benchmarks.away import come_back
from benchmarks.filled import AGENTS, MISSED, Filled, copy_of, fill, size_bytes
from imload.server import running
from imserver.app import verify

MESSAGES = 4000


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    return fill(tmp_path_factory.mktemp("filled"), MESSAGES)


def test_it_is_sound_and_holds_as_many_messages_as_it_says(filled: Filled) -> None:
    report = verify(Path(filled.folder) / "data")
    assert report.sound, report.findings
    assert report.records == MESSAGES + filled.conversations, "each conversation begins with a record too"
    assert report.users == filled.users == AGENTS + filled.conversations
    assert 100 < size_bytes(filled) / MESSAGES < 1000


def test_who_was_away_gets_what_was_missed_and_the_server_agrees_with_what_was_there_before(
    filled: Filled,
) -> None:
    """A digest that differed would be told by RESYNC instead."""
    assert all(one.span and one.digest for one in filled.away)
    with copy_of(filled) as data, running(data_dir=data) as server:
        taken_ms = come_back(server.urls["tcp"], filled.away)
    assert len(taken_ms) == len(filled.away) == MESSAGES // (10 * MISSED)


def test_it_is_made_once(filled: Filled) -> None:
    assert fill(Path(filled.folder).parent, MESSAGES) == filled
