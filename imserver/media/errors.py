"""What can go wrong with media, one class a case; each says whose fault it is and what to do next.

`code` is stable and meant for programs, `do` is one sentence for the person or program that asked.
"""

from typing import ClassVar


class MediaError(Exception):
    """Base of everything this room raises on purpose."""

    code: ClassVar[str] = "media_error"
    do: ClassVar[str] = "Report it to the operator of the server."


# Theirs: the request cannot be carried out as it is ------------------------------------------------


class TicketInvalid(MediaError):
    """The ticket was not made by this server, was altered, or is of another kind."""

    code = "ticket_invalid"
    do = "Ask the server for a new ticket over the chat connection."


class TicketExpired(MediaError):
    """The ticket is genuine but its time is over."""

    code = "ticket_expired"
    do = "Ask the server for a new ticket over the chat connection; an upload goes on where it was."


class UploadForbidden(MediaError):
    """The shop has shut this user out, whatever ticket there is."""

    code = "upload_forbidden"
    do = "Stop; the chat connection says the same."


class UploadNotFound(MediaError):
    """No such upload for this app and user: never made, abandoned, expired or somebody else's."""

    code = "upload_not_found"
    do = "Start the upload again."


class BlobNotFound(MediaError):
    """No such blob, or not for you: both look the same on purpose."""

    code = "media_not_found"
    do = "Do not ask again; the media is gone or not yours."


class OffsetConflict(MediaError):
    """The bytes do not start where the durable part ends."""

    code = "offset_conflict"
    do = "Ask for the offset with HEAD and go on from there."

    def __init__(self, offset_bytes: int) -> None:
        super().__init__(f"the durable part of the upload ends at byte {offset_bytes}")
        self.offset_bytes = offset_bytes


class TooLarge(MediaError):
    """More bytes than the ticket declares, or than any upload may have."""

    code = "too_large"
    do = "Send a smaller file."


class MediaRefused(MediaError):
    """The content is not what it claims to be, or is dangerous to decode; it was deleted."""

    code = "media_refused"
    do = "Send another file; this one will be refused again."


class QuotaExceeded(MediaError):
    """The app's media quota has no room for this upload."""

    code = "quota_exceeded"
    do = "The shop has to free or buy media storage; do not retry before that."


class UploadSuperseded(MediaError):
    """A newer request for the same upload took over, as after a changed network."""

    code = "upload_superseded"
    do = "Nothing; the newer request goes on."


# The outside's: try again ------------------------------------------------------------------------------


class UploadInterrupted(MediaError):
    """The bytes stopped coming; what arrived is kept."""

    code = "upload_interrupted"
    do = "Ask for the offset with HEAD and go on from there."


class MediaBusy(MediaError):
    """A bound is reached: on concurrent or open uploads, or on the open files or memory of the system."""

    code = "media_busy"
    do = "Try again after a few seconds."


class OutOfSpace(MediaError):
    """The disk is full. Nothing durable was lost, the upload is kept, reads go on."""

    code = "out_of_space"
    do = "Try again later; the upload goes on where it was."


# Ours: stop ------------------------------------------------------------------------------------------------


class MediaBroken(MediaError):
    """The disk failed (an I/O error, a failed fsync): what is durable is unknown.

    After this nothing may be acknowledged any more; the caller stops the process.
    """

    code = "media_broken"
    do = "Try again later; the operator has to look at the server's disk."
