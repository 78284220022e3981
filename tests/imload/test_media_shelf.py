"""Messages with media wait for their upload, what is said behind them too, and nothing else does."""

from collections.abc import Callable, Iterable
from io import BytesIO

import pytest

from imload.blob import VIDEO, VIDEO_MS, VOICE, VOICE_MS, Blob
from imload.book import Book
from imload.media_shelf import TRIES_MAX, MediaShelf
from imload.parcels import BLOBS
from imload.schedule import Posting, Schedule
from improtocol import frames
from improtocol.answers import UploadSlot
from imserver.media.containers import Container, recognise
from tests.imload.loads import small
from tests.imload.relay import Stage

SCHEDULE = small(more="", seed=3)


class SlowUploads:
    """Keeps uploads until they are told to end."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.begun: list[Callable[[str, float], None]] = []
        self.blobs: list[str] = []
        book: Book = stage.book
        book.upload = self._upload

    def _upload(self, blob: Blob, slot: UploadSlot, done: Callable[[str, float], None]) -> None:
        self.begun.append(done)
        self.blobs.append(blob.name)

    def end(self, failure: str = "") -> None:
        begun, self.begun = self.begun, []
        for done in begun:
            done(failure, self.stage.relay.now_s)
        self.stage.relay.settle()

    def end_all(self) -> None:
        while self.begun:
            assert len(self.begun) == 1, "one after the other"
            self.end()


def blobs_of(postings: Iterable[Posting]) -> set[str]:
    return {BLOBS[posting.kind].name for posting in postings if posting.kind in BLOBS}


def from_first_media(schedule: Schedule) -> tuple[int, list[int]]:
    """The device that shows most blobs, and the numbers of its messages from the first with media on."""
    by_device: dict[int, list[Posting]] = {}
    for posting in schedule.postings:
        if by_device.get(posting.device) or posting.kind in BLOBS:
            by_device.setdefault(posting.device, []).append(posting)
    device = max(by_device, key=lambda device: len(blobs_of(by_device[device])))
    return device, [posting.number for posting in by_device[device]]


def staged() -> tuple[Stage, SlowUploads, int, list[int]]:
    stage = Stage(SCHEDULE)
    uploads = SlowUploads(stage)
    stage.connect_all()
    device, numbers = from_first_media(SCHEDULE)
    assert len(numbers) > 1, "the load is too small for this test"
    for number in numbers:
        stage.post(number)
    stage.relay.settle()
    return stage, uploads, device, numbers


def test_all_that_follows_waits_and_goes_in_order_once_the_upload_is_there() -> None:
    stage, uploads, _, numbers = staged()
    assert stage.tally.counts["posted"] == 0
    uploads.end_all()
    assert stage.tally.counts["acked"] == len(numbers)
    assert [n for n in numbers if stage.ledger.seqs[n] > 0] == numbers
    assert stage.tally.durations["upload"].count == len(uploads.blobs)


def test_connection_lost_during_the_upload_asks_no_second_time() -> None:
    stage, uploads, device, numbers = staged()
    stage.relay.cut(stage.devices[device])
    stage.relay.connect(stage.devices[device])
    assert len(uploads.blobs) == 1
    uploads.end_all()
    assert stage.tally.counts["acked"] == len(numbers)


def test_upload_that_keeps_failing_is_tried_so_often_and_what_waits_is_told() -> None:
    stage, uploads, device, numbers = staged()
    for _ in range(TRIES_MAX + 3):
        uploads.end("HTTP 507")
    assert stage.tally.counts["upload failed: HTTP 507"] == TRIES_MAX
    assert stage.devices[device].composer.holds == len(numbers)
    assert not stage.devices[device].idle


def test_each_message_waits_for_its_own_blob_and_each_blob_is_uploaded_once() -> None:
    stage, uploads, _, numbers = staged()
    wanted = blobs_of(SCHEDULE.postings[number] for number in numbers)
    assert len(wanted) > 1, "the load is too small for this test"
    uploads.end_all()
    assert sorted(uploads.blobs) == sorted(wanted)
    assert [n for n in numbers if stage.ledger.seqs[n] > 0] == numbers


def test_a_question_that_went_down_with_its_connection_was_no_try() -> None:
    stage = Stage(SCHEDULE)
    shelf = MediaShelf(stage.book)
    shelf.hold(next(posting for posting in SCHEDULE.postings if posting.kind in BLOBS))
    asked: list[frames.Query] = []
    for _ in range(2 * TRIES_MAX):
        shelf.ask(asked.append, 0.0)
        shelf.lost()
    assert len(asked) == 2 * TRIES_MAX


@pytest.mark.parametrize(("blob", "duration_ms"), [(VOICE, VOICE_MS), (VIDEO, VIDEO_MS)])
def test_clips_are_as_long_as_their_messages_say(blob: Blob, duration_ms: int) -> None:
    assert recognise(BytesIO(blob.data), len(blob.data)) == Container(blob.mime, duration_ms)
