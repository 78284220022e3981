"""A journal says what happened, also when its process was killed in the middle of a line."""

from pathlib import Path

from imserver.demo.journal import Journal, read_journal


def test_lines_come_back_in_order_with_their_life(tmp_path: Path) -> None:
    path = tmp_path / "j"
    for life in (1, 2):
        journal = Journal(path)
        journal.write("sent", key=f"您好 {life}")
        journal.close()
    found = [(entry["life"], entry["what"], entry["key"]) for entry in read_journal(path)]
    assert found == [(1, "sent", "您好 1"), (2, "sent", "您好 2")]


def test_torn_line_says_nothing_and_harms_no_other(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = Journal(path)
    journal.write("sent", key="whole")
    journal.close()
    whole = path.read_bytes()
    for cut in range(1, len(whole)):
        path.write_bytes(whole + whole[:cut])
        later = Journal(path)
        later.write("sent", key="later")
        later.close()
        keys = [entry["key"] for entry in read_journal(path)]
        # Of the torn line only all but the line end may still be whole.
        assert keys in (["whole", "later"], ["whole", "whole", "later"])
        assert (len(keys) == 3) == (cut == len(whole) - 1)
