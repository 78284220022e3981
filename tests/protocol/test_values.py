"""The msgpack dialect: canonical, bounded, the same from msgpack's C and pure-Python halves."""

import threading
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgpack import fallback

from improtocol import limits, pack, unpack
from improtocol.values import _packers, check_count, check_value
from tests.protocol.strategies import values

CUSTOM = limits.CUSTOM_NESTING_MAX


@given(values(6))
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    assert unpack(pack(value)) == value


@given(values(6))
def test_both_halves_of_msgpack_agree_byte_for_byte(value: Any) -> None:
    packed = pack(value)
    assert fallback.Packer().pack(value) == packed
    assert msgpack.Packer().pack(value) == packed
    assert fallback.unpackb(packed) == value
    assert msgpack.unpackb(packed) == value


@given(st.binary(max_size=200))
def test_random_bytes_are_a_value_or_a_value_error(data: bytes) -> None:
    try:
        value = unpack(data)
    except ValueError:
        return
    # What is understood can be said, canonically: so understanding it again gives the same bytes.
    again = pack(value)
    assert pack(unpack(again)) == again


@pytest.mark.parametrize(
    "data",
    [
        "",
        "c1",  # never used
        "c0c0",  # two values
        "92c0",  # one element missing
        "a3ffffff",  # not UTF-8
        "a3eda080",  # a surrogate in UTF-8
        "81c4016101",  # a map whose key is bytes
        "8101c0",  # a map whose key is an integer
        "d4012a",  # extension type 1
        "d6ff00000000",  # a timestamp
        "c70001",  # an empty extension
        "9181a161d4012a",  # an extension further in
        "dd7fffffff",  # 2^31 elements announced
        "df7fffffff",
        "db7fffffff61",
        "c67fffffff61",
    ],
)
def test_what_is_not_of_the_dialect_is_refused(data: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        unpack(bytes.fromhex(data))


@pytest.mark.parametrize("header", ["91", "81a161"])
def test_nesting_ends_at_the_limit(header: str) -> None:
    level = bytes.fromhex(header)
    unpack(level * limits.NESTING_MAX + b"\xc0")
    for depth in (limits.NESTING_MAX + 1, 500, 1_100, 100_000):
        with pytest.raises(ValueError, match=r"nested|Stack"):
            unpack(level * depth + b"\xc0")


@pytest.mark.parametrize("depth", [50, 1_000, 100_000])
def test_depth_never_becomes_a_recursion_error_in_the_pure_half(
    depth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(msgpack, "unpackb", fallback.unpackb)
    monkeypatch.setattr(msgpack, "Unpacker", fallback.Unpacker)
    for level in (b"\x91", b"\x81\xa1a", b"\xdc\x00\x01"):
        with pytest.raises(ValueError, match=r"nested|Stack|not a msgpack"):
            unpack(level * depth + b"\xc0")


def test_packing_what_is_too_deep_is_a_value_error(monkeypatch: pytest.MonkeyPatch) -> None:
    deep: list[Any] = []
    for _ in range(5_000):
        deep = [deep]
    with pytest.raises(ValueError, match=r"."):
        pack(deep)
    monkeypatch.setattr("improtocol.values._packers", [fallback.Packer()])
    with pytest.raises(ValueError, match=r"."):
        pack(deep)
    assert pack([1]) == b"\x91\x01", "a failed call leaves nothing behind"


def test_elements_end_at_the_limit() -> None:
    unpack(pack([0] * limits.ELEMENTS_MAX))
    with pytest.raises(ValueError, match="at most 4096"):
        unpack(pack([0] * (limits.ELEMENTS_MAX + 1)))
    with pytest.raises(ValueError, match="at most 4096"):
        unpack(pack({str(key): 0 for key in range(limits.ELEMENTS_MAX + 1)}))


def values_in(value: Any) -> int:
    """Counted in what was decoded, not in bytes."""
    if isinstance(value, dict):
        return 1 + len(value) + sum(map(values_in, value.values()))
    return 1 + sum(map(values_in, value)) if isinstance(value, list) else 1


#: One of each form that has a length, with bytes in it that would be headers of arrays and maps elsewhere.
FORMS = [
    *([b"\xdc" * size for size in (0, 1, 255, 256, 65_535, 65_536)]),
    *(["ܐ" * size for size in (0, 1, 15, 16, 127, 128, 32_767, 32_768)]),
    *([2**bits for bits in (6, 7, 8, 15, 16, 31, 32, 52)]),
    *([-(2**bits) for bits in (5, 6, 7, 8, 15, 16, 31, 32, 52)]),
    *([[0] * size for size in (0, 1, 15, 16, 4_096)]),
    *([{str(key): key for key in range(size)} for size in (0, 1, 15, 16, 2_000)]),
    *(None, True, False, 0.5, [[[]]], {"a": {"b": {}}}),
]


@given(values(6) | st.lists(st.sampled_from(FORMS), max_size=8))
def test_values_are_counted_exactly(value: Any) -> None:
    count, packed = values_in(value), pack(value)
    check_count("data", packed, count)
    check_count("data", packed + b"\xdc\xff\xff", count)  # what comes behind is not part of it
    if count > 1:
        with pytest.raises(ValueError, match=f"data: at most {count - 1} values"):
            check_count("data", packed, count - 1)


@pytest.mark.parametrize(
    ("packed", "count"),
    [
        *[(head + "000000", 4) for head in ("93", "dc0003", "dd00000003")],
        *[(head + "a161c0d90162c0", 5) for head in ("82", "de0002", "df00000002")],
        ("95a161d90161da000161db0000000161a161", 6),
        ("93c401ddc50001ddc600000001dd", 4),
        ("95d000d10000d200000000d30000000000000000ca00000000", 6),
    ],
)
def test_every_form_of_a_length_is_counted(packed: str, count: int) -> None:
    """Readers must accept any, so a sender of longer ones must not get past the count."""
    data = bytes.fromhex(packed)
    assert values_in(unpack(data)) == count
    check_count("data", data, count)
    with pytest.raises(ValueError, match="at most"):
        check_count("data", data, count - 1)


@given(st.binary(max_size=200), st.integers(1, 50))
def test_what_the_decoder_takes_was_counted_right_whatever_the_bytes(data: bytes, most: int) -> None:
    try:
        counted = values_in(unpack(data))
    except ValueError:
        return
    if counted > most:
        with pytest.raises(ValueError, match="at most"):
            check_count("data", data, most)
    else:
        check_count("data", data, most)


def test_values_end_at_the_limit_only_where_there_is_one() -> None:
    rows: list[Any] = [[0] * 3_000, {"k": [0] * 2_000}]
    packed, count = pack(rows), values_in(rows)
    assert unpack(packed, count) == unpack(packed) == unpack(memoryview(packed), count) == rows
    with pytest.raises(ValueError, match="at most 5004 values"):
        unpack(packed, count - 1)


def test_many_long_arrays_that_are_all_there_are_fine() -> None:
    rows: list[Any] = [list(range(20)) for _ in range(100)]
    assert unpack(pack(rows)) == rows
    assert unpack(memoryview(pack("ݐ" * 100))) == "ݐ" * 100, "0xdd in text is text"


def test_threads_may_pack_at_once() -> None:
    """The packers are shared; two threads must never write into one at the same time."""
    wrong: list[object] = []

    def work(number: int) -> None:
        value = [number] * 50
        expected = msgpack.packb(value)
        if any(pack(value) != expected for _ in range(2_000)):
            wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len({id(packer) for packer in _packers}) == len(_packers), "each is out or in, never both"


@given(values(CUSTOM))
def test_every_value_of_the_dialect_passes_the_check(value: Any) -> None:
    check_value("data", value, CUSTOM)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (2**53, "data: integers must fit 53 bits"),
        (-(2**53), "data: integers must fit 53 bits"),
        ([1, {"a": [2**60]}], r"data\[1\]\['a'\]\[0\]: integers"),
        (float("nan"), "finite"),
        (float("-inf"), "finite"),
        ("\ud800", "surrogate"),
        ({"\ud800": 1}, "surrogate"),
        ({1: 1}, "keys must be text"),
        ([[[[[[1]]]]]], "nested too deep"),
        (object(), "object cannot be sent"),
        (msgpack.ExtType(1, b""), "ExtType cannot be sent"),
        ([0] * 4097, "at most 4096 elements"),
        (dict.fromkeys(map(str, range(4097))), "at most 4096 keys"),
    ],
)
def test_everything_else_fails_the_check_and_says_where(value: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        check_value("data", value, CUSTOM)


def test_the_complaint_holds_no_hostile_key() -> None:
    """It goes into a reason, where NUL is not allowed and 512 bytes are the limit."""
    with pytest.raises(ValueError, match="integers") as caught:
        check_value("data", {"\0" + "x" * 10_000: 2**60})
    assert "\0" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_an_extension_type_within_an_array_is_a_value_error() -> None:
    """Also compiled, where an element that is no value must not be taken for one first."""
    with pytest.raises(ValueError, match="extension"):
        unpack(b"\x92\x01\xd6\xff\x00\x00\x00\x01")
