"""What all devices of a process share: where they note what happens, and their common terms."""

from collections.abc import Callable
from dataclasses import dataclass

from imload.blob import Blob
from imload.ledger import Ledger
from imload.people import People
from imload.tally import Tally
from improtocol.answers import UploadSlot


@dataclass(slots=True)
class Book:
    """The terms of a run.

    Attributes:
        people: of the schedule.
        tally, ledger: what is measured, and what the oracle needs.
        name_of: a user's name in this run, by its name in the schedule.
        group_id: a group's conversation id in this run, by its chat number.
        sender_of: the device that posts a message, by its number.
        upload: uploads a blob to a slot, and tells when it is done.
        token_of: makes a token for a user of this run.
        keepalive_s, ack_after_s: real seconds.
        storming: whether a storm is under way.
    """

    people: People
    tally: Tally
    ledger: Ledger
    name_of: Callable[[str], str]
    group_id: Callable[[int], int]
    sender_of: Callable[[int], int]
    token_of: Callable[[str], str]
    upload: Callable[[Blob, UploadSlot, Callable[[str, float], None]], None]
    keepalive_s: float
    ack_after_s: float
    storming: bool = False
