"""Messages with media wait for their upload, what is said behind them too, and nothing else does."""

from collections.abc import Callable

from imload.book import Book
from imload.media_shelf import TRIES_MAX
from imload.parcels import MEDIA_KINDS
from imload.schedule import Schedule
from improtocol.answers import UploadSlot
from tests.imload.loads import small
from tests.imload.relay import Stage

SCHEDULE = small(more="", seed=3)


class SlowUploads:
    """Keeps uploads until they are told to end."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.begun: list[Callable[[str, float], None]] = []
        book: Book = stage.book
        book.upload = self._upload

    def _upload(self, slot: UploadSlot, done: Callable[[str, float], None]) -> None:
        self.begun.append(done)

    def end(self, failure: str = "") -> None:
        begun, self.begun = self.begun, []
        for done in begun:
            done(failure, self.stage.relay.now_s)
        self.stage.relay.settle()


def first_media(schedule: Schedule) -> tuple[int, list[int]]:
    """The device of the first message with media, and the numbers of its messages from there on."""
    first = next(posting for posting in schedule.postings if posting.kind in MEDIA_KINDS)
    return first.device, [
        p.number for p in schedule.postings if p.device == first.device and p.number >= first.number
    ]


def staged() -> tuple[Stage, SlowUploads, int, list[int]]:
    stage = Stage(SCHEDULE)
    uploads = SlowUploads(stage)
    stage.connect_all()
    device, numbers = first_media(SCHEDULE)
    assert len(numbers) > 1, "the load is too small for this test"
    for number in numbers:
        stage.post(number)
    stage.relay.settle()
    return stage, uploads, device, numbers


def test_all_that_follows_waits_and_goes_in_order_once_the_upload_is_there() -> None:
    stage, uploads, _, numbers = staged()
    assert stage.tally.counts["posted"] == 0
    uploads.end()
    assert stage.tally.counts["acked"] == len(numbers)
    assert [n for n in numbers if stage.ledger.seqs[n] > 0] == numbers
    assert stage.tally.durations["upload"].count == 1


def test_connection_lost_during_the_upload_asks_no_second_time() -> None:
    stage, uploads, device, numbers = staged()
    stage.relay.cut(stage.devices[device])
    stage.relay.connect(stage.devices[device])
    assert len(uploads.begun) == 1
    uploads.end()
    assert stage.tally.counts["acked"] == len(numbers)


def test_upload_that_keeps_failing_is_tried_so_often_and_what_waits_is_told() -> None:
    stage, uploads, device, numbers = staged()
    for _ in range(TRIES_MAX + 3):
        uploads.end("HTTP 507")
    assert stage.tally.counts["upload failed: HTTP 507"] == TRIES_MAX
    assert stage.devices[device].composer.holds == len(numbers)
    assert not stage.devices[device].idle
