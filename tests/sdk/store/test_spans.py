"""Ranges of sequence numbers behave as a set of integers does."""

import sqlite3
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from imsdk.store import schema, spans

STEPS = st.lists(
    st.tuples(st.sampled_from(["cover", "below", "above"]), st.integers(1, 40), st.integers(0, 9)),
    max_size=30,
)


@given(steps=STEPS)
def test_ranges_agree_with_a_set_and_never_touch(steps: list[tuple[str, int, int]]) -> None:
    con = sqlite3.connect(":memory:", isolation_level=None)
    schema.migrate(con)
    model: set[int] = set()
    for step, first, length in steps:
        if step == "cover":
            spans.cover(con, 1, first, first + length)
            model |= set(range(first, first + length + 1))
        elif step == "below":
            spans.forget_below(con, 1, first)
            model = {seq for seq in model if seq >= first}
        else:
            spans.forget_above(con, 1, first)
            model = {seq for seq in model if seq <= first}
    assert {seq for seq in range(60) if spans.has(con, 1, seq)} == model
    rows = con.execute("SELECT first, last FROM span ORDER BY first").fetchall()
    assert all(before[1] + 1 < after[0] for before, after in pairwise(rows))
    for seq in model:
        found = spans.range_around(con, 1, seq)
        assert found is not None
        assert set(range(found[0], found[1] + 1)) <= model
    con.close()
