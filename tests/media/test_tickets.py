"""Tickets: genuine ones open, everything else is refused."""

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imserver.media import ORIGINAL, LinkTicket, Signer, TicketExpired, TicketInvalid, UploadTicket
from imserver.media.testing import KEY, NOW_MS, UPLOAD_ID, Clock
from imserver.media.tickets import TICKET_CHARS_MAX

UPLOAD = UploadTicket(
    app=7,
    user="alice",
    size_bytes=20_000_000,
    mime="image/jpeg",
    name="鞋.jpg",
    upload_id=UPLOAD_ID,
    expires_ms=NOW_MS + 1,
)
LINK = LinkTicket(
    app=7,
    user="alice",
    conversation=2**53 - 1,
    sha256=bytes(32),
    variant=ORIGINAL,
    name="鞋.jpg",
    expires_ms=NOW_MS + 1,
)


def signer(*keys: bytes) -> Signer:
    return Signer(keys or (KEY,), Clock())


def test_a_ticket_opens_to_what_was_sealed() -> None:
    assert signer().open_upload(signer().seal_upload(UPLOAD)) == UPLOAD
    assert signer().open_link(signer().seal_link(LINK)) == LINK


def test_a_ticket_is_safe_in_a_url_path_and_a_header() -> None:
    alphabet = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert set(signer().seal_link(LINK)) | set(signer().seal_upload(UPLOAD)) <= alphabet


@pytest.mark.parametrize("kind", ["upload", "link"])
def test_flipping_any_bit_of_any_byte_is_refused(kind: str) -> None:
    """Also in the text: the spare bits of base64's last character must not make a second valid text."""
    text = signer().seal_upload(UPLOAD) if kind == "upload" else signer().seal_link(LINK)
    open_ = signer().open_upload if kind == "upload" else signer().open_link
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    forged = []
    for i in range(len(raw)):
        for bit in range(8):
            flipped = raw[:i] + bytes((raw[i] ^ 1 << bit,)) + raw[i + 1 :]
            forged.append(base64.urlsafe_b64encode(flipped).rstrip(b"=").decode())
    for i in range(len(text)):
        forged += [text[:i] + other + text[i + 1 :] for other in "AQgw_-!é" if other != text[i]]
    assert len(forged) > 1000
    for each in forged:
        with pytest.raises(TicketInvalid):
            open_(each)


@given(
    st.one_of(
        st.text(max_size=200), st.binary(max_size=200).map(lambda raw: base64.urlsafe_b64encode(raw).decode())
    )
)
def test_no_other_text_opens(text: str) -> None:
    for open_ in (signer().open_upload, signer().open_link):
        with pytest.raises(TicketInvalid):
            open_(text)


@pytest.mark.parametrize("suffix", ["=", "==", " ", "\n", "A", "*"])
def test_only_the_canonical_text_opens(suffix: str) -> None:
    with pytest.raises(TicketInvalid):
        signer().open_link(signer().seal_link(LINK) + suffix)


def test_a_link_is_no_upload_ticket_and_the_other_way_round() -> None:
    with pytest.raises(TicketInvalid):
        signer().open_upload(signer().seal_link(LINK))
    with pytest.raises(TicketInvalid):
        signer().open_link(signer().seal_upload(UPLOAD))


def test_a_ticket_ends_at_its_millisecond() -> None:
    clock = Clock()
    mine = Signer([KEY], clock)
    text = mine.seal_link(LINK)
    clock.now_ms = LINK.expires_ms - 1
    assert mine.open_link(text) == LINK
    clock.now_ms = LINK.expires_ms
    with pytest.raises(TicketExpired):
        mine.open_link(text)


def test_an_expired_forgery_is_invalid_and_not_expired() -> None:
    """Only the holder of a genuine ticket learns that it once was good."""
    foreign = Signer([b"x" * 32], Clock()).seal_link(replace(LINK, expires_ms=0))
    with pytest.raises(TicketInvalid):
        signer().open_link(foreign)


def test_keys_rotate_without_killing_tickets() -> None:
    old, new = KEY, b"n" * 32
    assert signer(new, old).open_link(signer(old).seal_link(LINK)) == LINK
    with pytest.raises(TicketInvalid):
        signer(new).open_link(signer(new, old).seal_link(LINK)[::-1])
    with pytest.raises(TicketInvalid):
        signer(old).open_link(signer(new, old).seal_link(LINK))


def test_weak_or_missing_keys_are_refused() -> None:
    for keys in ([], [b"short"], [KEY, b"short"]):
        with pytest.raises(ValueError, match="32 bytes"):
            Signer(keys, Clock())


def test_a_ticket_that_would_be_too_long_is_not_made() -> None:
    with pytest.raises(ValueError, match="too long"):
        signer().seal_upload(replace(UPLOAD, name="x" * TICKET_CHARS_MAX))
