"""Drafts: copied durably before send returns, checked early, shown as the classes an app sends."""

import errno
import io
import json
import os
import subprocess
import sys
import wave
from pathlib import Path

import pytest
from PIL import Image as Pillow

import improtocol
import imsdk.drafts
from improtocol import Media, Text, limits
from imsdk.drafts import File, Image, Video, Voice, finish, present, sweep
from imsdk.errors import StorageFull
from imsdk.media import keeping
from imsdk.media_interface import KeptDraft, Uploaded

MEDIA = Media(id=b"\7" * 32, size=9, mime="image/png")


def png(size: tuple[int, int] = (30, 20), kind: str = "PNG") -> bytes:
    target = io.BytesIO()
    Pillow.new("RGB", size).save(target, kind)
    return target.getvalue()


def wav(milliseconds: int) -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as clip:
        clip.setnchannels(1)
        clip.setsampwidth(2)
        clip.setframerate(8000)
        clip.writeframes(bytes(2 * 8 * milliseconds))
    return target.getvalue()


def test_picture_from_file_is_kept_with_its_sides(tmp_path: Path) -> None:
    source = tmp_path / "shoes.png"
    source.write_bytes(png())
    kept = Image.from_file(source).keep(tmp_path / "outbox")
    source.unlink()
    assert (tmp_path / "outbox" / kept.file).read_bytes() == png()
    assert (kept.mime, kept.name, kept.size) == ("image/png", "shoes.png", len(png()))
    assert kept.facts == {"width": 30, "height": 20}


def test_kept_draft_survives_its_row(tmp_path: Path) -> None:
    kept = Voice.from_bytes(wav(1500), mime="audio/wav").keep(tmp_path)
    assert kept.facts == {"duration_ms": 1500}
    assert KeptDraft.from_json(kept.to_json()) == kept
    json.loads(kept.to_json())


def test_picture_is_known_by_its_bytes_not_its_name(tmp_path: Path) -> None:
    kept = Image.from_bytes(png(kind="JPEG"), name="looks-like.png").keep(tmp_path)
    assert kept.mime == "image/jpeg"


def test_picture_of_a_rarer_kind_is_read_by_pillow(tmp_path: Path) -> None:
    kept = Image.from_bytes(png(kind="BMP")).keep(tmp_path)
    assert (kept.mime, kept.facts["width"]) == ("image/bmp", 30)


@pytest.mark.parametrize("data", [b"no picture", b"%PDF-1.4 ...", png()[:15]])
def test_what_is_no_picture_is_refused_and_not_kept(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no picture"):
        Image.from_bytes(data).keep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_pictures_need_no_pillow(tmp_path: Path) -> None:
    """Without Pillow the common kinds work and a rarer one is refused by a sentence."""
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "a.bmp").write_bytes(png(kind="BMP"))
    program = """
import sys
sys.modules["PIL"] = None
from pathlib import Path
from imsdk.drafts import Image
folder = Path(sys.argv[1])
print(Image.from_file(folder / "a.png").keep(folder / "kept").facts["width"])
try:
    Image.from_file(folder / "a.bmp").keep(folder / "kept")
except ValueError as error:
    print(error)
"""
    out = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert out.stdout.splitlines() == ["30", "this is no picture of a known kind (PNG, JPEG, GIF, WebP)"]


@pytest.mark.parametrize("data", [b"ID3 mp3", b"", wav(10)[:20]])
def test_clip_that_does_not_tell_its_length_needs_it_said(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"duration_ms|empty"):
        Voice.from_bytes(data, mime="audio/mpeg").keep(tmp_path)
    assert list(tmp_path.iterdir()) == []
    if data:
        kept = Voice.from_bytes(data, mime="audio/mpeg", duration_ms=700).keep(tmp_path)
        assert kept.facts == {"duration_ms": 700}


@pytest.mark.parametrize("name", ["", "a/b", "a\\b", "x" * 256, " blank", "new\nline", "\ud800"])
def test_bad_file_name_shows_before_anything_is_sent(name: str) -> None:
    with pytest.raises(ValueError, match="file name"):
        File.from_bytes(b"data", name=name)


def test_bad_facts_show_before_anything_is_sent() -> None:
    with pytest.raises(ValueError, match="duration_ms"):
        Voice.from_bytes(b"x", mime="audio/ogg", duration_ms=-1)
    with pytest.raises(ValueError, match="width"):
        Video.from_bytes(b"x", mime="video/mp4", duration_ms=1, width=0, height=1)
    with pytest.raises(ValueError, match="type"):
        Voice.from_bytes(b"x", mime="", duration_ms=1)


def test_empty_and_too_large_sources_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="empty"):
        File.from_bytes(b"", name="a").keep(tmp_path)
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(limits.MEDIA_BYTES_MAX + 1)
    with pytest.raises(ValueError, match="at most"):
        File.from_file(large).keep(tmp_path / "outbox")
    assert not (tmp_path / "outbox").exists()


def test_missing_source_is_the_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        File.from_file(tmp_path / "none").keep(tmp_path / "outbox")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_leaves_nothing_behind(code: int, tmp_path: Path, monkeypatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patched:
        patched.setattr(keeping.os, "fsync", full)
        with pytest.raises(StorageFull):
            File.from_bytes(b"data", name="a").keep(tmp_path)
        assert list(tmp_path.iterdir()) == []
    File.from_bytes(b"data", name="a").keep(tmp_path)


def test_copy_and_name_are_synced_before_keep_returns(tmp_path: Path, monkeypatch) -> None:
    """Durable means: the file first, then the folder that holds its name."""
    synced = []
    real = os.fsync

    def note(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        real(descriptor)

    monkeypatch.setattr(keeping.os, "fsync", note)
    kept = File.from_bytes(b"data", name="a").keep(tmp_path)
    assert synced == [path.stat().st_ino for path in (tmp_path / kept.file, tmp_path)]


def test_sweep_deletes_only_what_no_row_names(tmp_path: Path) -> None:
    wanted = File.from_bytes(b"one", name="a").keep(tmp_path)
    File.from_bytes(b"two", name="a").keep(tmp_path)
    assert sweep(tmp_path, {wanted.file}) == 1
    assert [path.name for path in tmp_path.iterdir()] == [wanted.file]
    assert sweep(tmp_path / "none", set()) == 0


def test_finished_content_is_what_present_makes_of_the_received(tmp_path: Path) -> None:
    """What the sender's app holds equals what the receiver's app gets, for every kind."""
    uploaded = Uploaded(media=MEDIA, width=15, height=10, thumbnail=b"\1" * 32)
    drafts = [
        Image.from_bytes(png(), name="a.png"),
        Voice.from_bytes(wav(20), mime="audio/wav"),
        Video.from_bytes(b"mp4", mime="video/mp4", duration_ms=5, width=4, height=3),
        File.from_bytes(b"pdf", name="bill.pdf"),
    ]
    for draft in drafts:
        sent = finish(draft.keep(tmp_path), uploaded)
        received = improtocol.read_body(improtocol.Body(content=sent).to_value()).content
        assert type(received) is not type(sent)
        assert present(received) == sent
        assert isinstance(sent, imsdk.drafts._PRESENTED[type(received)])
    assert present(Text("words")) == Text("words")


def test_servers_sides_win_and_the_drafts_stand_in(tmp_path: Path) -> None:
    kept = Image.from_bytes(png()).keep(tmp_path)
    assert finish(kept, Uploaded(media=MEDIA, width=15, height=10)).width == 15
    assert finish(kept, Uploaded(media=MEDIA)).width == 30


def test_kept_text_is_no_media() -> None:
    with pytest.raises(ValueError, match="no media"):
        finish(KeptDraft(type=1, file="f", size=1, mime="a/b"), Uploaded(media=MEDIA))
