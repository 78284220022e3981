import stat
from pathlib import Path

import pytest

from imserver.app.errors import CannotServe
from imserver.app.ticket_keys import KEY_FILE_NAME, load_ticket_keys


def test_the_first_start_draws_a_key_that_stays(tmp_path: Path) -> None:
    (key,) = load_ticket_keys(tmp_path)
    assert len(key) == 32
    assert stat.S_IMODE((tmp_path / KEY_FILE_NAME).stat().st_mode) == 0o600
    assert load_ticket_keys(tmp_path) == [key]
    (tmp_path / "other").mkdir()
    assert load_ticket_keys(tmp_path / "other") != [key]


def test_what_a_killed_first_start_left_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "media.tmp").write_text("half a k")
    assert len(load_ticket_keys(tmp_path)[0]) == 32


def test_a_second_line_is_a_second_key_and_the_first_one_signs(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE_NAME).write_text("11" * 32 + "\n" + "22" * 32 + "\n")
    assert load_ticket_keys(tmp_path) == [b"\x11" * 32, b"\x22" * 32]


@pytest.mark.parametrize("text", ["", "\n", "canary", "11" * 31, "11" * 32 + "\n2222"])
def test_a_file_without_whole_keys_is_refused_and_not_shown(tmp_path: Path, text: str) -> None:
    (tmp_path / KEY_FILE_NAME).write_text(text)
    with pytest.raises(CannotServe, match=r"media\.key must hold keys of 32 bytes") as caught:
        load_ticket_keys(tmp_path)
    assert "canary" not in str(caught.value)
    assert (tmp_path / KEY_FILE_NAME).read_text() == text
