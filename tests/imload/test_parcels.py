"""Parcels: every kind of content says which message it is, and any other byte is noticed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imload.parcels import SIZE_BYTES_MAX, Altered, ContentKind, Parcel
from improtocol import pack, pack_body

PARCELS = st.builds(
    Parcel,
    st.integers(0, 10**7),
    st.integers(0, 10**13),
    st.sampled_from(list(ContentKind)),
    st.integers(1, 1000),
)


@given(PARCELS)
def test_what_is_posted_is_read_back(parcel: Parcel) -> None:
    assert Parcel.read(pack_body(parcel.body())) == parcel


@given(PARCELS, st.data())
def test_any_changed_byte_is_noticed(parcel: Parcel, data: st.DataObject) -> None:
    payload = bytearray(pack_body(parcel.body()))
    place = data.draw(st.integers(0, len(payload) - 1))
    payload[place] ^= data.draw(st.integers(1, 255))
    try:
        read = Parcel.read(bytes(payload))
    except ValueError:
        return  # altered, or not even a message any more
    assert read != parcel, "what cannot be noticed by itself is another parcel, and the oracle knows them all"


@pytest.mark.parametrize("kind", ContentKind)
def test_largest_size_can_be_posted(kind: ContentKind) -> None:
    pack_body(Parcel(10**9, 10**14, kind, SIZE_BYTES_MAX).body())


def test_foreign_message_is_not_taken_for_one() -> None:
    for value in ("hello", "1.2.t", [3, [1.0, 2.0]], [9, ["kind", {"tag": 7}]], 5, [99, []]):
        with pytest.raises(Altered):
            Parcel.read(pack(value))  # type: ignore[arg-type]
