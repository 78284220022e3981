"""The demo's media are what they claim to be, and no two notes give the same bytes."""

import io

import pytest

from imserver.demo import assets
from imserver.media import MediaLimits
from imserver.media.inspect import inspect

MIMES = {
    "shoes.jpg": "image/jpeg",
    "voice-customer.wav": "audio/wav",
    "voice-agent.wav": "audio/wav",
    "shoes.mp4": "video/mp4",
    "invoice.pdf": "application/octet-stream",
}


def test_every_asset_is_tested() -> None:
    assert set(assets.names()) == set(MIMES)


@pytest.mark.parametrize("name", MIMES)
def test_server_recognises_an_annotated_asset(name: str) -> None:
    data = assets.load(name, "a note, odd in length")
    assert inspect(io.BytesIO(data), len(data), MIMES[name], MediaLimits()).mime == MIMES[name]


@pytest.mark.parametrize("name", MIMES)
def test_note_makes_the_bytes_unique(name: str) -> None:
    assert len({assets.load(name, note) for note in ("1", "2", "22")}) == 3


def test_lengths_that_the_dialogue_says_are_those_of_the_clips() -> None:
    for name, said_ms in (("voice-customer.wav", 4659), ("voice-agent.wav", 2360)):
        data = assets.load(name, "")
        found = inspect(io.BytesIO(data), len(data), "audio/wav", MediaLimits())
        assert found.duration_ms == said_ms
