"""Hostile bytes at every parser: only typed errors, and memory within a constant times the input."""

import random
import tracemalloc
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.corpus import mutate, vector_frames
from tests.fuzz.targets import TARGETS, Target
from tests.security.doors import UPGRADE

#: In a normal run; `make fuzz-long` does a million in all.
EXECUTIONS = 700
FIXED_BYTES = 256 * 1024


@pytest.mark.parametrize("name", TARGETS)
def test_the_seeds_themselves_are_survived(name: str) -> None:
    target = TARGETS[name]
    for seed in target.seeds():
        target.run(seed)


@pytest.mark.parametrize("name", TARGETS)
def test_mutated_samples_raise_typed_errors_only(name: str) -> None:
    target = TARGETS[name]
    seeds, rng = target.seeds(), random.Random(crc32(name.encode()))
    for _ in range(EXECUTIONS):
        data = mutate(rng.choice(seeds), rng, seeds)
        run(target, data)


def run(target: Target, data: bytes) -> None:
    try:
        target.run(data)
    except BaseException as error:
        error.add_note(f"input: {data.hex()}")
        raise


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.binary(max_size=400))
def test_arbitrary_bytes_raise_typed_errors_only(name: str, data: bytes) -> None:
    TARGETS[name].run(data)


@pytest.mark.parametrize("name", [name for name in TARGETS if TARGETS[name].per_byte_max])
def test_memory_is_bounded_by_the_input(name: str) -> None:
    target = TARGETS[name]
    seeds, rng = target.seeds(), random.Random(5)
    for seed in seeds:
        target.run(seed)  # fills caches, which are not the input's fault
    for _ in range(60):
        data = mutate(rng.choice(seeds), rng, seeds)
        target.run(data)
        tracemalloc.start()
        try:
            target.run(data)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak <= target.per_byte_max * len(data) + FIXED_BYTES, data.hex()


def test_the_corpus_holds_every_frame_of_the_golden_vectors() -> None:
    assert {side for side, _ in vector_frames()} == {"client", "server"}


REGRESSIONS: list[tuple[str, bytes]] = [
    ("websocket", UPGRADE.replace(b"Upgrade: w", b"Upgrade: x")[:-4] + b"\r\n\r\n\xff\xff" * 20),
    ("websocket", UPGRADE[:-4] + b"\r\n\r\n\xff\xff" * 20),
    ("control_lines", b'{"do": "app_create", "name": "a", "media_quota_bytes": 1e999}'),
    ("control_lines", b'{"do": "app_create", "name": "a", "media_quota_bytes": -5}'),
    ("control_lines", b'{"do": "app_create", "name": "a", "media_quota_bytes": 99999999999999999999999}'),
]


@pytest.mark.parametrize(("name", "data"), REGRESSIONS)
def test_what_was_found_stays_found(name: str, data: bytes) -> None:
    TARGETS[name].run(data)
